"""What a worker takes back of its priority, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

AUTOGROUP = Path("/proc/self/autogroup")
LOWER = (
    "import os; from pathlib import Path; from workers.priority import lower_priority; "
    "lower_priority(10); print(os.nice(0)); print(Path('/proc/self/autogroup').read_text())"
)

pytestmark = pytest.mark.skipif(
    not AUTOGROUP.exists(), reason="this system does not group processes by session"
)


def lowered(*, leads_its_session: bool) -> tuple[int, int]:
    """The niceness of a process that has lowered its priority, and that of its session."""
    told = subprocess.run(
        [sys.executable, "-c", LOWER],
        start_new_session=leads_its_session,
        capture_output=True,
        text=True,
        check=True,
    )
    own, session = told.stdout.split(maxsplit=1)
    return int(own), int(session.split()[-1])


def test_a_worker_takes_its_whole_session_back() -> None:
    own = os.nice(0)

    assert lowered(leads_its_session=True) == (own + 10, 10)


def test_a_session_that_others_share_keeps_its_priority() -> None:
    own, before = os.nice(0), int(AUTOGROUP.read_text().split()[-1])

    assert lowered(leads_its_session=False) == (own + 10, before)
