"""Runs the text tower of an open_clip model over no more tokens than the texts have."""

from typing import Any

import torch
from open_clip import CLIP, CustomTextCLIP
from open_clip.transformer import TextTransformer
from torch import Tensor, nn


def encode_tokens(clip: nn.Module, tokens: Tensor) -> Tensor:
    """Encode tokenized texts, cropped to the longest of them where that changes nothing.

    In a causal tower no token sees a later one, and a text's vector is read at its last token: the
    padding behind it is work for nothing.

    Args:
        clip: A model made by open_clip.
        tokens: (n, context length) token ids, padded with zeros.

    Returns:
        (n, dim) unit length, in the model's own precision.
    """
    features: Tensor
    model: Any = clip
    prefix = "text." if isinstance(clip, CustomTextCLIP) else ""
    tower = model.text if prefix else model
    # A text ends with the highest token. The padding is no mark of it: 0 is a token of texts, too.
    longest = int(tokens.argmax(dim=1).max()) + 1
    if longest == tokens.shape[1] or not _is_causal(tower):
        features = model.encode_text(tokens, normalize=True)
        return features
    cropped = {
        f"{prefix}positional_embedding": tower.positional_embedding[:longest],
        f"{prefix}attn_mask": tower.attn_mask[:longest, :longest],
    }
    _, features, *_ = torch.func.functional_call(clip, cropped, (None, tokens[:, :longest]))
    return features


def _is_causal(tower: Any) -> bool:
    """Whether this is open_clip's own causal tower, read at the token that ends the text."""
    if isinstance(tower, CLIP):
        return tower.attn_mask is not None and tower.text_pool_type == "argmax"
    return (
        isinstance(tower, TextTransformer)
        and tower.attn_mask is not None
        and tower.pool_type == "argmax"
        and tower.cls_emb is None
    )
