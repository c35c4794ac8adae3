"""Text and image embeddings by any model that open_clip can load, and the choice of one."""

import difflib
import importlib.util
import pickle
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from open_clip.model import get_input_dtype
from open_clip.pretrained import get_pretrained_cfg, is_pretrained_cfg
from open_clip.transform import PreprocessCfg, merge_preprocess_dict
from PIL import Image
from safetensors import SafetensorError

from app.errors import ModelUnavailableError
from workers import weights
from workers.preprocessing import preprocessing
from workers.text_tower import encode_tokens
from workers.tiny import language

_TINY_DIR = Path(__file__).parent / "tiny"
_IMAGES_PER_BATCH = 32
_TEXTS_PER_BATCH = 128
# To wake another core takes longer than these few have work for it: see docs/benchmarks.md.
_TEXTS_FOR_ONE_CORE = 8
_WORD = re.compile(r"[^\W\d_]+|\d")
"""What open_clip's tokenizer takes for one word."""


@dataclass(frozen=True)
class ModelId:
    """A model as open_clip names it: an architecture, and weights that were trained for it."""

    name: str
    pretrained: str

    def __str__(self) -> str:
        return f"{self.name}/{self.pretrained}"

    @classmethod
    def parse(cls, text: str) -> "ModelId":
        """Read `name/pretrained`, or `tiny` for the model that is shipped.

        Raises:
            ModelUnavailableError: There is no such model; the message names similar ones.
        """
        if text == TINY.name:
            return TINY
        name, _, pretrained = text.partition("/")
        model_id = cls(name, pretrained)
        _check_known(model_id)
        return model_id


TINY = ModelId("tiny", "shapes-v1")
"""The model in `workers/tiny`. Its weights are part of its name: retrained ones need a new tag."""

DEFAULT = ModelId("ViT-B-32-256", "datacomp_s34b_b86k")


class Model:
    """A loaded model; its text and image vectors lie in one space."""

    def __init__(
        self, model_id: ModelId, clip: Any, tokenizer: Any, precision: str, device: str
    ) -> None:
        self.id = model_id
        self.precision = precision
        self.device = device
        self._clip = clip.eval()
        self._tokenizer = tokenizer
        self._preprocess = preprocessing(PreprocessCfg(**clip.visual.preprocess_cfg))
        self.dim = self.encode_texts([""]).shape[1]

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts; what is longer than the model's context is cut off.

        Returns:
            (n, dim), each row of unit length.
        """
        return self._encode(texts, self._encode_text_batch, _TEXTS_PER_BATCH)

    def encode_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Embed pictures of any size and mode, seen whole from edge to edge.

        Returns:
            (n, dim), each row of unit length.
        """
        return self._encode(images, self._encode_image_batch, _IMAGES_PER_BATCH)

    def prepare(self, image: Image.Image) -> torch.Tensor:
        """What the model looks at of a picture of any size and mode, (3, side, side).

        That is work for the thread that has the picture, beside the one that embeds.
        """
        prepared: torch.Tensor = self._preprocess(image.convert("RGB"))
        return prepared

    def encode_prepared(self, pictures: Sequence[torch.Tensor]) -> NDArray[np.float32]:
        """What `encode_images` does, for pictures that are prepared already."""
        return self._encode(pictures, self._encode_pixels, _IMAGES_PER_BATCH)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """The words of a text that the model never met in training, in their order.

        Only the tiny model's vocabulary is known: for every other model there are none.
        """
        if self.id != TINY:
            return ()
        known = language.vocabulary()
        return tuple(dict.fromkeys(w for w in _WORD.findall(text.lower()) if w not in known))

    def _encode(
        self,
        items: Sequence[Any],
        encode_batch: Callable[[Sequence[Any]], torch.Tensor],
        batch_size: int,
    ) -> NDArray[np.float32]:
        if not items:
            return np.empty((0, self.dim), dtype=np.float32)
        with torch.inference_mode():
            batches = [
                encode_batch(items[start : start + batch_size])
                for start in range(0, len(items), batch_size)
            ]
            # Rounded to few bits a unit vector is a little too long or too short: normalise again.
            vectors = torch.nn.functional.normalize(torch.cat(batches).float(), dim=-1)
        return np.asarray(vectors.cpu().numpy(), dtype=np.float32)

    def _encode_text_batch(self, texts: Sequence[str]) -> torch.Tensor:
        tokens = self._tokenizer(list(texts)).to(self.device)
        if len(texts) > _TEXTS_FOR_ONE_CORE:
            return encode_tokens(self._clip, tokens)
        with _one_core():
            return encode_tokens(self._clip, tokens)

    def _encode_image_batch(self, images: Sequence[Image.Image]) -> torch.Tensor:
        return self._encode_pixels([self.prepare(image) for image in images])

    def _encode_pixels(self, pictures: Sequence[torch.Tensor]) -> torch.Tensor:
        pixels = torch.stack(list(pictures)).to(self.device, get_input_dtype(self.precision))
        features: torch.Tensor = self._clip.encode_image(pixels, normalize=True)
        return features


@contextmanager
def _one_core() -> Iterator[None]:
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


