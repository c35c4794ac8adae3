"""Trains the tiny CLIP: `python -m workers.tiny.train` writes its files beside this one.

The model knows twelve colours, eight shapes, three sizes, four textures, where in a picture a shape
lies, how two shapes lie to each other, numbers up to four, and the colour of the background. It
knows them of the drawings in `drawing.py`, by the words in `language.py`, and nothing else.

To retrain it, change those, run this script, and give the weights a new tag (`TINY` in
`workers/model.py`), because vectors of different weights must not meet in one index. It takes about
half an hour on two cores and needs no data: batches are drawn while the model learns.

Images and texts are matched as in CLIP (Radford et al., 2021), except that a caption may be true of
several pictures of a batch: of which is computed, and a true pair is set against false ones only.
That is a roundabout way to learn what is where in a picture, so the last feature map of the image
tower is also asked outright for the traits of each ninth of the picture, by a linear layer that is
thrown away afterwards.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from workers.model import TINY, Model
from workers.text_tower import encode_tokens
from workers.tiny.drawing import BACKGROUNDS
from workers.tiny.exam import recall, set_exam
from workers.tiny.examples import TRAITS, Batch, Batches
from workers.tiny.language import vocabulary
from workers.tiny.merges import train_merges, vocabulary_size, write_merges

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
MERGES = "merges.txt.gz"

_MAX_LOGIT_SCALE = 60.0
_EMPTY_WEIGHT = 0.05
_EXAM_SEED = 1


@dataclass(frozen=True)
class Recipe:
    """How to train. A batch has `families` times `members` pictures."""

    steps: int = 1800
    families: int = 32
    members: int = 4
    learning_rate: float = 7e-4
    warm_up_steps: int = 100
    weight_decay: float = 0.05
    seed: int = 0


class TraitReader(nn.Module):
    """Reads from the image tower's last feature map what is drawn in each ninth of the picture."""

    def __init__(self, visual: Any) -> None:
        super().__init__()
        width = visual.attnpool.positional_embedding.shape[1]
        self._traits = nn.Conv2d(width, len(TRAITS), kernel_size=1)
        self._background = nn.Linear(width, len(BACKGROUNDS))
        self._features = torch.empty(0)
        visual.layer4.register_forward_hook(self._keep)

    def _keep(self, _layer: nn.Module, _inputs: Any, features: Tensor) -> None:
        self._features = features

    def loss(self, batch: Batch) -> Tensor:
        """How badly the pictures that were encoded last are read, per ninth that has a shape."""
        cost = functional.binary_cross_entropy_with_logits(
            self._traits(self._features), batch.traits, reduction="none"
        ).sum(dim=1)
        has_shape = batch.traits.amax(dim=1)
        # Most ninths are empty, which is soon learnt: they must not outweigh the others.
        traits = (cost * (has_shape + _EMPTY_WEIGHT)).sum() / has_shape.sum()
        background = self._background(self._features.mean(dim=(2, 3)))
        return traits + functional.cross_entropy(background, batch.backgrounds)


