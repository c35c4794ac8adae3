"""A second real model without any network: random weights in a cache folder of the hub's layout."""

import logging
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file

from workers.model import ModelId
from workers.weights import Source

# The smallest vision tower among open_clip's; with random weights it tells pictures apart.
SMALL = ModelId("PE-Core-T-16-384", "meta")
SMALL_DIM = 512


def cache_random_weights(folder: Path, model_id: ModelId = SMALL) -> None:
    """Puts weights of a model, drawn by a fixed seed, where its real ones would be cached."""
    source = Source.of(model_id.name, model_id.pretrained)
    repo = folder / f"models--{source.repo.replace('/', '--')}"
    snapshot = repo / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0" * 40)
    torch.manual_seed(0)
    logging.disable(logging.WARNING)
    clip = open_clip.create_model(model_id.name, load_weights=False)
    logging.disable(logging.NOTSET)
    half = {name: tensor.half() for name, tensor in clip.state_dict().items()}
    save_file(half, snapshot / source.filenames[0])
