"""A second real model without any network: random weights in a cache folder of the hub's layout."""

from pathlib import Path

from bench import random_weights
from workers.model import ModelId

# The smallest vision tower among open_clip's; with random weights it tells pictures apart.
SMALL = ModelId("PE-Core-T-16-384", "meta")
SMALL_DIM = 512


def cache_random_weights(folder: Path, model_id: ModelId = SMALL) -> None:
    """Puts weights of a model, drawn by a fixed seed, where its real ones would be cached."""
    random_weights.cache_random_weights(folder, model_id)
