"""Tells animated pictures from still ones by their first bytes."""

from pathlib import Path
from stat import S_ISREG
from typing import IO

_PNG = b"\x89PNG\r\n\x1a\n"
_WEBP_HEAD_BYTES = 21
_MAX_CHUNKS_BEFORE_PIXELS = 1000


def is_animated(path: Path) -> bool:
    """Whether a file is an animated WebP or PNG; False for one that cannot be read."""
    try:
        # To open a named pipe would wait for somebody to write to it.
        if not S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            head = file.read(_WEBP_HEAD_BYTES)
            return is_animated_webp(head) or (head.startswith(_PNG) and _is_animated_png(file))
    except OSError:
        return False


def is_animated_webp(head: bytes) -> bool:
    """Whether a file that begins with these bytes is an animated WebP."""
    # The byte after the name and the length of the extended header has a bit for animation.
    extended = len(head) >= _WEBP_HEAD_BYTES and head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X"
    return extended and head[20] & 2 != 0


def _is_animated_png(file: IO[bytes]) -> bool:
    """Whether a PNG announces an animation, which it has to do before its pixels."""
    file.seek(len(_PNG))
    for _ in range(_MAX_CHUNKS_BEFORE_PIXELS):
        length, kind = file.read(4), file.read(4)
        if kind == b"acTL":
            return True
        if len(kind) < 4 or kind == b"IDAT":
            return False
        checksum_bytes = 4
        file.seek(int.from_bytes(length, "big") + checksum_bytes, 1)
    return False
