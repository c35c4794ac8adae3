"""Which files there are and which of them the index knows."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG

from sqlalchemy import Connection, select

from app.errors import MediaError
from app.media_files import MEDIA_SUFFIXES
from app.models import Video, VideoFile
from app.paths import absolute
from workers.animation import is_animated

# Pictures, of which only those that move are of interest.
PICTURE_SUFFIXES = {".png", ".webp"}

_BLOCKS = 16
_BLOCK_BYTES = 16384
"""How much of a file its sampled hash reads: enough to tell recordings of one camera apart."""


@dataclass(frozen=True)
class FileState:
    """What tells whether a file has changed since it was last read."""

    size_bytes: int
    mtime: datetime


@dataclass(frozen=True)
class Found:
    """The files to look at, and the paths that lead to none, with the reason."""

    files: tuple[Path, ...]
    failures: tuple[tuple[Path, str], ...]


def find_media(paths: Iterable[Path]) -> Found:
    """The media files that the paths name or hold, each once, as absolute paths.

    Folders are searched throughout; hidden files and folders and links to folders are left out.
    """
    files: list[Path] = []
    failures: list[tuple[Path, str]] = []
    for path in map(absolute, paths):
        if path.is_dir():
            inside = _media_below(path)
            files += inside
            if not inside:
                failures.append((path, "the folder holds no video files"))
        elif path.exists() or path.is_symlink():
            files.append(path)
        else:
            failures.append((path, "there is no such file or folder"))
    named: list[Path] = []
    for path in dict.fromkeys(files):
        shown = readable_name(path)
        if shown == str(path):
            named.append(path)
        else:
            failures.append((Path(shown), "its name is not UTF-8, so it cannot be kept: rename it"))
    return Found(tuple(named), tuple(failures))


def readable_name(path: Path) -> str:
    """The path as text that can be shown and stored; another text if its bytes are not UTF-8."""
    return os.fsencode(path).decode(errors="replace")


def _media_below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found.extend(
            Path(parent, name)
            for name in sorted(names)
            if not name.startswith(".") and is_media(Path(parent, name))
        )
    return found


def is_media(path: Path) -> bool:
    """Whether a file in a folder is taken for a video: by its name, a picture by its content."""
    suffix = path.suffix.lower()
    return suffix in MEDIA_SUFFIXES or (suffix in PICTURE_SUFFIXES and is_animated(path))


def file_state(path: Path) -> FileState:
    """Size and modification time; raises MediaError if it is no file or cannot be looked at."""
    try:
        return state_of(path.stat())
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror}") from error


def is_gone(path: Path) -> bool:
    """Whether there certainly is no such file; one that cannot be looked at may be there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def has_changed(path: Path, state: FileState) -> bool:
    """Whether a file is no longer what it was, or no longer there."""
    try:
        return file_state(path) != state
    except MediaError:
        return True


def state_of(stat: os.stat_result) -> FileState:
    """Size and modification time.

    Raises MediaError if it is no file, or its modification time is in no calendar.
    """
    # To read a named pipe would wait for somebody to write to it.
    if not S_ISREG(stat.st_mode):
        raise MediaError("is not a file")
    # Postgres keeps microseconds, so that is what can be compared.
    try:
        mtime = datetime.fromtimestamp(stat.st_mtime_ns // 1000 / 1e6, UTC)
    except (ValueError, OverflowError) as error:
        raise MediaError("its modification time is out of any calendar; touch the file") from error
    return FileState(stat.st_size, mtime)


def content_hash(path: Path) -> str:
    """SHA-256 of the file's bytes, in hex; raises MediaError if they cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror}") from error


def sampled_hash(path: Path) -> str:
    """SHA-256, in hex, of the file's size and of some blocks from its start to its end.

    Files that differ in it differ; those that do not are then compared as a whole. Raises
    MediaError if they cannot be read.
    """
    try:
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            digest = hashlib.sha256(str(size_bytes).encode())
            last = max(0, size_bytes - _BLOCK_BYTES)
            for block in range(_BLOCKS):
                file.seek(last * block // (_BLOCKS - 1))
                digest.update(file.read(_BLOCK_BYTES))
            return digest.hexdigest()
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror}") from error


def is_indexed(connection: Connection, path: Path, state: FileState) -> bool:
    """Whether this very file, unchanged, belongs to an indexed video."""
    known = (
        select(VideoFile.path)
        .join(Video, Video.id == VideoFile.video_id)
        .where(
            VideoFile.path == str(path),
            VideoFile.size_bytes == state.size_bytes,
            VideoFile.mtime == state.mtime,
            VideoFile.state == "present",
            Video.status == "indexed",
        )
    )
    return connection.execute(known).first() is not None
