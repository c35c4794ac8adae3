"""Trains the tiny CLIP: `python -m workers.tiny.train` writes its files beside this one.

The model knows twelve colours, eight shapes, three sizes, four textures, where in a picture a shape
lies, how two shapes lie to each other, numbers up to four, and the colour of the background. It
knows them of the drawings in `drawing.py`, by the words in `language.py`, and nothing else.

To retrain it, change those, run this script, and give the weights a new tag (`TINY` in
`workers/model.py`), because vectors of different weights must not meet in one index. It takes about
half an hour on two cores and needs no data: batches are drawn while the model learns.

It learns in two phases. To match pictures with captions is a roundabout way to learn what is where
in a picture, so at first the image tower alone learns to tell the traits of each ninth of the
picture, read from its last feature map by a linear layer that is thrown away afterwards. Then
images and texts are matched as in CLIP (Radford et al., 2021), except that a caption may be true of
several pictures of a batch: of which is computed, and a true pair is set against false ones only.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
_PLACE_SCALE = 10.0
_EXAM_SEED = 1


@dataclass(frozen=True)
class Phase:
    """How long to train on what: a batch has `families` times `members` pictures."""

    name: str
    matches_captions: bool
    steps: int
    families: int
    members: int
    learning_rate: float


PHASES = (
    # Many small batches of unrelated pictures teach shapes several times sooner than large ones do.
    Phase("reading", False, steps=1700, families=48, members=1, learning_rate=2e-3),
    Phase("matching", True, steps=1900, families=24, members=4, learning_rate=1e-3),
)

_WARM_UP_STEPS = 100
_WEIGHT_DECAY = 0.05


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


def train(phases: Sequence[Phase], folder: Path) -> None:
    """Write the merges, the configuration's vocabulary and the weights to a folder that has the
    configuration of the model.
    """
    torch.manual_seed(0)
    clip, tokenizer = _create(folder)
    reader = TraitReader(clip.visual)
    clip.to(memory_format=torch.channels_last).train()
    questions = set_exam(_EXAM_SEED)
    started = time.monotonic()
    for phase in phases:
        optimizer = _optimizer(phase, [clip, reader])
        for step, batch in enumerate(_batches(phase, tokenizer, clip.visual.image_size), start=1):
            for group in optimizer.param_groups:
                group["lr"] = _learning_rate(phase, step)
            cost = _cost(phase, clip, reader, batch)
            optimizer.zero_grad()
            cost.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(clip.parameters(), max_norm=1.0)
            optimizer.step()
            clip.logit_scale.data.clamp_(0, math.log(_MAX_LOGIT_SCALE))
            if step % 100 == 0 or step == phase.steps:
                report = f"{phase.name} {step}, {(time.monotonic() - started) / 60:.1f} min"
                report = f"{report}: cost {cost:.3f}"
                if phase.matches_captions:
                    _save(clip, folder)
                    exam = recall(Model(TINY, clip, tokenizer, "fp32", "cpu"), questions)
                    clip.train()
                    report = f"{report}, recall by text {exam[0]:.3f}, by image {exam[1]:.3f}"
                print(report, flush=True)


def _cost(phase: Phase, clip: Any, reader: TraitReader, batch: Batch) -> Tensor:
    images = clip.encode_image(_normalise(clip, batch.images), normalize=True)
    reading = reader.loss(batch)
    if not phase.matches_captions:
        return reading
    texts = encode_tokens(clip, batch.tokens)
    logits = clip.logit_scale.exp() * texts @ images.T
    matching = (contrast(logits, batch.truth) + contrast(logits.T, batch.truth.T)) / 2
    return matching + reading


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
    # Next to what is seen the places would all but vanish, as small as open_clip lets them begin.
    clip.visual.attnpool.positional_embedding.data.mul_(_PLACE_SCALE)
    for layer, weight in clip.visual.named_parameters():
        # open_clip lets each block begin as its shortcut alone. That helps deep networks; in this
        # one, of a single block per stage, it keeps most of the image tower from learning at first.
        if layer.endswith("bn3.weight"):
            nn.init.ones_(weight)
    return clip, open_clip.get_tokenizer(name, bpe_path=str(folder / MERGES))


def _batches(phase: Phase, tokenizer: Any, side: int) -> Iterator[Batch]:
    batches = Batches(tokenizer, side, families=phase.families, members=phase.members)
    # A forked process would inherit OpenCV's threads half way through their work.
    loader = DataLoader(batches, batch_size=None, num_workers=1, multiprocessing_context="spawn")
    return (batch for batch, _ in zip(loader, range(phase.steps), strict=False))


def _normalise(clip: Any, images: Tensor) -> Tensor:
    settings = clip.visual.preprocess_cfg
    mean, std = (255 * torch.tensor(settings[name])[:, None, None] for name in ("mean", "std"))
    pixels = (images.permute(0, 3, 1, 2).float() - mean) / std
    return pixels.contiguous(memory_format=torch.channels_last)


def _optimizer(phase: Phase, modules: list[nn.Module]) -> torch.optim.Optimizer:
    weights = [weight for module in modules for weight in module.parameters()]
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": _WEIGHT_DECAY},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=phase.learning_rate, betas=(0.9, 0.98))


def _learning_rate(phase: Phase, step: int) -> float:
    """Up in a line, then down along a cosine."""
    warm_up = min(1.0, step / _WARM_UP_STEPS)
    return phase.learning_rate * warm_up * (1 + math.cos(math.pi * step / phase.steps)) / 2


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
    """Train as committed; `--share` and `--folder` are for trying something else."""
    parser = argparse.ArgumentParser(description="Train the tiny CLIP.")
    parser.add_argument("--share", type=float, default=1.0, help="of the steps of each phase")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    phases = [replace(phase, steps=round(phase.steps * arguments.share)) for phase in PHASES]
    # Numbers near zero, of which a network that starts has many, are slow on most processors. It
    # holds for the whole process, whatever else that does.
    torch.set_flush_denormal(True)
    train(phases, arguments.folder)


if __name__ == "__main__":
    main()
