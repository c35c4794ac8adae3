"""The code of two bits a dimension that an index over ternary codes holds."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from tests.filling import literal

DIM = 100
# 0.4 / sqrt(100), beyond which a value counts as more than nothing.
THRESHOLD = 0.04


def code_of(connection: Connection, vector: NDArray[np.float32], dim: int = DIM) -> str:
    question = text("SELECT ternary_quantize(CAST(:v AS halfvec), :dim)::text")
    return str(connection.execute(question, {"v": literal(vector), "dim": dim}).scalar_one())


def test_each_value_is_two_bits_of_which_it_sets_more_the_larger_it_is(engine: Engine) -> None:
    vector = np.zeros(DIM, np.float32)
    vector[:5] = [0.05, 0.03, 0, -0.03, -0.05]

    with engine.connect() as connection:
        code = code_of(connection, vector)

    assert len(code) == 2 * DIM
    assert code[:5] == "10000", "whether a value is above the threshold"
    assert code[DIM : DIM + 5] == "11110", "whether it is above minus the threshold"


def test_the_distance_of_two_codes_is_that_of_their_rounded_values(engine: Engine) -> None:
    random = np.random.default_rng(0)
    one, other = (random.standard_normal((2, DIM)) / np.sqrt(DIM)).astype(np.float32)
    rounded = [np.sign(v) * (np.abs(v) > THRESHOLD) for v in (one, other)]

    with engine.connect() as connection:
        codes = [code_of(connection, vector) for vector in (one, other)]
        distance = connection.execute(
            text("SELECT CAST(:one AS bit(200)) <~> CAST(:other AS bit(200))"),
            {"one": codes[0], "other": codes[1]},
        ).scalar_one()

    assert distance == np.abs(rounded[0] - rounded[1]).sum()


def test_a_vector_of_other_dimensions_is_refused(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError, match="different halfvec dim"):
        code_of(connection, np.ones(DIM, np.float32), dim=DIM + 1)