def choose(chosen: str | None, weights_dir: Path) -> ModelId:
    """The model for an index that has none yet.

    That is the chosen one, else the default, else (where the default's weights are neither in the
    cache nor to be had from the hub, which is known within five seconds) the tiny one.

    Args:
        chosen: As in `ModelId.parse`; None: nobody chose.
        weights_dir: The cache folder of weights.

    Raises:
        ModelUnavailableError: There is no such model.
    """
    if chosen is not None:
        return ModelId.parse(chosen)
    source = weights.Source.of(DEFAULT.name, DEFAULT.pretrained)
    if weights.cached(source, weights_dir) or weights.is_reachable(source):
        return DEFAULT
    return TINY


def load(
    model_id: ModelId,
    weights_dir: Path,
    *,
    on_progress: Callable[[str], None] | None = None,
    precision: str | None = None,
) -> Model:
    """Load a model, and download its weights first where the cache folder lacks them.

    Args:
        weights_dir: The cache folder, in the model hub's layout.
        on_progress: Told in one line what takes its time.
        precision: "fp32", "bf16" or "fp16"; None: the fastest that the processor is made for.

    Raises:
        ModelUnavailableError: The model is unknown, its weights cannot be had, or they are damaged.
    """
    _check_known(model_id)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if model_id == TINY:
        where = f"local-dir:{_TINY_DIR}"
        clip = open_clip.create_model(where, device=device, require_pretrained=True)
        tokenizer = open_clip.get_tokenizer(where, bpe_path=str(_TINY_DIR / "merges.txt.gz"))
        return Model(model_id, clip, tokenizer, "fp32", device)
    _check_extra(model_id)
    source = weights.Source.of(model_id.name, model_id.pretrained)
    path = weights.cached(source, weights_dir)
    if path is None:
        if on_progress is not None:
            on_progress(f"downloading the weights of {model_id} to {weights_dir}")
        path = weights.download(source, weights_dir)
    precision = precision or best_precision(device)
    clip = _load_clip(model_id, path, precision, device)
    return Model(model_id, clip, _load_tokenizer(model_id, weights_dir), precision, device)


def best_precision(device: str) -> str:
    """The fastest precision that a processor is made for, as open_clip names it.

    Halving the bits halves the time only where there are instructions for it; elsewhere bfloat16 is
    emulated and slower than float32.
    """
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    able = torch.cpu.get_capabilities()
    native = any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "sve_bf16", "bf16"))
    return "bf16" if native else "fp32"


def _load_clip(model_id: ModelId, path: Path, precision: str, device: str) -> torch.nn.Module:
    tag = get_pretrained_cfg(model_id.name, model_id.pretrained)
    preprocess = merge_preprocess_dict({}, tag)
    if preprocess["resize_mode"] == "shortest":
        # That mode crops the centre, which drops 44 % of a 16:9 frame. Squashing drops nothing, and
        # these models know it: they were trained on crops of 3:4 to 4:3, squashed to a square.
        preprocess["resize_mode"] = "squash"
    try:
        clip: torch.nn.Module = open_clip.create_model(
            model_id.name,
            pretrained=str(path),
            precision=precision,
            device=device,
            force_quick_gelu=tag.get("quick_gelu", False),
            force_preprocess_cfg=preprocess,
        )
    except (RuntimeError, OSError, EOFError, SafetensorError, pickle.UnpicklingError) as error:
        if not weights.is_damaged(path):
            raise ModelUnavailableError(
                f"the weights of {model_id} in {path} cannot be loaded: {error}"
            ) from error
        weights.discard(path)
        raise ModelUnavailableError(
            f"the weights of {model_id} were damaged and have been removed from {path.parent}: "
            "start again to download them afresh."
        ) from error
    return clip


def _load_tokenizer(model_id: ModelId, weights_dir: Path) -> Any:
    """The model's tokenizer; one that lies on the hub is cached beside the weights."""
    if not _has_hub_tokenizer(model_id):
        return open_clip.get_tokenizer(model_id.name)
    try:
        return open_clip.get_tokenizer(model_id.name, cache_dir=weights_dir, local_files_only=True)
    except OSError:
        pass
    try:
        return open_clip.get_tokenizer(model_id.name, cache_dir=weights_dir)
    except OSError as error:
        raise ModelUnavailableError(
            f"the tokenizer of {model_id} is not in {weights_dir}, nor can it be downloaded: "
            "connect to the network, or copy that folder from a machine that has loaded the model."
        ) from error


def _check_known(model_id: ModelId) -> None:
    if model_id == TINY or is_pretrained_cfg(model_id.name, model_id.pretrained):
        return
    known = [str(TINY), *("/".join(pair) for pair in open_clip.list_pretrained())]
    similar = difflib.get_close_matches(str(model_id), known, n=3, cutoff=0.3) or [str(DEFAULT)]
    raise ModelUnavailableError(
        f"there is no model {model_id}; choose name/pretrained as open_clip lists them, "
        f"for example {', '.join(similar)}."
    )


def _check_extra(model_id: ModelId) -> None:
    if _has_hub_tokenizer(model_id) and importlib.util.find_spec("transformers") is None:
        raise ModelUnavailableError(
            f"{model_id} needs transformers for its tokenizer: pip install 'sceneql[siglip]'."
        )


def _has_hub_tokenizer(model_id: ModelId) -> bool:
    return "hf_tokenizer_name" in open_clip.get_model_config(model_id.name)["text_cfg"]
