"""What a model looks at of a picture: scaled to its size, and its colours as numbers around 0."""

from collections.abc import Callable

import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from torchvision.transforms import InterpolationMode, v2


def preprocessing(config: PreprocessCfg) -> Callable[[Image.Image], torch.Tensor]:
    """What makes of an RGB picture what the model looks at, (3, side, side).

    Where pictures are squashed torchvision scales them as bytes, in an eighth of the time that
    Pillow takes, by which open_clip scales; one value of 500 differs, by 1 of 255.
    """
    if config.resize_mode != "squash":
        pillows: Callable[[Image.Image], torch.Tensor] = image_transform_v2(config, is_train=False)
        return pillows
    size = [config.size, config.size] if isinstance(config.size, int) else list(config.size)
    # As open_clip reads it, for which all else is bicubic.
    bilinear = config.interpolation == "bilinear"
    interpolation = InterpolationMode.BILINEAR if bilinear else InterpolationMode.BICUBIC
    squashing: Callable[[Image.Image], torch.Tensor] = v2.Compose(
        [
            v2.ToImage(),
            v2.Resize(size, interpolation, antialias=True),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(config.mean, config.std),
            v2.ToPureTensor(),
        ]
    )
    return squashing
