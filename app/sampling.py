"""Which frames of a video are indexed."""

import re
from dataclasses import dataclass
from typing import Literal, Self

from app.errors import BadRequestError

_MAX_PER_SCENE = 20
_INTERVAL_S = (0.1, 3600.0)


@dataclass(frozen=True)
class Sampling:
    """One of three ways to choose frames; `str()` gives the text that `parse` understands.

    `per_scene` frames spread over each scene, one frame every `interval_s` seconds, or the codec's
    key frames.
    """

    kind: Literal["scenes", "every", "keyframes"]
    per_scene: int = 1
    interval_s: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `scenes:3`, `every:2s` or `keyframes`.

        Raises:
            BadRequestError: It is none of these; the message names them.
        """
        given = text.strip().lower()
        if given == "keyframes":
            return cls("keyframes")
        if (match := re.fullmatch(r"scenes:([0-9]{1,3})", given)) and (
            1 <= (per_scene := int(match[1])) <= _MAX_PER_SCENE
        ):
            return cls("scenes", per_scene=per_scene)
        if (match := re.fullmatch(r"every:([0-9]{1,4}(?:\.[0-9]+)?)s", given)) and (
            _INTERVAL_S[0] <= (interval_s := float(match[1])) <= _INTERVAL_S[1]
        ):
            return cls("every", interval_s=interval_s)
        raise BadRequestError(
            f"sampling {text!r}: give scenes:N (N frames of each scene, 1 to {_MAX_PER_SCENE}), "
            f"every:Xs (a frame every X seconds, {_INTERVAL_S[0]:g} to {_INTERVAL_S[1]:g}) "
            "or keyframes"
        )

    def __str__(self) -> str:
        if self.kind == "scenes":
            return f"scenes:{self.per_scene}"
        return f"every:{self.interval_s:g}s" if self.kind == "every" else "keyframes"
