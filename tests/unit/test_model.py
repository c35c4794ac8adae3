"""Models by open_clip's own loader; the default one has random weights, and none is fetched."""

import importlib.util
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from open_clip import CLIP, CustomTextCLIP
from PIL import Image
from safetensors.torch import save_file

from app.errors import ModelUnavailableError
from workers.model import DEFAULT, TINY, Model, ModelId, best_precision, choose, load
from workers.text_tower import encode_tokens

SMALL_VISION = {"image_size": 32, "patch_size": 16, "width": 32, "head_width": 16, "layers": 1}
SMALL_TEXT = {"context_length": 20, "width": 32, "heads": 2, "layers": 2}


@pytest.fixture(scope="module")
def clip() -> CLIP:
    """The default model with random weights."""
    torch.manual_seed(0)
    return open_clip.create_model(DEFAULT.name, load_weights=False).eval()


@pytest.fixture(scope="module")
def weights_dir(clip: CLIP, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder in the hub's layout with the default model in it."""
    folder = tmp_path_factory.mktemp("weights")
    repo = folder / "models--laion--CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"
    snapshot = repo / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0" * 40)
    save_file(clip.state_dict(), snapshot / "open_clip_model.safetensors")
    return folder


@pytest.fixture(scope="module")
def model(weights_dir: Path) -> Model:
    return load(DEFAULT, weights_dir, precision="fp32")


def frame(width: int = 320, height: int = 180) -> Image.Image:
    """A frame of noise, which no two places of look the same."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_a_model_id_reads_what_it_writes() -> None:
    assert ModelId.parse("PE-Core-B-16/meta") == ModelId("PE-Core-B-16", "meta")
    assert ModelId.parse(str(DEFAULT)) == DEFAULT
    assert ModelId.parse(str(TINY)) == TINY
    assert ModelId.parse("tiny") == TINY


def test_an_unknown_model_is_refused_with_similar_names() -> None:
    with pytest.raises(ModelUnavailableError, match=r"ViT-B-32-256/datacomp_s34b_b86k"):
        ModelId.parse("ViT-B-32-256/datacomp")


def test_a_model_whose_extra_is_missing_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ModelUnavailableError, match=r"pip install 'sceneql\[siglip\]'"):
        load(ModelId("ViT-B-32-SigLIP2-256", "webli"), tmp_path)


def test_an_explicit_choice_is_taken_without_asking_anybody(tmp_path: Path) -> None:
    assert choose("PE-Core-B-16/meta", tmp_path) == ModelId("PE-Core-B-16", "meta")


def test_the_default_is_chosen_when_its_weights_are_cached(weights_dir: Path) -> None:
    assert choose(None, weights_dir) == DEFAULT


def test_vectors_are_of_unit_length(model: Model) -> None:
    texts = model.encode_texts(["a dog", "a dog in the park " * 40])
    images = model.encode_images([frame(), frame(90, 160)])
    for vectors in (texts, images):
        assert vectors.shape == (2, model.dim) == (2, 512)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("count", [1, 100])
def test_other_work_keeps_its_cores_after_texts(model: Model, count: int) -> None:
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model.encode_texts(["a red circle"] * count)

        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(usual)


def test_nothing_to_encode_gives_no_vectors(model: Model) -> None:
    assert model.encode_texts([]).shape == (0, 512)
    assert model.encode_images([]).shape == (0, 512)


def test_images_of_any_mode_are_encoded(model: Model) -> None:
    vectors = model.encode_images([frame().convert(mode) for mode in ("L", "P", "RGBA")])
    assert np.isfinite(vectors).all()


def test_the_far_left_of_a_wide_frame_is_seen(model: Model) -> None:
    plain = frame()
    marked = frame()
    marked.paste((255, 0, 0), (0, 0, 40, 180))
    before, after = model.encode_images([plain, marked])
    assert before @ after < 0.9999, "the mark at the left was cropped away"


@pytest.mark.parametrize("kind", [CLIP, CustomTextCLIP])
def test_texts_are_cropped_without_changing_their_vectors(kind: type) -> None:
    clip = kind(16, SMALL_VISION, SMALL_TEXT).eval()
    tokens = open_clip.get_tokenizer(context_length=20)(["a dog", "two dogs in the park"])
    seen: list[torch.Size] = []
    tower = clip if kind is CLIP else clip.text
    tower.token_embedding.register_forward_hook(
        lambda _layer, given, _: seen.append(given[0].shape)
    )
    with torch.inference_mode():
        cropped, whole = encode_tokens(clip, tokens), clip.encode_text(tokens, normalize=True)
    assert seen == [(2, 7), (2, 20)]
    # The order of the sums depends on the sizes, so the last bit may differ.
    torch.testing.assert_close(cropped, whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("text", ["wow!😂", "!&", "a dog!/"])
def test_a_text_with_the_token_0_is_not_cut_short(text: str) -> None:
    clip = CLIP(16, SMALL_VISION, SMALL_TEXT).eval()
    tokens = open_clip.get_tokenizer(context_length=20)([text])
    assert 0 in tokens[0, : tokens[0].argmax()], (
        "the text has no token 0, which is also the padding"
    )

    with torch.inference_mode():
        cropped, whole = encode_tokens(clip, tokens), clip.encode_text(tokens, normalize=True)

    torch.testing.assert_close(cropped, whole, atol=1e-6, rtol=0)


def test_a_tower_that_sees_the_padding_is_not_cropped() -> None:
    text = SMALL_TEXT | {"no_causal_mask": True, "pool_type": "last", "proj_bias": True}
    clip = CustomTextCLIP(16, SMALL_VISION, text).eval()
    tokens = open_clip.get_tokenizer(context_length=20)(["a dog", "two dogs in the park"])
    with torch.inference_mode():
        assert torch.equal(encode_tokens(clip, tokens), clip.encode_text(tokens, normalize=True))


def test_half_precision_gives_the_same_vectors(model: Model, weights_dir: Path) -> None:
    half = load(DEFAULT, weights_dir, precision="bf16")
    text, image = ["a dog in the park"], [frame()]
    assert model.encode_texts(text)[0] @ half.encode_texts(text)[0] >= 0.999
    assert model.encode_images(image)[0] @ half.encode_images(image)[0] >= 0.999


@pytest.mark.parametrize(
    ("instruction", "precision"),
    [("avx512_bf16", "bf16"), ("amx_bf16", "bf16"), ("avx512_f", "fp32")],
)
def test_half_precision_is_chosen_only_where_the_processor_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, instruction: str, precision: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {instruction: True})
    assert best_precision("cpu") == precision


def test_only_the_tiny_model_names_unknown_words(model: Model) -> None:
    assert model.unknown_words("a dog in the park") == ()
