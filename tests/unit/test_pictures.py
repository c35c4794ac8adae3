"""Pictures that people search with: opened upright, or refused with one line."""

import zlib
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from random import Random
from struct import pack
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from workers.embedder import Request, UnreadableImageError, open_image, replies

if TYPE_CHECKING:
    from workers.model import Model

SEED = 20261122


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


def test_what_a_camera_says_of_no_meaning_does_not_matter() -> None:
    # Turned by a quarter; and the unit of its resolution, which takes two bytes, is 70,000.
    turned = pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    meaningless = pack("<HHII", 0x0128, 4, 1, 70_000)
    exif = b"Exif\0\0II*\0" + pack("<IH", 8, 2) + turned + meaningless + bytes(4)

    opened = open_image(encoded(Image.new("RGB", (8, 4)), "JPEG", exif=exif))

    assert opened.size == (4, 8)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_whatever_bytes_a_picture_has_it_is_opened_or_refused(form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = encoded(Image.new("RGB", (8, 4), "red"), form, exif=exif)
    chances = Random(SEED)

    for _ in range(500):
        hurt = bytearray(whole)
        for at in chances.sample(range(len(hurt)), 3):
            hurt[at] = chances.randrange(256)
        with suppress(UnreadableImageError):
            assert open_image(bytes(hurt)).mode == "RGB"


def test_a_picture_over_which_the_model_fails_spoils_no_other_answer() -> None:
    class Choosy:
        def encode_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
            if any(image.width == 1 for image in images):
                raise ValueError
            return np.ones((len(images), 4), np.float32)

    requests = [
        Request(uuid4(), "image", encoded(Image.new("RGB", size), "PNG"))
        for size in [(8, 4), (1, 4)]
    ]

    answers = {reply.request.id: reply for reply in replies(cast("Model", Choosy()), requests)}

    assert answers[requests[0].id].embedding is not None
    assert answers[requests[1].id].error == "the model failed: ValueError"


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
