"""Small files that unpack into huge pictures: refused in one line, before they take the memory."""

import subprocess
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from struct import pack, pack_into

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import Engine

from app.web import create_app

# What opening a picture may take beyond what the program has before.
MEMORY_MB = 80
LARGEST_BOMB_BYTES = 200_000

# Opens each picture in a process that cannot have more memory, and prints why it could not.
OPEN = f"""
import resource, sys
from pathlib import Path
from workers.embedder import UnreadableImageError, open_image

sizes = [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize")]
limit = (sizes[0] << 10) + ({MEMORY_MB} << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for name in sys.argv[1:]:
    try:
        opened = open_image(Path(name).read_bytes())
        print("opened", opened.size)
    except UnreadableImageError as error:
        print(error)
"""


def chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *before: bytes) -> bytes:
    """A black picture of one bit a pixel, which can be unpacked to its last row."""
    packed = zeros((1 + (width + 7) // 8) * height)
    head = chunk(b"IHDR", pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    body = b"".join(before) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + body


def encoded(form: str, **options: object) -> bytearray:
    """A small picture, of which the size is then changed to another."""
    data = BytesIO()
    Image.new("RGB", (8, 8), "red").save(data, form, **options)
    return bytearray(data.getvalue())


def zeros(size_bytes: int) -> bytes:
    """So many zeros, packed to a thousandth."""
    packer, block = zlib.compressobj(), bytes(1 << 20)
    whole, rest = divmod(size_bytes, len(block))
    parts = [packer.compress(block) for _ in range(whole)]
    return b"".join((*parts, packer.compress(bytes(rest)), packer.flush()))


def gif(canvas: int, frame: int) -> bytes:
    data = encoded("GIF")
    pack_into("<HH", data, 6, canvas, canvas)
    # The frame's own size stands behind its descriptor's mark and its place.
    mark = data.index(b",\0\0\0\0")
    pack_into("<HH", data, mark + 5, frame, frame)
    return bytes(data)


def webp() -> bytes:
    other = Image.new("RGB", (8, 8), "blue")
    data = encoded("WEBP", save_all=True, append_images=[other], lossless=True)
    assert data[12:16] == b"VP8X"
    data[24:30] = (16382).to_bytes(3, "little") * 2
    return bytes(data)


def jpeg() -> bytes:
    data = encoded("JPEG")
    pack_into(">HH", data, data.index(b"\xff\xc0") + 5, 65500, 65500)
    return bytes(data)


def bmp() -> bytes:
    data = encoded("BMP")
    pack_into("<ii", data, 18, 50_000, 50_000)
    return bytes(data)


def tiff() -> bytes:
    """One strip that says it is 30,000 rows of 30,000 pixels, packed."""
    packed = zeros(30_000 * 30_000 // 8)
    tags = [
        (256, 4, 30_000),
        (257, 4, 30_000),
        (258, 3, 1),
        (259, 3, 8),
        (262, 3, 1),
        (273, 4, 8 + 2 + 12 * 8 + 4),
        (278, 4, 30_000),
        (279, 4, len(packed)),
    ]
    entries = b"".join(pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + pack("<IH", 8, len(tags)) + entries + pack("<I", 0) + packed


def long_text() -> bytes:
    return zeros(100 << 20)


BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: png(30_000, 30_000),
    "long PNG": lambda: png(8, 9_000_000),
    "GIF": lambda: gif(65_000, 65_000),
    "GIF with a frame beyond its canvas": lambda: gif(8, 65_000),
    "WebP": webp,
    "JPEG": jpeg,
    "BMP": bmp,
    "TIFF": tiff,
}
# The picture is small, what it carries beside is not.
LADEN: dict[str, Callable[[], bytes]] = {
    "PNG with a text": lambda: png(8, 8, chunk(b"zTXt", b"Comment\0\0" + long_text())),
    "PNG with a profile": lambda: png(8, 8, chunk(b"iCCP", b"profile\0\0" + long_text())),
}
REFUSALS = (
    "the picture is too large; at most 64 million",
    "this is not a picture that can be read",
)


def test_no_bomb_takes_the_memory_it_unpacks_to(tmp_path: Path) -> None:
    files = []
    for number, bomb in enumerate([*BOMBS.values(), *LADEN.values()]):
        path = tmp_path / f"{number:02}"
        path.write_bytes(bomb())
        files.append(str(path))

    opened = subprocess.run(
        [sys.executable, "-c", OPEN, *files],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )

    said = dict(zip([*BOMBS, *LADEN], opened.stdout.splitlines(), strict=True))
    for name in BOMBS:
        assert said[name].startswith(REFUSALS), (name, said[name])
    for name in LADEN:
        assert said[name].startswith((*REFUSALS, "opened (8, 8)")), (name, said[name])


@pytest.fixture(scope="module")
def page(library: Engine) -> FlaskClient:
    """The page over a library with an embedder that runs."""
    return create_app(library).test_client()


@pytest.mark.parametrize("name", BOMBS)
def test_the_page_refuses_a_bomb_in_one_line_and_goes_on(page: FlaskClient, name: str) -> None:
    bomb = BOMBS[name]()
    assert len(bomb) < LARGEST_BOMB_BYTES

    reply = page.post("/api/search", data={"image": (BytesIO(bomb), "picture.png")})

    assert reply.status_code == 400
    assert reply.json is not None
    assert reply.json["error"].startswith(REFUSALS)
    assert "\n" not in reply.json["error"]
    small = page.post("/api/search", data={"image": (BytesIO(png(8, 8)), "picture.png")})
    assert small.status_code == 200
