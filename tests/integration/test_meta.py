"""`sceneql meta`: what people set, on the command line and by tables, and that it is kept."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from app.edit_table import read_table
from app.edits import apply_edits, read_change
from app.errors import BadRequestError
from tests.command import sceneql
from tests.filling import fill

pytestmark = pytest.mark.usefixtures("settings_of_test")


@pytest.fixture
def library(engine: Engine) -> Engine:
    """Twelve videos; the second is hidden, the third failed."""
    fill(engine, videos=12, frames=2)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE video_files SET state = 'missing' WHERE video_id = 2")
        connection.exec_driver_sql(
            "UPDATE videos SET status = 'failed', error = 'is empty' WHERE id = 3"
        )
    return engine


def rows(engine: Engine, query: str) -> Sequence[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_a_video_is_set_by_each_of_its_names(library: Engine) -> None:
    for number, name in enumerate(("1", "/videos/video 1.mp4", "video 1.mp4", "video 1")):
        done = sceneql("meta", "set", name, f"n={number}")
        assert done.returncode == 0, done.stderr
        assert done.stderr == "set metadata.n: 1 video changed\n"

    assert rows(library, "SELECT metadata, edited FROM videos WHERE id = 1") == [
        ({"n": 3}, ["metadata.n"])
    ]


def test_hidden_and_failed_videos_are_set_too(library: Engine) -> None:
    done = sceneql("meta", "set", "video 2.mp4", "/videos/video 3.mp4", "title=Mine", "tags+=new")

    assert done.stderr == "set title, tags: 2 videos changed\n"
    assert rows(library, "SELECT title, tags FROM videos WHERE id IN (2, 3) ORDER BY id") == [
        ("Mine", ["even", "new"]),
        ("Mine", ["odd", "new"]),
    ]


def test_a_filter_chooses_the_videos(library: Engine) -> None:
    done = sceneql("meta", "set", "--where", "tags = even", "collection=evens", "n=", "tags=even")

    assert done.stderr == "set collection, tags; removed metadata.n: 6 videos changed\n"
    assert rows(
        library, "SELECT DISTINCT id % 2, metadata FROM videos WHERE collection = 'evens'"
    ) == [(0, {})]


def test_what_was_so_already_is_kept_all_the_same(library: Engine) -> None:
    done = sceneql("meta", "set", "1", "title=video 1")

    assert done.stderr == "set title: 0 videos changed, 1 had this already\n"
    assert rows(library, "SELECT edited FROM videos WHERE id = 1") == [(["title"],)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["1"], "there is nothing to set"),
        (["title=x"], "name the videos, or give --where"),
        (["1", "title=x", "--where", "tags = even"], "but not both"),
        (["title=x", "--where", " "], "an empty filter holds for every video"),
        (["title=x", "--where", "frobs = 1"], "knows no field 'frobs'"),
        (["nothing.mp4", "title=x"], "there is no video 'nothing.mp4'"),
        (["1", "recorded_at=soon"], "recorded_at is a date"),
        (["1", "path=x"], "path cannot be set"),
        (["1", "title=\udc80"], "not UTF-8"),
        (["\udc80", "title=x"], "not UTF-8"),
    ],
)
@pytest.mark.usefixtures("library")
def test_what_cannot_be_set_gets_one_line(arguments: list[str], message: str) -> None:
    refused = sceneql("meta", "set", *arguments)

    assert refused.returncode == 2
    assert message in refused.stderr
    assert len(refused.stderr.splitlines()) == 1, refused.stderr


def test_a_value_that_cannot_be_kept_changes_nothing(library: Engine) -> None:
    edits = [
        (1, [read_change("title", "Mine")]),
        # An index entry has at most a third of a page, and what repeats is compressed.
        (
            2,
            [
                read_change(
                    "collection", "".join(chr(0x4E00 + 7919 * n % 20000) for n in range(9000))
                )
            ],
        ),
    ]

    with pytest.raises(BadRequestError, match=r"nothing was changed: .*shorten"):
        apply_edits(library, edits)

    assert rows(library, "SELECT title, edited FROM videos WHERE id = 1") == [("video 1", [])]


def test_a_trial_changes_nothing(library: Engine) -> None:
    applied = apply_edits(library, [(1, [read_change("title", "Mine")])], dry_run=True)

    assert (applied.changed, applied.unchanged) == (1, 0)
    assert rows(library, "SELECT title FROM videos WHERE id = 1") == [("video 1",)]


@pytest.mark.usefixtures("library")
def test_show_marks_what_people_set() -> None:
    title = "[bold]Mine[/] 'x' <b>"
    sceneql("meta", "set", "2", f"title={title}", "camera=GoPro", "n=")

    shown = sceneql("meta", "show", "2")
    as_json = json.loads(sceneql("meta", "show", "2", "--json").stdout)

    lines = {line.split()[0]: line for line in shown.stdout.splitlines()}
    assert title in lines["title"]
    marked = {name for name, line in lines.items() if line.rstrip().endswith("a person")}
    assert marked == {"title", "metadata.camera", "metadata.n"}
    assert as_json["title"] == title
    assert as_json["metadata"] == {"camera": "GoPro"}
    assert as_json["edited"] == ["title", "metadata.camera", "metadata.n"]
    assert as_json["recorded_at"] == "2026-01-02T12:00:00+00:00"
    assert as_json["files"] == ["/videos/video 2.mp4"]


def write(tmp_path: Path, content: str | bytes) -> Path:
    table = tmp_path / "table.csv"
    table.write_bytes(content if isinstance(content, bytes) else content.encode())
    return table


TABLE = (
    "file;Title;Tags+;recorded at;camera;\r\n"
    'video 1.mp4;"One; and ""more""";new, old;2026-05-06;GoPro;\r\n'
    "/videos/video 2.mp4;Zwölf;;;7;\r\n"
    ";;;;;\r\n"
    "video 3.mp4;;;;;\r\n"
)


