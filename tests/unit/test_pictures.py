"""Pictures that people search with: opened upright, or refused with one line."""

import zlib
from io import BytesIO
from struct import pack

import pytest
from PIL import Image

from workers.embedder import UnreadableImageError, open_image


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    data = BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_common_pictures_are_read(form: str) -> None:
    opened = open_image(encoded(Image.new("RGB", (8, 4), "red"), form))

    assert (opened.mode, opened.size) == ("RGB", (8, 4))


def test_a_picture_is_turned_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    opened = open_image(encoded(Image.new("RGB", (8, 4)), "JPEG", exif=exif))

    assert opened.size == (4, 8)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF"])
def test_what_is_transparent_shows_white(form: str) -> None:
    # Black lies beneath, as in most pictures with a clear background.
    clear = Image.new("RGBA", (8, 4), (0, 0, 0, 0))
    clear.paste((255, 0, 0, 255), (0, 0, 4, 4))

    opened = open_image(encoded(clear, form, lossless=True))

    assert [opened.getpixel(at) for at in ((1, 1), (6, 1))] == [(255, 0, 0), (255, 255, 255)]


@pytest.mark.parametrize(
    "data",
    [b"not a picture", b"\x89PNG\r\n\x1a\n", encoded(Image.new("RGB", (64, 64)), "PNG")[:60]],
    ids=["text", "head alone", "cut short"],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableImageError, match="send a JPEG, PNG, WebP or GIF"):
        open_image(data)


@pytest.mark.parametrize("side", [8_001, 50_000])
def test_a_small_file_of_a_huge_picture_is_refused_before_it_is_unpacked(side: int) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")

    with pytest.raises(UnreadableImageError, match="at most 64 million pixels"):
        open_image(bomb)
