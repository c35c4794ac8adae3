"""The benchmark of codes, at a size of seconds: it compares the code that the database has."""

import numpy as np
import pytest
from sqlalchemy import Engine, text

from bench.codes import THRESHOLDS, code, drawn_library, report
from tests.filling import literal


def test_two_bits_hold_more_of_what_is_nearest_than_signs() -> None:
    lines: list[str] = []

    found = report(drawn_library(5000, 20), lines.append)

    assert list(found) == list(THRESHOLDS)
    assert found[0.4][40] > found[0.0][40]
    assert found[0.0][320] == pytest.approx(1, abs=0.02), "nearly all are among so many"
    assert lines[-1].startswith("| two bits, 0.6 | ")


def test_the_code_is_that_of_the_database(engine: Engine) -> None:
    vector = (np.random.default_rng(0).standard_normal(64) / 8).astype(np.float32)

    with engine.connect() as connection:
        stored = connection.execute(
            text("SELECT ternary_quantize(CAST(:v AS halfvec), 64)::text"), {"v": literal(vector)}
        ).scalar_one()

    assert stored == "".join("1" if bit > 0 else "0" for bit in code(vector[None], 0.4)[0])
