"""Weights from the hub: downloaded with a progress bar, cached, and never loaded broken.

The hub's client reads its address when it is imported, so each address has a process of its own.
"""

import json
import os
import pty
import shutil
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from tests.hub import Fault, Hub, serve_hub
from workers.model import DEFAULT, TINY

WEIGHTS = "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K/open_clip_model.safetensors"
NOBODY = "http://127.0.0.1:9"

PROGRAM = """
import json, sys, time
from pathlib import Path
from app.errors import ModelUnavailableError
from workers.model import choose, load

for line in sys.stdin:
    chosen, folder, loads = json.loads(line)
    begun = time.monotonic()
    answer = {}
    try:
        model_id = choose(chosen, Path(folder))
        answer = {"model": str(model_id), "chosen_after_s": time.monotonic() - begun}
        if loads:
            vectors = load(model_id, Path(folder)).encode_texts(["a dog in the park"])
            answer["vector"] = vectors[0].tolist()
    except ModelUnavailableError as error:
        answer["error"] = str(error)
    print(json.dumps(answer), flush=True)
    print(end="\\0", file=sys.stderr, flush=True)
"""


@dataclass(frozen=True)
class Start:
    """What it came to when a model was wanted, and what was written to the terminal meanwhile."""

    terminal: str
    model: str | None = None
    chosen_after_s: float | None = None
    vector: list[float] | None = None
    error: str | None = None


class Program:
    """A process that chooses and loads one model after the other; its stderr is a terminal."""

    def __init__(self, process: "subprocess.Popen[str]", terminal: int) -> None:
        self._process = process
        self._terminal = terminal

    def start(self, folder: Path, *, chosen: str | None = None, load: bool = True) -> Start:
        """Chooses a model, and loads it, as what has just been started does."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps([chosen, str(folder), load]), file=self._process.stdin, flush=True)
        written = self._written()
        return Start(terminal=written, **json.loads(self._process.stdout.readline()))

    def _written(self) -> str:
        """What is written to the terminal, up to the mark at the end of a start."""
        written = b""
        while not written.endswith(b"\0"):
            try:
                written += os.read(self._terminal, 65536)
            except OSError:  # Linux reports the end of a terminal as an error.
                pytest.fail(f"the process has ended: {written.decode()}")
        return written.decode().removesuffix("\0")


@contextmanager
def program(hub_url: str) -> Iterator[Program]:
    """One to which the hub is at that address."""
    terminal, stderr = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 120))
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "HF_ENDPOINT": hub_url, "HF_HUB_OFFLINE": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    ) as process:
        os.close(stderr)
        try:
            yield Program(process, terminal)
        finally:
            process.kill()
            os.close(terminal)


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model with random weights, in half precision to keep the disk quiet."""
    torch.manual_seed(0)
    clip = open_clip.create_model(DEFAULT.name, load_weights=False)
    path = tmp_path_factory.mktemp("weights") / "open_clip_model.safetensors"
    save_file({name: tensor.half() for name, tensor in clip.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def hub(weights_file: Path) -> Iterator[Hub]:
    with serve_hub({WEIGHTS: weights_file}) as hub:
        yield hub


@pytest.fixture(scope="module")
def online(hub: Hub) -> Iterator[Program]:
    with program(hub.url) as online:
        yield online


@pytest.fixture(scope="module")
def offline() -> Iterator[Program]:
    with program(NOBODY) as offline:
        yield offline


@dataclass(frozen=True)
class Downloads:
    """A folder into which the weights came whole after a download that broke off."""

    folder: Path
    broken: Start
    whole: Start


@pytest.fixture(scope="module")
def downloads(hub: Hub, online: Program, tmp_path_factory: pytest.TempPathFactory) -> Downloads:
    folder = tmp_path_factory.mktemp("downloads")
    hub.fault = Fault.SHORT
    broken = online.start(folder)
    hub.fault = Fault.NONE
    return Downloads(folder, broken, whole=online.start(folder))


@pytest.fixture
def small_hub(hub: Hub, weights_file: Path, tmp_path: Path) -> Iterator[Hub]:
    """The hub, with a file that is as good as weights where nobody comes to load them."""
    small = tmp_path / "small"
    small.write_bytes(os.urandom(2**20))
    hub.files[WEIGHTS] = small
    yield hub
    hub.fault = Fault.NONE
    hub.files[WEIGHTS] = weights_file


def files_in(folder: Path) -> list[Path]:
    """The large files of a cache folder; the hub's client leaves small ones about."""
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 10_000]


def test_weights_are_downloaded_once_and_then_need_no_network(
    downloads: Downloads, offline: Program
) -> None:
    first = downloads.whole
    assert first.error is None
    assert first.model == str(DEFAULT)
    assert "open_clip_model.safetensors" in first.terminal
    assert "100%" in first.terminal, f"no progress bar in {first.terminal!r}"

    second = offline.start(downloads.folder)
    assert second.error is None
    assert second.model == str(DEFAULT)
    assert second.vector == first.vector
    assert second.terminal == "", "a second start has nothing to tell"


@pytest.mark.parametrize(
    "fault", [Fault.CUT, Fault.SHORT, Fault.WRONG], ids=lambda f: f.name.lower()
)
def test_a_broken_download_names_the_cure_and_leaves_nothing(
    small_hub: Hub, online: Program, tmp_path: Path, fault: Fault
) -> None:
    small_hub.fault = fault
    broken = online.start(tmp_path / "models")
    assert broken.error is not None
    assert "start again" in broken.error
    assert "\n" not in broken.error
    assert files_in(tmp_path / "models") == []


def test_after_a_broken_download_the_next_one_is_whole(downloads: Downloads) -> None:
    assert downloads.broken.error is not None

    assert downloads.whole.error is None
    assert downloads.whole.vector is not None


def test_weights_that_were_damaged_on_disk_are_removed(
    downloads: Downloads, offline: Program, tmp_path: Path
) -> None:
    folder = shutil.copytree(downloads.folder, tmp_path / "models", symlinks=True)
    [blob] = (path for path in files_in(folder) if not path.is_symlink())
    os.truncate(blob, blob.stat().st_size // 2)

    damaged = offline.start(folder)
    assert damaged.error is not None
    assert "damaged" in damaged.error
    assert files_in(folder) == []


def test_without_a_network_the_tiny_model_is_chosen_within_five_seconds(
    offline: Program, tmp_path: Path
) -> None:
    refused = offline.start(tmp_path, load=False)
    assert refused.model == str(TINY)

    # A firewall that swallows packets is slower than one that refuses: nothing ever comes back.
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        program(f"http://127.0.0.1:{silent.getsockname()[1]}") as behind_it,
    ):
        swallowed = behind_it.start(tmp_path, load=False)
    assert swallowed.model == str(TINY)
    assert swallowed.chosen_after_s is not None
    assert swallowed.chosen_after_s < 5


def test_a_chosen_model_that_cannot_be_had_is_an_error_that_names_the_cure(
    offline: Program, tmp_path: Path
) -> None:
    started = offline.start(tmp_path, chosen=str(DEFAULT))
    assert started.error is not None
    assert NOBODY in started.error
    assert str(tmp_path) in started.error, "the folder to bring the weights to is named"
    assert "SCENEQL_MODEL=tiny" in started.error
