"""What is said beside an indexed video is read again when it changes; the pictures are not."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.ingesting import ingester_of
from tests.media import shot, write_clip
from workers.decoder import Decoder
from workers.decoders import Decoders
from workers.ingest import Outcome
from workers.model import TINY, Model, load
from workers.refresh import refresh_details
from workers.sidecars import sidecar_state

SRT = "1\n00:00:00,100 --> 00:00:00,900\n{first}\n\n2\n00:00:01,200 --> 00:00:01,800\n{second}\n"


@pytest.fixture(scope="module")
def tiny() -> Model:
    return load(TINY, Path("unused"))


Ingest = Callable[[Path], Outcome]


@pytest.fixture
def ingest(engine: Engine, tiny: Model, decoder: Decoder, tmp_path: Path) -> Ingest:
    """Indexes one file into the test's database."""
    return ingester_of(engine, tiny, decoder, tmp_path / "spool").ingest


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two shots of a second each, with a title."""
    return write_clip(
        tmp_path / "clip.mp4", shot(1, 25) + shot(2, 25), metadata={"title": "Two places"}
    )


def rows(engine: Engine, query: str) -> Sequence[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def pictures(engine: Engine) -> Sequence[tuple[object, ...]]:
    """Which rows hold the pictures: a row that was written anew has another place."""
    return rows(
        engine,
        "SELECT e.ctid::text, f.ctid::text, v.indexed_at FROM frame_embeddings e "
        "JOIN frames f USING (video_id, frame_no) JOIN videos v ON v.id = e.video_id ORDER BY 1",
    )


def say(clip: Path, **fields: object) -> None:
    """Writes the clip's sidecar, with a time of its own each time."""
    sidecar = clip.with_suffix(".json")
    sidecar.write_text(json.dumps(fields))
    say.count = getattr(say, "count", 0) + 1  # type: ignore[attr-defined]
    os.utime(sidecar, ns=(say.count, say.count))  # type: ignore[attr-defined]


