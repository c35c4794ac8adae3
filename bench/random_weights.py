"""Models with random weights where their own are not there: as quick, though they know nothing."""

import logging
from dataclasses import dataclass
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file

from workers import weights
from workers.model import TINY, Model, ModelId, load


@dataclass(frozen=True)
class Weighted:
    """A model, and the folder in which its weights are cached, or will be: random ones."""

    model_id: ModelId
    folder: Path

    def load(self, precision: str | None = None) -> Model:
        """The model, loaded as always, after making weights for it where none are cached."""
        if self.model_id != TINY:
            source = weights.Source.of(self.model_id.name, self.model_id.pretrained)
            if weights.cached(source, self.folder) is None:
                cache_random_weights(self.folder, self.model_id)
        return load(self.model_id, self.folder, precision=precision)


def cache_random_weights(folder: Path, model_id: ModelId) -> None:
    """Put weights of a model, drawn by a fixed seed, where the hub's own would be cached.

    They are written under another name first, so that nobody takes half of them for the whole.
    """
    source = weights.Source.of(model_id.name, model_id.pretrained)
    repository = folder / f"models--{source.repo.replace('/', '--')}"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True, exist_ok=True)
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text("0" * 40)
    torch.manual_seed(0)
    logging.disable(logging.WARNING)
    clip = open_clip.create_model(model_id.name, load_weights=False)
    logging.disable(logging.NOTSET)
    half = {name: tensor.half() for name, tensor in clip.state_dict().items()}
    unfinished = snapshot / f".{source.filenames[0]}.part"
    save_file(half, unfinished)
    unfinished.rename(snapshot / source.filenames[0])