def train(recipe: Recipe, folder: Path) -> None:
    """Write the merges, the configuration's vocabulary and the weights to a folder that has the
    configuration of the model.
    """
    torch.manual_seed(recipe.seed)
    # Numbers near zero, of which a network that starts has many, are slow on most processors.
    torch.set_flush_denormal(True)
    clip, tokenizer = _create(folder)
    side = clip.visual.image_size
    reader = TraitReader(clip.visual)
    clip.to(memory_format=torch.channels_last).train()
    optimizer = _optimizer(recipe, [clip, reader])
    questions = set_exam(_EXAM_SEED)
    started = time.monotonic()
    for step, batch in enumerate(_batches(recipe, tokenizer, side), start=1):
        for group in optimizer.param_groups:
            group["lr"] = _learning_rate(recipe, step)
        images = clip.encode_image(_normalise(clip, batch.images), normalize=True)
        texts = encode_tokens(clip, batch.tokens)
        logits = clip.logit_scale.exp() * texts @ images.T
        matching = (contrast(logits, batch.truth) + contrast(logits.T, batch.truth.T)) / 2
        reading = reader.loss(batch)
        optimizer.zero_grad()
        (matching + reading).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(clip.parameters(), max_norm=1.0)
        optimizer.step()
        clip.logit_scale.data.clamp_(0, math.log(_MAX_LOGIT_SCALE))
        if step % 100 == 0 or step == recipe.steps:
            _save(clip, folder)
            by_text, by_image = recall(Model(TINY, clip, tokenizer, "fp32", "cpu"), questions)
            clip.train()
            print(
                f"step {step}, {(time.monotonic() - started) / 60:.1f} min: "
                f"matching {matching:.3f}, reading {reading:.3f}, "
                f"recall by text {by_text:.3f}, by image {by_image:.3f}",
                flush=True,
            )


def contrast(logits: Tensor, truth: Tensor) -> Tensor:
    """The mean cost of telling each true pair of a row from all the false ones of that row."""
    false = torch.logsumexp(logits.masked_fill(truth, float("-inf")), dim=1, keepdim=True)
    cost = functional.softplus(false - logits) * truth
    return (cost.sum(dim=1) / truth.sum(dim=1)).mean()


def _create(folder: Path) -> tuple[Any, Any]:
    """A model that knows nothing yet, and its tokenizer."""
    merges = train_merges(vocabulary())
    write_merges(merges, folder / MERGES)
    config = json.loads((folder / CONFIG).read_text())
    config["model_cfg"]["text_cfg"]["vocab_size"] = vocabulary_size(merges)
    (folder / CONFIG).write_text(json.dumps(config, indent=4) + "\n")
    name = f"local-dir:{folder}"
    clip = open_clip.create_model(name, load_weights=False)
    return clip, open_clip.get_tokenizer(name, bpe_path=str(folder / MERGES))


def _batches(recipe: Recipe, tokenizer: Any, side: int) -> Iterator[Batch]:
    batches = Batches(tokenizer, side, families=recipe.families, members=recipe.members)
    # A forked process would inherit OpenCV's threads half way through their work.
    loader = DataLoader(batches, batch_size=None, num_workers=1, multiprocessing_context="spawn")
    return (batch for batch, _ in zip(loader, range(recipe.steps), strict=False))


def _normalise(clip: Any, images: Tensor) -> Tensor:
    settings = clip.visual.preprocess_cfg
    mean, std = (255 * torch.tensor(settings[name])[:, None, None] for name in ("mean", "std"))
    pixels = (images.permute(0, 3, 1, 2).float() - mean) / std
    return pixels.contiguous(memory_format=torch.channels_last)


def _optimizer(recipe: Recipe, modules: list[nn.Module]) -> torch.optim.Optimizer:
    weights = [weight for module in modules for weight in module.parameters()]
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))


def _learning_rate(recipe: Recipe, step: int) -> float:
    """Up in a line, then down along a cosine."""
    warm_up = min(1.0, step / recipe.warm_up_steps)
    return recipe.learning_rate * warm_up * (1 + math.cos(math.pi * step / recipe.steps)) / 2


def _save(clip: nn.Module, folder: Path) -> None:
    """Write the weights in half precision, which costs nothing that can be measured."""
    halves = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in clip.state_dict().items()
    }
    unfinished = folder / f"{WEIGHTS}.unfinished"
    unfinished.write_bytes(save(halves))
    unfinished.replace(folder / WEIGHTS)


def main() -> None:
    """Train by the committed recipe; `--steps` and `--folder` are for trying others."""
    parser = argparse.ArgumentParser(description="Train the tiny CLIP.")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    train(Recipe(steps=arguments.steps), arguments.folder)


if __name__ == "__main__":
    main()
