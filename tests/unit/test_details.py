"""What is said about a video: the sidecar goes before the container, that before the file name."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.media import shot, write_clip
from workers.analysis import VideoInfo
from workers.details import Details, describe
from workers.sidecars import sidecar_state
from workers.video import probe

RECORDED_AT = datetime(2026, 2, 3, tzinfo=UTC)
CONTAINER = VideoInfo(
    duration_s=1.0,
    width=64,
    height=48,
    fps=25.0,
    codec="h264",
    frame_count=25,
    title="From the container",
    recorded_at=RECORDED_AT,
    tags={"encoder": "some\0thing"},
    subtitles=False,
)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return tmp_path / "my clip.mp4"


def test_the_container_speaks_where_there_is_no_sidecar(video: Path) -> None:
    details = describe(video, CONTAINER, collection="given")

    assert (details.title, details.collection) == ("From the container", "given")
    assert details.recorded_at == RECORDED_AT
    assert details.warning is None


def test_a_camera_that_says_the_last_day_of_all_is_not_believed(video: Path) -> None:
    late = replace(CONTAINER, recorded_at=datetime(9999, 12, 31, 23, tzinfo=UTC))

    assert describe(video, late).recorded_at is None


def test_the_file_name_is_the_title_where_nobody_speaks(video: Path) -> None:
    nameless = VideoInfo(**{**vars(CONTAINER), "title": None})

    assert describe(video, nameless).title == "my clip"


def test_the_sidecar_goes_before_the_container(video: Path) -> None:
    video.with_suffix(".json").write_text(
        json.dumps(
            {
                "title": "From the sidecar",
                "collection": "news",
                "tags": ["a", "b", "a"],
                "recorded_at": "2026-05-06T07:08:09",
                "metadata": {"camera": "GoPro", "n": 3},
                "something else": "is ignored",
            }
        )
    )

    details = describe(video, CONTAINER, collection="given")

    assert (details.title, details.collection) == ("From the sidecar", "news")
    assert details.tags == ("a", "b")
    assert details.recorded_at == datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert details.metadata["camera"] == "GoPro"


def test_what_postgres_cannot_keep_is_left_out(video: Path) -> None:
    video.with_suffix(".json").write_text(r'{"metadata": {"a\u0000": ["b\u0000", "\ud800"]}}')

    metadata = describe(video, CONTAINER).metadata

    assert metadata == {"encoder": "something", "a": ["b", "?"]}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"tags": "news"}',
        '{"recorded_at": "soon"}',
        '{"recorded_at": "0001-01-01T00:00:00+14:00"}',
        '{"recorded_at": "9999-12-31T23:00:00-14:00"}',
        '{"recorded_at": 1e15}',
        '{"metadata": {"n": NaN}}',
        "\xff",
        '{"metadata": {"n": 1e999}}',
        "[" * 100_000,
    ],
)
def test_a_broken_sidecar_is_left_aside_with_a_warning(video: Path, content: str) -> None:
    video.with_suffix(".json").write_bytes(content.encode("latin-1"))

    details = describe(video, CONTAINER)

    assert details.title == "From the container"
    assert details.warning is not None
    assert details.warning.startswith("my clip.json was left aside: ")
    assert "\n" not in details.warning


def describe_yaml(video: Path, content: str, suffix: str = ".yaml") -> Details:
    video.with_suffix(suffix).write_text(content, encoding="utf-8")
    return describe(video, CONTAINER)


@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
def test_a_sidecar_may_be_yaml(video: Path, suffix: str) -> None:
    details = describe_yaml(
        video,
        "title: From YAML\ntags: [a, b]\nrecorded_at: 2026-05-06 07:08:09\n"
        "description: |\n  Two\n  lines\nmetadata:\n  camera: GoPro\n  n: 3\n  ok: true\n",
        suffix,
    )

    assert (details.title, details.tags, details.warning) == ("From YAML", ("a", "b"), None)
    assert details.description == "Two\nlines"
    assert details.recorded_at == datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert details.metadata == {"encoder": "something", "camera": "GoPro", "n": 3, "ok": True}


def test_json_goes_before_yaml(video: Path) -> None:
    video.with_suffix(".json").write_text('{"title": "From JSON"}')

    assert describe_yaml(video, "title: From YAML").title == "From JSON"


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("2026-01-31", "2026-01-31"),
        ("no", "no"),
        ("1:30", "1:30"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("-12.5", -12.5),
        ("1e3", 1000.0),
        ("7", 7),
        ("null", None),
        ("~", "~"),
        ("", None),
        ("'7'", "7"),
        (r'"a\0\ud800b"', "a?b"),
    ],
)
def test_yaml_means_what_it_looks_like(video: Path, written: str, means: object) -> None:
    assert describe_yaml(video, f"metadata: {{key: {written}}}").metadata["key"] == means


def test_a_day_alone_is_when_it_was_recorded(video: Path) -> None:
    assert describe_yaml(video, "recorded_at: 2026-05-06").recorded_at == datetime(
        2026, 5, 6, tzinfo=UTC
    )


def test_an_empty_yaml_says_nothing(video: Path) -> None:
    assert describe_yaml(video, "# nothing yet\n").warning is None


LAUGHS = "a: &a [x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"metadata:\n  z: 1\n{LAUGHS}", "has an alias"),
        ("a: &a [*a]", "has an alias"),
        ("title: 2026", "title: Input should be a valid string; in quotes it is a text"),
        ("metadata: {1: x}", "has the key 1, which is no text; put it in quotes"),
        ("metadata: {? [a] : x}", "found unhashable key"),
        ("title: a: b", "line 1: mapping values are not allowed here"),
        ("title: x\n\ttags: y", "line 2: "),
        ("title: [", "line 1: "),
        ("- a\n- b", "the whole: "),
        ("title: !!python/object/apply:os.system ['true']", "has a tag (!name)"),
        ("metadata: {a: !!binary aGk=}", "has a tag (!name)"),
        ("metadata: {a: !!bool maybe}", "has a tag (!name)"),
        ("a: 1\n---\na: 2", "but found another document"),
        ("metadata: {n: 1e999}", "number that is too large"),
        ("metadata: {n: " + "9" * 5000 + "}", "it is not YAML to be read: "),
        ("title: \x00", "special characters are not allowed"),
        ("[" * 50_000, "recursion"),
        ("a: " + "x" * (1 << 17), "larger than 128 KiB"),
    ],
    ids=lambda value: value[:24],
)
def test_yaml_that_cannot_be_understood_is_left_aside(
    video: Path, content: str, reason: str
) -> None:
    details = describe_yaml(video, content)

    assert details.title == "From the container"
    assert details.warning is not None
    assert details.warning.startswith("my clip.yaml was left aside: ")
    assert reason in details.warning
    assert "\n" not in details.warning


def test_a_huge_json_is_not_even_read(video: Path) -> None:
    video.with_suffix(".json").write_text('{"title": "' + "x" * (1 << 20) + '"}')

    assert "larger than 1024 KiB" in str(describe(video, CONTAINER).warning)


def test_what_is_no_file_is_no_sidecar(video: Path) -> None:
    os.mkfifo(video.with_suffix(".json"))
    video.with_suffix(".yaml").mkdir()

    assert describe(video, CONTAINER).warning is None


def test_a_name_that_leaves_no_room_for_another_suffix_has_no_sidecars(tmp_path: Path) -> None:
    video = tmp_path / ("x" * 252 + ".ts")

    assert describe(video, CONTAINER).warning is None
    assert sidecar_state(video) is None


@pytest.mark.parametrize(
    ("tag", "place"),
    [
        ("+48.8577+002.295/", (48.8577, 2.295)),
        ("+40.6800-74.5000/", (40.68, -74.5)),
        ("-33.8688+151.2093+035.2/", (-33.8688, 151.2093)),
        ("+51.5334-000.1255+026.756/", (51.5334, -0.1255)),
        ("+27.5916+086.5640+8850CRSWGS_84/", (27.5916, 86.564)),
        ("+4851.462+00217.7/", (48.8577, 2.295)),
        ("+485127.72-0021742/", (48.8577, -2.295)),
        ("+00.0000+000.0000/", None),
        ("+91.0+002.0/", None),
        ("+48.8-181.0/", None),
        ("Paris", None),
        ("", None),
        ("+" + "9" * 5000 + "+1/", None),
        ("+٤٨.٨+٢.٢/", None),
    ],
)
def test_the_place_in_the_container_becomes_numbers(
    video: Path, tag: str, place: tuple[float, float] | None
) -> None:
    for name in ("location", "location-eng", "com.apple.quicktime.location.iso6709"):
        details = describe(video, replace(CONTAINER, tags={name: tag}))

        found = details.metadata.get("latitude"), details.metadata.get("longitude")
        assert found == (place or (None, None))
        # What the container says word for word, such as a height, is not lost.
        assert details.metadata[name] == tag


def test_the_sidecar_knows_the_place_better(video: Path) -> None:
    video.with_suffix(".json").write_text('{"metadata": {"latitude": 1.5}}')

    details = describe(video, replace(CONTAINER, tags={"location": "+48.8577+002.295/"}))

    assert (details.metadata["latitude"], details.metadata["longitude"]) == (1.5, 2.295)


@pytest.mark.parametrize("name", ["place.mov", "place.mp4", "place.mkv"])
def test_the_place_is_read_from_real_containers(tmp_path: Path, name: str) -> None:
    place = write_clip(
        tmp_path / name, shot(1, 5), metadata={"location": "+48.8577+002.295/", "title": "Paris"}
    )

    details = describe(place, probe(place))

    assert details.title == "Paris"
    assert (details.metadata["latitude"], details.metadata["longitude"]) == (48.8577, 2.295)


def test_the_place_is_read_from_an_iphones_tag(tmp_path: Path) -> None:
    place = write_clip(
        tmp_path / "iphone.mov",
        shot(1, 5),
        metadata={
            "com.apple.quicktime.location.ISO6709": "+48.8577+002.2950+035.2/",
            "com.apple.quicktime.creationdate": "2026-05-06T07:08:09+0200",
        },
        muxer_options={"movflags": "use_metadata_tags"},
    )

    details = describe(place, probe(place))

    assert (details.metadata["latitude"], details.metadata["longitude"]) == (48.8577, 2.295)
    assert details.recorded_at == datetime(2026, 5, 6, 5, 8, 9, tzinfo=UTC)


def test_the_state_of_sidecars_tells_any_change(video: Path) -> None:
    states = [sidecar_state(video)]
    for suffix in (".json", ".yaml", ".yml", ".srt", ".vtt"):
        video.with_suffix(suffix).write_text("one")
        states.append(sidecar_state(video))
    video.with_suffix(".srt").write_text("other")
    states.append(sidecar_state(video))
    os.utime(video.with_suffix(".json"), ns=(1, 1))
    states.append(sidecar_state(video))
    video.with_suffix(".vtt").unlink()
    states.append(sidecar_state(video))

    assert states[0] is None
    assert len(set(states)) == len(states)
    assert sidecar_state(video) == states[-1]


def test_only_names_that_are_in_the_folder_are_looked_at(video: Path) -> None:
    video.with_suffix(".json").write_text("{}")
    video.with_suffix(".srt").write_text("")

    assert sidecar_state(video, {"my clip.json", "my clip.srt"}) == sidecar_state(video)
    assert sidecar_state(video, {"my clip.mp4"}) is None
