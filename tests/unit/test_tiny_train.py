"""The script that trains the tiny model: whether it still runs, and whether anything is learnt."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from workers.tiny import train

SHIPPED = Path(train.__file__).parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped model's configuration, without its weights."""
    shutil.copy(SHIPPED / train.CONFIG, tmp_path)
    return tmp_path


def test_a_short_training_writes_a_model_of_the_shipped_shape_that_began_to_learn(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, matching = train.PHASES
    phases = [
        *(replace(reading, steps=steps) for steps in (1, 25)),
        replace(matching, steps=1, families=4),
    ]

    train.train(phases, folder)

    first, last = re.findall(r"reading \d+,.*cost ([\d.]+)", capsys.readouterr().out)
    assert float(last) < float(first)
    assert (folder / train.CONFIG).read_text() == (SHIPPED / train.CONFIG).read_text()
    shapes, shipped = (
        {name: weight.shape for name, weight in load_file(path / train.WEIGHTS).items()}
        for path in (folder, SHIPPED)
    )
    assert shapes == shipped