@pytest.mark.parametrize(
    "encoded",
    [
        TABLE.encode(),
        TABLE.encode("utf-8-sig"),
        TABLE.replace(";", "\t").replace("One\t", "One;").encode("utf-16"),
        f"sep=;\r\n{TABLE}".encode(),
        TABLE.replace("\r\n", "\n").encode(),
    ],
    ids=["plain", "mark", "utf-16 with tabs", "sep", "unix"],
)
def test_a_table_is_read_as_spreadsheets_write_it(
    library: Engine, tmp_path: Path, encoded: bytes
) -> None:
    done = sceneql("meta", "import", str(write(tmp_path, encoded)))

    assert done.returncode == 0, done.stderr
    assert done.stderr == "2 videos changed\n"
    assert rows(
        library,
        "SELECT title, tags, recorded_at::date::text, metadata ->> 'camera', edited FROM videos "
        "WHERE id IN (1, 2) ORDER BY id",
    ) == [
        (
            'One; and "more"', ["odd", "new", "old"], "2026-05-06", "GoPro",
            ["title", "tags", "recorded_at", "metadata.camera"],
        ),
        ("Zwölf", ["even"], "2026-01-02", "7", ["title", "metadata.camera"]),
    ]  # fmt: skip


def test_a_path_may_start_from_the_tables_folder(library: Engine, tmp_path: Path) -> None:
    with library.begin() as connection:
        connection.execute(
            text("UPDATE video_files SET path = :p WHERE video_id = 5"),
            {"p": str(tmp_path / "below" / "clip.mp4")},
        )
        # Two videos share this name, of which the one beside the table is meant.
        connection.execute(
            text("UPDATE video_files SET path = '/elsewhere/clip.mp4' WHERE video_id = 6")
        )
    table = write(tmp_path, "path,title\nbelow/clip.mp4,Mine\n")

    read = read_table(library, table)

    assert [video_id for video_id, _ in read.edits] == [5]


