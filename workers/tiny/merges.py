"""The tiny model's tokens: byte-pair merges that make one token of every word it is taught."""

import gzip
from collections import Counter
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path

_BYTE_TOKENS = 2 * 256
"""Every byte is a token, once inside of a word and once at its end."""

_SPECIAL_TOKENS = 2


def train_merges(words: Collection[str]) -> list[tuple[str, str]]:
    """Byte-pair encoding (Sennrich et al., 2016), carried on until each word is a single token.

    Args:
        words: In lower case, of the letters a to z and the digits.

    Returns:
        The merges in the order to apply them; the same for the same words.
    """
    spelled = {word: [*word[:-1], f"{word[-1]}</w>"] for word in sorted(words)}
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for parts in spelled.values() for pair in pairwise(parts)):
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        spelled = {word: _merge(parts, best) for word, parts in spelled.items()}
    return merges


def _merge(parts: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for part in parts:
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return merged


def vocabulary_size(merges: Collection[tuple[str, str]]) -> int:
    """How many tokens open_clip's tokenizer makes of that many merges."""
    return _BYTE_TOKENS + len(merges) + _SPECIAL_TOKENS


def write_merges(merges: Collection[tuple[str, str]], path: Path) -> None:
    """Write the gzipped text file that open_clip's tokenizer reads, the same bytes every time."""
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
    path.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
