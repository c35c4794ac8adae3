"""Uploads: files that arrive in a folder, each whole or not at all, and none over another."""

import errno
import os
import shutil
import time
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Lock
from typing import BinaryIO, ClassVar
from uuid import uuid4

from app.errors import BadRequestError
from app.media_files import MEDIA_SUFFIXES

SPARE_BYTES = 512 * 2**20
"""What an upload leaves free on the disk: a full one would stop the database, too."""

LONGEST_NAME_BYTES = 200
"""File systems take 255; there has to be room for a number, and for the names of sidecars."""

BLOCK_BYTES = 2**20

ARRIVING = ".upload"
ABANDONED_S = 24 * 3600
"""An unfinished file that nobody has written to for so long is what a killed process has left."""


class TooLargeError(BadRequestError):
    """The file has more bytes than an upload may have."""


def safe_name(given: str) -> str:
    """The name under which a file is kept; raises BadRequestError if it is none of a video.

    It is one that can be listed, typed and moved anywhere: no folders, no control characters, not
    hidden, and not too long.
    """
    name = unicodedata.normalize("NFC", given).replace("\\", "/").rpartition("/")[2]
    # Marks that turn the writing direction would make a name look like another one.
    name = "".join("_" if unicodedata.category(c).startswith("C") else c for c in name)
    name = " ".join(name.split()).lstrip(". ")
    stem, dot, suffix = name.rpartition(".")
    if not stem or f"{dot}{suffix}".lower() not in MEDIA_SUFFIXES:
        raise BadRequestError(
            f"{given[:80]!r} is not the name of a video; it has to end in one of "
            + ", ".join(sorted(MEDIA_SUFFIXES))
        )
    room = LONGEST_NAME_BYTES - len(suffix) - 1
    return f"{stem.encode()[:room].decode(errors='ignore').rstrip()}.{suffix}"


def receive(
    folder: Path,
    name: str,
    body: BinaryIO,
    *,
    size_bytes: int | None,
    most_bytes: int,
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Path:
    """Keeps what arrives as a file of the folder; returns its path, with a number if it was taken.

    `size_bytes` is what was announced, if anything was. Until the file is whole it has a hidden
    name, and nothing is left of one that did not arrive. Raises BadRequestError, and TooLargeError
    for more than `most_bytes`.
    """
    name = safe_name(name)
    if size_bytes is not None:
        _check_size(size_bytes, most_bytes)
    room = _Room(folder, free_bytes)
    if not room.reserve(size_bytes or 0):
        raise BadRequestError(
            f"there is not enough room for {name} in the folder of uploads; free some, or set "
            "SCENEQL_UPLOADS to a folder on another disk"
        )
    arriving = folder / f".{uuid4().hex}{ARRIVING}"
    try:
        _sweep(folder)
        # A name that cannot be guessed and must not exist: no link leads the bytes elsewhere.
        with arriving.open("xb") as file:
            _copy(body, file, name, room, size_bytes=size_bytes, most_bytes=most_bytes)
            if size_bytes is not None and file.tell() != size_bytes:
                raise BadRequestError(f"{name} did not arrive as a whole; upload it again")
            if not file.tell():
                raise BadRequestError(f"{name} is empty")
            # Whoever is told that it arrived may delete the original, and then the power may fail.
            file.flush()
            os.fsync(file.fileno())
        return _place(arriving, folder, name)
    except OSError as error:
        raise BadRequestError(f"{name} cannot be kept: {error.strerror}") from error
    finally:
        room.release()
        with suppress(OSError):
            arriving.unlink()


def _sweep(folder: Path) -> None:
    for path in folder.glob(f".*{ARRIVING}"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - ABANDONED_S:
                path.unlink()


def _check_size(size_bytes: int, most_bytes: int) -> None:
    if size_bytes > most_bytes:
        raise TooLargeError(
            f"a file may have {most_bytes // 10**6:,} MB; SCENEQL_UPLOAD_MAX_MB allows more"
        )


class _Room:
    """What is free in the folder for one upload, beside what others that are under way will take.

    All of a process share what they have reserved: there is one folder of uploads.
    """

    _lock = Lock()
    _reserved: ClassVar[dict["_Room", int]] = {}

    def __init__(self, folder: Path, free_bytes: Callable[[Path], int]) -> None:
        self._folder = folder
        self._free_bytes = free_bytes

    def reserve(self, size_bytes: int) -> bool:
        """Keeps room for so many bytes that are still to come, in place of what was kept before.

        Returns whether there is so much. Raises BadRequestError for a folder that is not there.
        """
        with self._lock:
            others = sum(size for room, size in self._reserved.items() if room is not self)
            try:
                free = self._free_bytes(self._folder) - SPARE_BYTES - others
            except OSError as error:
                raise BadRequestError(
                    f"the folder of uploads cannot be used: {error.strerror}; see SCENEQL_UPLOADS"
                ) from error
            if size_bytes > max(0, free):
                return False
            self._reserved[self] = size_bytes
            return True

    def release(self) -> None:
        """Nothing more is to come."""
        with self._lock:
            self._reserved.pop(self, None)


def _copy(
    body: BinaryIO,
    file: BinaryIO,
    name: str,
    room: _Room,
    *,
    size_bytes: int | None,
    most_bytes: int,
) -> None:
    written = 0
    while block := body.read(BLOCK_BYTES):
        to_come = max((size_bytes or 0) - written, len(block))
        written += len(block)
        _check_size(written, most_bytes)
        if not room.reserve(to_come):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
        file.write(block)


def _place(arriving: Path, folder: Path, name: str) -> Path:
    """Gives the whole file its name, or the first numbered one that is free."""
    stem, _, suffix = name.rpartition(".")
    for number in count(1):
        path = folder / (name if number == 1 else f"{stem} ({number}).{suffix}")
        try:
            # Whoever makes the name first has it; it is not ours to replace if it was there.
            path.open("xb").close()
        except FileExistsError:
            continue
        try:
            arriving.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path
    raise AssertionError("numbers do not end")
