"""What a worker takes back of its priority, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.media import shot, write_clip

AUTOGROUP = Path("/proc/self/autogroup")
LOWER = (
    "import os; from pathlib import Path; from workers.priority import lower_priority; "
    "lower_priority(10); print(os.nice(0)); print(Path('/proc/self/autogroup').read_text())"
)

DECODE = """
import sys
from pathlib import Path
import psutil
from workers.decoder import Decoder
from workers.priority import lower_priority
lower_priority(10)
decoder = Decoder(memory_mb=2048, frame_timeout_s=60)
decoder.start()
decoder.describe(Path(sys.argv[1]))
[child] = psutil.Process().children()
print(child.nice())
print(Path(f"/proc/{child.pid}/autogroup").read_text())
decoder.close()
"""

pytestmark = pytest.mark.skipif(
    not AUTOGROUP.exists(), reason="this system does not group processes by session"
)


def lowered(*, leads_its_session: bool) -> tuple[int, int | None]:
    """The niceness of a process that has lowered its priority, and that of its session."""
    told = subprocess.run(
        [sys.executable, "-c", LOWER],
        start_new_session=leads_its_session,
        capture_output=True,
        text=True,
        check=True,
    )
    return read(told.stdout)


def read(told: str) -> tuple[int, int | None]:
    own, _, session = told.partition("\n")
    return int(own), niceness_of(session)


def niceness_of(session: str) -> int | None:
    """10 of "/autogroup-7 nice 10"; the kernel says nothing of a session that is in no group."""
    return int(session.split()[-1]) if session.strip() else None


def test_a_worker_takes_its_whole_session_back() -> None:
    own = os.nice(0)

    assert lowered(leads_its_session=True) == (own + 10, own + 10)


def test_a_session_that_others_share_keeps_its_priority() -> None:
    own, before = os.nice(0), niceness_of(AUTOGROUP.read_text())

    assert lowered(leads_its_session=False) == (own + 10, before)


def test_a_decoder_which_has_a_session_of_its_own_is_as_far_back_as_its_worker(
    tmp_path: Path,
) -> None:
    write_clip(tmp_path / "clip.mp4", shot(1, 5))

    told = subprocess.run(
        [sys.executable, "-c", DECODE, str(tmp_path / "clip.mp4")],
        start_new_session=True,
        capture_output=True,
        text=True,
        check=True,
    )

    own = os.nice(0)
    assert read(told.stdout) == (own + 10, own + 10)