def test_a_sidecar_that_appears_changes_or_goes_updates_the_row_alone(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    ingest(clip)
    before = pictures(engine)
    titles: list[tuple[object, ...]] = []
    for fields in ({"title": "One", "tags": ["a"], "metadata": {"n": 1}}, {"title": "Two"}):
        say(clip, **fields)
        assert ingest(clip).state == "updated"
        titles += rows(engine, "SELECT title, tags, metadata ->> 'n' FROM videos")
    clip.with_suffix(".json").unlink()
    assert ingest(clip).state == "updated"
    titles += rows(engine, "SELECT title, tags, metadata ->> 'n' FROM videos")

    assert titles == [("One", ["a"], "1"), ("Two", [], None), ("Two places", [], None)]
    assert pictures(engine) == before


def test_what_was_read_is_not_read_again(engine: Engine, ingest: Ingest, clip: Path) -> None:
    say(clip, title="One")
    ingest(clip)

    outcome = ingest(clip)

    assert (outcome.state, outcome.reason) == ("skipped", "already indexed")
    assert rows(engine, "SELECT sidecars FROM video_files") == [(sidecar_state(clip),)]


def test_what_people_set_stays_when_the_sidecar_changes(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    ingest(clip)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE videos SET title = 'Mine', metadata = metadata || '{\"camera\": \"mine\"}'"
        )
    say(clip, title="Theirs", description="Theirs", metadata={"camera": "theirs", "n": 1})

    ingest(clip)

    assert rows(
        engine, "SELECT title, description, metadata ->> 'camera', metadata ->> 'n' FROM videos"
    ) == [("Mine", "Theirs", "mine", "1")]


def test_what_people_set_stays_when_the_file_itself_changes(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    ingest(clip)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE videos SET title = 'Mine', tags = '{mine}'")
    write_clip(clip, shot(3, 25), metadata={"title": "Retagged", "comment": "new"})

    assert ingest(clip).state == "indexed"

    assert rows(engine, "SELECT title, tags, edited, metadata ->> 'comment' FROM videos") == [
        ("Mine", ["mine"], ["title", "tags"], "new")
    ]


def test_each_line_is_kept_with_its_time_and_scene(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    clip.with_suffix(".srt").write_text(SRT.format(first="A lighthouse", second="The fog"))

    ingest(clip)

    lines = rows(engine, "SELECT line_no, scene_no, start_s, end_s, said FROM subtitles ORDER BY 1")
    assert lines == [(0, 0, 0.1, 0.9, "A lighthouse"), (1, 1, 1.2, 1.8, "The fog")]
    found = rows(engine, "SELECT title, start_s, scene_no FROM search_said('fogs')")
    assert found == [("Two places", 1.2, 1)]


def test_subtitles_that_change_are_said_anew(engine: Engine, ingest: Ingest, clip: Path) -> None:
    clip.with_suffix(".srt").write_text(SRT.format(first="A lighthouse", second="The fog"))
    ingest(clip)
    before = pictures(engine)
    clip.with_suffix(".srt").write_text(SRT.format(first="A harbour at last", second="The fog"))

    assert ingest(clip).state == "updated"

    assert rows(engine, "SELECT said FROM scenes ORDER BY scene_no") == [
        ("A harbour at last",),
        ("The fog",),
    ]
    assert rows(engine, "SELECT said FROM search_said('harbour or lighthouse')") == [
        ("A harbour at last",)
    ]
    assert pictures(engine) == before


def test_subtitles_that_go_are_gone(engine: Engine, ingest: Ingest, clip: Path) -> None:
    clip.with_suffix(".srt").write_text(SRT.format(first="A lighthouse", second="The fog"))
    ingest(clip)
    clip.with_suffix(".srt").unlink()

    ingest(clip)

    assert rows(engine, "SELECT * FROM subtitles") == []
    assert rows(engine, "SELECT said FROM scenes") == [(None,), (None,)]


def test_a_line_after_the_end_is_in_no_scene(engine: Engine, ingest: Ingest, clip: Path) -> None:
    clip.with_suffix(".srt").write_text("1\n00:01:00,000 --> 00:01:01,000\nToo late\n")

    ingest(clip)

    assert rows(engine, "SELECT start_s, scene_no, frame_no FROM search_said('late')") == [
        (60.0, None, None)
    ]


def test_new_content_brings_new_lines(engine: Engine, ingest: Ingest, clip: Path) -> None:
    clip.with_suffix(".srt").write_text(SRT.format(first="A lighthouse", second="The fog"))
    ingest(clip)
    clip.with_suffix(".srt").write_text(SRT.format(first="A harbour", second=""))
    write_clip(clip, shot(3, 25))

    ingest(clip)

    assert rows(engine, "SELECT said FROM subtitles") == [("A harbour",)]


def test_a_broken_sidecar_is_a_warning_until_it_is_mended(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    ingest(clip)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE videos SET warning = 'damaged: 1 frame was skipped'")
    warnings: list[tuple[object, ...]] = []
    for content in ("{", '{"title": "a; b was left aside: c"', '{"title": "Mended"}'):
        clip.with_suffix(".json").write_text(content)
        ingest(clip)
        warnings += rows(engine, "SELECT warning FROM videos")

    first, second, mended = (str(warning) for (warning,) in warnings)
    assert first.startswith("damaged: 1 frame was skipped; clip.json was left aside: ")
    assert second.count("was left aside") == 1
    assert mended == "damaged: 1 frame was skipped"


def test_what_the_database_cannot_keep_leaves_all_as_it_was(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    ingest(clip)
    before = pictures(engine)
    # An index entry has at most a third of a page, and what repeats is compressed.
    say(clip, title="New", collection="".join(chr(0x4E00 + 7919 * n % 20000) for n in range(9000)))

    outcome = ingest(clip)

    assert outcome.state == "updated"
    assert "clip's sidecar was left aside: it cannot be kept" in str(outcome.reason)
    assert rows(engine, "SELECT title, status, warning FROM videos") == [
        ("Two places", "indexed", outcome.reason)
    ]
    assert pictures(engine) == before
    assert ingest(clip).state == "skipped"


def test_a_file_that_cannot_be_read_now_stays_indexed(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    ingest(clip)
    say(clip, title="New")
    stat = clip.stat()
    clip.write_bytes(b"\0" * stat.st_size)
    os.utime(clip, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    outcome = ingest(clip)

    assert outcome.state == "skipped"
    assert "its sidecars were not read" in str(outcome.reason)
    assert rows(engine, "SELECT title, status, frame_count FROM videos") == [
        ("Two places", "indexed", 4)
    ]


def test_the_collection_stays_where_nobody_names_one(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    say(clip, collection="news")
    ingest(clip)
    say(clip, title="New")

    ingest(clip)

    assert rows(engine, "SELECT title, collection FROM videos") == [("New", "news")]


def test_a_copy_does_not_describe_the_video(
    engine: Engine, ingest: Ingest, clip: Path, tmp_path: Path
) -> None:
    say(clip, title="The first")
    ingest(clip)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())
    say(copy, title="The copy")
    ingest(copy)

    assert ingest(copy).state == "skipped"

    assert rows(engine, "SELECT title FROM videos") == [("The first",)]
    assert rows(engine, "SELECT sidecars FROM video_files WHERE path LIKE '%copy.mp4'") == [
        (sidecar_state(copy),)
    ]


def test_a_file_that_moved_is_described_by_what_is_beside_it_there(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    say(clip, title="Here")
    ingest(clip)
    moved = clip.rename(clip.with_name("moved.mp4"))
    say(moved, title="There")
    ingest(moved)

    ingest(moved)

    assert rows(engine, "SELECT title FROM videos") == [("There",)]


def test_a_file_of_no_video_is_not_refreshed(
    engine: Engine, decoder: Decoder, tmp_path: Path
) -> None:
    assert refresh_details(engine, Decoders([decoder]), tmp_path / "unknown.mp4") is None
