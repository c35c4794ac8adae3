"""What a model looks at of a picture is what open_clip would have it look at."""

import numpy as np
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from workers.preprocessing import preprocessing

ONE_OF_255 = 1 / 255 / 0.26
"""One step of a colour's eight bits, after it was divided by the least deviation of a colour."""


def picture(width: int, height: int) -> Image.Image:
    """One with edges, areas and gradients: noise that was enlarged."""
    noise = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return Image.fromarray(noise).resize((width, height))


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "random"])
@pytest.mark.parametrize("size", [(1280, 720), (320, 480), (64, 64)])
def test_a_squashed_picture_is_open_clips_but_for_rounding(
    size: tuple[int, int], interpolation: str
) -> None:
    config = PreprocessCfg(size=96, resize_mode="squash", interpolation=interpolation)
    shown = picture(*size)

    ours = preprocessing(config)(shown)
    theirs = image_transform_v2(config, is_train=False)(shown)

    assert ours.shape == theirs.shape == (3, 96, 96)
    assert ours.dtype == torch.float32
    off = (ours - theirs).abs()
    assert float(off.max()) < 1.5 * ONE_OF_255, "a colour is off by more than one of 255"
    assert float((off > 0.5 * ONE_OF_255).float().mean()) < 0.02, "more than one of 50 is off"


def test_a_model_of_another_shape_has_pictures_squashed_to_it() -> None:
    config = PreprocessCfg(size=(64, 128), resize_mode="squash")

    assert preprocessing(config)(picture(640, 480)).shape == (3, 64, 128)


def test_a_model_that_wants_margins_gets_them_from_open_clip() -> None:
    config = PreprocessCfg(size=96, resize_mode="longest")
    shown = picture(640, 320)

    ours = preprocessing(config)(shown)

    assert torch.equal(ours, image_transform_v2(config, is_train=False)(shown))
