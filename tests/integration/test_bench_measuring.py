"""What a benchmark measures of a pipeline: the work alone, in a process of its own.

That process loads this module anew, so nothing is imported here that takes long.
"""

import os
import subprocess
import sys
import time

import pytest

from bench.measuring import Clock, Counts, run


def take_memory(clock: Clock, megabytes: int) -> Counts:
    with clock:
        held = os.urandom(megabytes * 2**20)
        end = os.times().elapsed + 3
        while os.times().elapsed < end:
            sum(range(1000))
    return Counts(images=len(held) // 2**20)


def test_a_pipeline_is_measured_in_a_process_of_its_own() -> None:
    small = run(take_memory, 1)
    large = run(take_memory, 200)

    assert large.counts.images == 200
    assert 1 <= large.seconds < 60
    assert 0 < large.cpu_s <= 2 * large.seconds
    assert large.peak_mb - small.peak_mb > 150


def have_a_child_work(clock: Clock) -> Counts:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        time.sleep(1.5)
        with clock:
            time.sleep(1)
            first_s = clock.so_far_s()
        time.sleep(1.5)
        child.kill()
    return Counts(first_s=first_s)


def test_only_the_work_is_measured_and_that_of_children_that_go_on() -> None:
    measured = run(have_a_child_work)

    assert 1 <= measured.seconds < 2.5
    assert measured.counts.first_s == pytest.approx(measured.seconds, abs=1)
    assert 0.05 < measured.cpu_s < 2.5
