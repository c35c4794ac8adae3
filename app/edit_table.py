"""Tables of what people set in videos: CSV files as spreadsheets write them."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, select

from app.edits import Change, Edit, Operator, field_of, read_change
from app.errors import BadRequestError
from app.models import Video, VideoFile
from app.paths import absolute

MAX_BYTES = 64 << 20
DELIMITERS = ",;\t|"
KEYS = ("id", "path", "file")


@dataclass
class EditTable:
    """What a table asks for, and a line for each row that is wrong or names no video."""

    edits: list[Edit] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Column:
    """A column of the table: the key by which a row names its video, or a field to set."""

    name: str
    operator: Operator = "="


class UnknownVideoError(BadRequestError):
    """A row names a video that is not in the index."""


def read_table(engine: Engine, path: Path, *, remove_empty: bool = False) -> EditTable:
    """Checks all rows of a CSV file with a header against the index; changes nothing.

    A column `id`, `path` or `file` names the video; the others are fields as in `sceneql meta set`,
    also as `tags+` and `tags-`. An empty cell leaves its field as it is, unless told to remove it.
    Raises BadRequestError if the file is no such table.
    """
    rows = _rows(_read(path))
    header = next(rows, None)
    if header is None:
        raise BadRequestError(f"{path} is empty; its first row names the columns")
    columns = _columns(header[1])
    videos = _Videos(engine, path.parent)
    table = EditTable()
    seen: dict[int, int] = {}
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            video_id, changes = _edit(columns, cells, videos, remove_empty)
            if video_id in seen:
                raise BadRequestError(
                    f"it is about the same video as row {seen[video_id]}; make one of the two"
                )
            seen[video_id] = number
            if changes:
                table.edits.append((video_id, changes))
        except UnknownVideoError as error:
            table.unknown.append(f"row {number}: {error}")
        except BadRequestError as error:
            table.wrong.append(f"row {number}: {error}")
    return table


def _edit(
    columns: list[Column | None], cells: list[str], videos: "_Videos", remove_empty: bool
) -> Edit:
    # Spreadsheets leave out what is empty at the end, and some add what is empty.
    beyond = cells[len(columns) :]
    if any(cell.strip() for cell in beyond):
        raise BadRequestError(
            f"it has {len(cells)} cells where the header has {len(columns)}; put quotes around "
            "what holds the separator"
        )
    cells = cells + [""] * (len(columns) - len(cells))
    video_id: int | None = None
    changes: list[Change] = []
    for column, cell in zip(columns, cells, strict=False):
        if column is None:
            if cell.strip():
                raise BadRequestError(f"{cell[:40]!r} is in a column without a name; name it")
        elif column.name in KEYS:
            video_id = videos.find(column.name, cell.strip())
        elif cell.strip() or remove_empty:
            changes.append(read_change(column.name, cell, column.operator))
    assert video_id is not None, "the header was checked"
    return video_id, tuple(changes)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadRequestError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise BadRequestError(f"{path} is larger than {MAX_BYTES >> 20} MiB; import it in parts")
    # Excel's "Unicode text" is UTF-16, its "CSV UTF-8" begins with a mark.
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise BadRequestError(f"{path} is not UTF-8; in Excel save it as 'CSV UTF-8'") from None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows with their numbers as a spreadsheet shows them, from 1."""
    first, _, rest = text.partition("\n")
    number = 0
    # Excel writes, and hides, a line that names the separator.
    if first.lower().startswith("sep=") and len(first.strip()) == len("sep=;"):
        delimiter, text = first[4], rest
    else:
        # The header has no text with commas in it, which would lead csv.Sniffer astray.
        delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        number += 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadRequestError(
                f"row {number} cannot be read: {error}; look for a quote that is not closed"
            ) from error


def _columns(header: list[str]) -> list[Column | None]:
    """What each column is, None for one without a name; raises BadRequestError."""
    columns = [_column(name) for name in header]
    named = [column for column in columns if column is not None]
    keys = [column.name for column in named if column.name in KEYS]
    if len(keys) != 1:
        found = (
            f"has {' and '.join(keys)}" if keys else f"names no video ({', '.join(header)[:80]})"
        )
        raise BadRequestError(f"the first row {found}; it needs one column of {', '.join(KEYS)}")
    for column in named:
        if named.count(column) > 1:
            raise BadRequestError(f"the first row has {column.name} twice; leave one out")
    return columns


def _column(name: str) -> Column | None:
    name = name.strip()
    if not name:
        return None
    if name.lower() in KEYS:
        return Column(name.lower())
    if name[-1] in "+-" and name[:-1].strip().lower() == "tags":
        return Column("tags", "+=" if name[-1] == "+" else "-=")
    return Column(field_of(name))


class _Videos:
    """Finds videos, hidden and failed ones too, by id, path or file name."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.folder = folder
        self.of_path: dict[str, int] = {}
        self.of_name: defaultdict[str, set[int]] = defaultdict(set)
        with engine.connect() as connection:
            self.ids = set(connection.execute(select(Video.id)).scalars())
            for path, video_id in connection.execute(select(VideoFile.path, VideoFile.video_id)):
                # An unreadable file belongs to no video.
                if video_id is not None:
                    self.of_path[path] = video_id
                    self.of_name[path.rpartition("/")[2]].add(video_id)

    def find(self, key: str, value: str) -> int:
        """Raises UnknownVideoError, or BadRequestError if it is more than one."""
        if not value:
            raise BadRequestError(f"its {key} is empty, so it names no video")
        if key == "id":
            return self._of_id(value)
        path = str(absolute(self.folder / value)) if "\0" not in value else value
        if (video_id := self.of_path.get(path)) is not None:
            return video_id
        found = self.of_name.get(value, set())
        if len(found) > 1:
            ids = ", ".join(map(str, sorted(found)))
            raise BadRequestError(
                f"{value!r} is more than one video ({ids}); name it by its path or id"
            )
        if not found:
            raise UnknownVideoError(f"there is no video {value!r} in the index")
        return next(iter(found))

    def _of_id(self, value: str) -> int:
        if not (value.isascii() and value.isdigit()):
            raise BadRequestError(f"its id is {value[:40]!r}, which is no whole number")
        if len(value) > 19 or int(value) not in self.ids:
            raise UnknownVideoError(f"there is no video with the id {value[:40]}")
        return int(value)
