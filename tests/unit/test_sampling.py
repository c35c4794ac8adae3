"""The grammar that says which frames are indexed."""

import pytest

from app.errors import BadRequestError
from app.sampling import Sampling


@pytest.mark.parametrize(
    "text", ["scenes:1", "scenes:20", "every:2s", "every:0.5s", "every:3600s", "keyframes"]
)
def test_a_sampling_is_written_as_it_is_read(text: str) -> None:
    assert str(Sampling.parse(text)) == text


def test_case_and_spaces_around_it_do_not_matter() -> None:
    assert Sampling.parse(" Every:1.50S ") == Sampling("every", interval_s=1.5)


@pytest.mark.parametrize(
    "text",
    ["", "scenes", "scenes:0", "scenes:21", "scenes:2.5", "scenes:-1", "every:0s", "every:5",
     "every:1e3s", "every:3601s", "every:s", "frames", "keyframes:2", "every:٣s"],
)  # fmt: skip
def test_anything_else_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        Sampling.parse(text)

    message = str(refused.value)
    assert all(form in message for form in ("scenes:N", "every:Xs", "keyframes"))
    assert "\n" not in message