def test_bad_rows_are_named_with_the_cure_and_nothing_is_changed(
    library: Engine, tmp_path: Path
) -> None:
    table = write(
        tmp_path,
        "id,title,recorded_at\n1,Fine,\n2,Mine,soon\n2,Again,\none,x,\n1,Twice,\n,x,\n4,a,b,c\n"
        "5,a\0b,\n\n99,Unknown,\n12345678901234567890123,x,\n",
    )

    done = sceneql("meta", "import", str(table))

    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "row 3", "row 5", "row 6", "row 7", "row 8", "row 9", "row 11", "row 12",
        "nothing was changed",
    ]  # fmt: skip
    assert "recorded_at is a date such as" in lines[0]
    assert "which is no whole number" in lines[1]
    assert "the same video as row 2" in lines[2]
    assert "put quotes around" in lines[4]
    assert "--skip-unknown" in lines[6]
    assert rows(library, "SELECT count(*) FROM videos WHERE edited <> '{}'") == [(0,)]


def test_unknown_videos_are_left_out_only_when_told(library: Engine, tmp_path: Path) -> None:
    table = write(tmp_path, "file,title\nvideo 1.mp4,Mine\nnothing.mp4,Mine\n")

    refused = sceneql("meta", "import", str(table))
    tried = sceneql("meta", "import", str(table), "--skip-unknown", "--dry-run")
    before = rows(library, "SELECT count(*) FROM videos WHERE title = 'Mine'")
    done = sceneql("meta", "import", str(table), "--skip-unknown")

    assert (refused.returncode, tried.returncode, done.returncode) == (1, 0, 0)
    assert "row 3: there is no video 'nothing.mp4' in the index; left out" in done.stderr
    assert "a trial, nothing was changed: 1 video changed" in tried.stderr
    assert before == [(0,)]
    assert rows(library, "SELECT id FROM videos WHERE title = 'Mine'") == [(1,)]


def test_a_file_name_of_two_videos_is_not_guessed(library: Engine, tmp_path: Path) -> None:
    with library.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE video_files SET path = '/a/video 5.mp4' WHERE video_id = 6"
        )

    read = read_table(library, write(tmp_path, "file,title\nvideo 5.mp4,Mine\n"))

    assert read.edits == []
    assert read.wrong == [
        "row 2: 'video 5.mp4' is more than one video (5, 6); name it by its path or id"
    ]


def test_an_empty_cell_removes_only_when_told(library: Engine, tmp_path: Path) -> None:
    table = write(tmp_path, "id,collection,n\n1,,\n")

    for options, collections in (([], "c1"), (["--remove-empty"], None)):
        done = sceneql("meta", "import", str(table), *options)
        assert done.returncode == 0, done.stderr
        assert rows(library, "SELECT collection FROM videos WHERE id = 1") == [(collections,)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (
            b"title,tags\nx,y\n",
            "names no video (title, tags); it needs one column of id, path, file",
        ),
        (b"id,path,title\n1,/x,y\n", "the first row has id and path"),
        (b"id,title,Title\n1,x,y\n", "has title twice"),
        (b"id,codec\n1,x\n", "codec cannot be set"),
        (b'id,title\n1,"never closed\n2,x\n', "row 2 cannot be read"),
        (b'id,title\n1,"a"b\n', "row 2 cannot be read"),
        ("id,title\n1,Zwölf\n".encode("cp1252"), "save it as 'CSV UTF-8'"),
        (b"\xff\xfeodd", "is not UTF-8"),
        (b"id,title\n1," + b"x" * 200_000, "row 2 cannot be read"),
        (b"\0\0\0", "NUL"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
@pytest.mark.usefixtures("library")
def test_what_is_no_table_gets_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    refused = sceneql("meta", "import", str(write(tmp_path, content)))

    assert refused.returncode == 2
    assert message in refused.stderr
    assert len(refused.stderr.splitlines()) == 1, refused.stderr


@pytest.mark.usefixtures("library")
def test_a_table_that_is_not_there_gets_one_line(tmp_path: Path) -> None:
    refused = sceneql("meta", "import", str(tmp_path / "none.csv"))

    assert refused.returncode == 2
    assert "none.csv cannot be read: No such file" in refused.stderr
