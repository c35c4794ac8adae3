"""The weight of a picture against words counts where there are both, and nowhere else."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from app.asking import Question
from app.search import search
from tests.filling import answer, answer_everything, fill

PICTURE = b"not really a picture"


@pytest.fixture
def library(engine: Engine) -> Engine:
    filled = fill(engine, videos=20, frames=10)
    answer(engine, "a red circle", filled.vectors[3, 7])
    answer(engine, "a dog", filled.vectors[8, 2])
    answer_everything(engine)
    return engine


def found(library: Engine, question: Question) -> list[tuple[int, int, float | None]]:
    hits = search(library, question).hits
    return [(hit.video_id, hit.frame_no, hit.similarity) for hit in hits]


@pytest.mark.parametrize("weight", [0, 90, 100])
@pytest.mark.parametrize(
    "question",
    [
        Question(text="a red circle"),
        Question(text="a red circle -a dog", keywords="circle"),
        Question(text="a red circle", keywords="circle"),
        Question(image=PICTURE),
        Question(image=PICTURE, keywords="circle"),
    ],
    ids=["words", "words and not", "keywords", "a picture", "a picture and keywords"],
)
def test_a_weight_changes_nothing_where_there_is_nothing_to_weigh_against(
    library: Engine, question: Question, weight: int
) -> None:
    assert found(library, replace(question, weight=weight)) == found(library, question)


@pytest.mark.parametrize("keywords", ["", "circle"])
def test_a_weight_decides_between_words_and_a_picture(library: Engine, keywords: str) -> None:
    both = Question(text="a red circle", image=PICTURE, keywords=keywords)

    assert found(library, replace(both, weight=0)) == found(library, replace(both, image=""))
    assert found(library, replace(both, weight=100)) == found(library, replace(both, text=""))
    assert found(library, replace(both, weight=70)) != found(library, both)
