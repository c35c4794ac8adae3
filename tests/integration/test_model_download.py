"""Weights from the hub: downloaded with a progress bar, cached, and never loaded broken.

The hub's client reads its address when it is imported, so each start is a process of its own.
"""

import json
import os
import pty
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from tests.hub import Fault, Hub, serve_hub
from workers.model import DEFAULT, TINY

REPO = "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"
NOBODY = "http://127.0.0.1:9"

START = """
import json, sys, time
from pathlib import Path
from app.errors import ModelUnavailableError
from workers.model import ModelId, choose, load

chosen, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
begun = time.monotonic()
answer = {}
try:
    model_id = choose(chosen, folder)
    answer = {"model": str(model_id), "chosen_after_s": time.monotonic() - begun}
    if sys.argv[3] == "load":
        answer["vector"] = load(model_id, folder).encode_texts(["a dog in the park"])[0].tolist()
except ModelUnavailableError as error:
    answer["error"] = str(error)
print(json.dumps(answer))
"""


@dataclass(frozen=True)
class Started:
    """What a process that wanted a model came to, and what it wrote to its terminal."""

    model: str | None
    chosen_after_s: float | None
    vector: list[float] | None
    error: str | None
    terminal: str


def start(hub_url: str, folder: Path, *, chosen: str | None = None, load: bool = True) -> Started:
    """Choose and load a model in a new process whose stderr is a terminal."""
    arguments = [json.dumps(chosen), str(folder), "load" if load else "choose"]
    terminal, stderr = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 120))
    with subprocess.Popen(
        [sys.executable, "-c", START, *arguments],
        env={**os.environ, "HF_ENDPOINT": hub_url, "HF_HUB_OFFLINE": "0"},
        stdout=subprocess.PIPE,
        stderr=stderr,
    ) as process:
        os.close(stderr)
        written = _read_all(terminal)
        output, _ = process.communicate()
    assert process.returncode == 0, written
    answer = json.loads(output)
    return Started(
        model=answer.get("model"),
        chosen_after_s=answer.get("chosen_after_s"),
        vector=answer.get("vector"),
        error=answer.get("error"),
        terminal=written,
    )


def _read_all(terminal: int) -> str:
    written = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux reports the end of a terminal as an error.
            break
        if not part:
            break
        written += part
    os.close(terminal)
    return written.decode()


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model with random weights, in half precision to keep the disk quiet."""
    torch.manual_seed(0)
    clip = open_clip.create_model(DEFAULT.name, load_weights=False)
    path = tmp_path_factory.mktemp("weights") / "open_clip_model.safetensors"
    save_file({name: tensor.half() for name, tensor in clip.state_dict().items()}, path)
    return path


@pytest.fixture
def hub(weights_file: Path) -> Iterator[Hub]:
    with serve_hub({f"{REPO}/{weights_file.name}": weights_file}) as hub:
        yield hub


def files_in(folder: Path) -> list[Path]:
    """The large files of a cache folder; the hub's client leaves small ones about."""
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 10_000]


def test_weights_are_downloaded_once_and_then_need_no_network(hub: Hub, tmp_path: Path) -> None:
    first = start(hub.url, tmp_path)
    assert first.error is None
    assert first.model == str(DEFAULT)
    assert "open_clip_model.safetensors" in first.terminal
    assert "100%" in first.terminal, f"no progress bar in {first.terminal!r}"

    second = start(NOBODY, tmp_path)
    assert second.error is None
    assert second.model == str(DEFAULT)
    assert second.vector == first.vector
    assert second.terminal == "", "a second start has nothing to tell"


@pytest.mark.parametrize(
    "fault", [Fault.CUT, Fault.SHORT, Fault.WRONG], ids=lambda f: f.name.lower()
)
def test_a_broken_download_names_the_cure_and_leaves_nothing(
    hub: Hub, tmp_path: Path, fault: Fault
) -> None:
    hub.fault = fault
    broken = start(hub.url, tmp_path)
    assert broken.error is not None
    assert "start again" in broken.error
    assert "\n" not in broken.error
    assert files_in(tmp_path) == []


def test_after_a_broken_download_the_next_one_is_whole(hub: Hub, tmp_path: Path) -> None:
    hub.fault = Fault.SHORT
    assert start(hub.url, tmp_path).error is not None

    hub.fault = Fault.NONE
    healed = start(hub.url, tmp_path)
    assert healed.error is None
    assert healed.vector is not None


def test_weights_that_were_damaged_on_disk_are_removed(hub: Hub, tmp_path: Path) -> None:
    assert start(hub.url, tmp_path).error is None
    [blob] = (path for path in files_in(tmp_path) if not path.is_symlink())
    os.truncate(blob, blob.stat().st_size // 2)

    damaged = start(NOBODY, tmp_path)
    assert damaged.error is not None
    assert "damaged" in damaged.error
    assert files_in(tmp_path) == []


def test_without_a_network_the_tiny_model_is_chosen_within_five_seconds(tmp_path: Path) -> None:
    refused = start(NOBODY, tmp_path, load=False)
    assert refused.model == str(TINY)

    # A firewall that swallows packets is slower than one that refuses: nothing ever comes back.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        swallowed = start(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path, load=False)
    assert swallowed.model == str(TINY)
    assert swallowed.chosen_after_s is not None
    assert swallowed.chosen_after_s < 5


def test_a_chosen_model_that_cannot_be_had_is_an_error_that_names_the_cure(tmp_path: Path) -> None:
    started = start(NOBODY, tmp_path, chosen=str(DEFAULT))
    assert started.error is not None
    assert NOBODY in started.error
    assert str(tmp_path) in started.error, "the folder to bring the weights to is named"
    assert "SCENEQL_MODEL=tiny" in started.error
