"""Decoding apart from the worker: whatever a file does, it does to a process that can be spared."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psutil
import pytest

from app.errors import MediaError, UnreadableError
from app.sampling import Sampling
from tests.media import plain, shot, write_clip
from workers import decoder as decoder_module
from workers.analysis import Decoded, Sample
from workers.decoder import Decoder, DecoderBugError, DecoderLostError
from workers.scenes import analyse

HARD_FILES = os.environ.get("SCENEQL_TEST_MEDIA_EDGE")

SAMPLING = Sampling.parse("scenes:2")


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with Decoder(memory_mb=4096, frame_timeout_s=30) as decoder:
        yield decoder


@pytest.fixture(scope="module")
def lasting_decoder() -> Iterator[Decoder]:
    with Decoder(memory_mb=4096, frame_timeout_s=60) as decoder:
        yield decoder


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", shot(1, 25) + shot(2, 25))


@pytest.fixture(scope="module")
def large_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight shots whose pictures do not fit into a socket: nobody is done with it at once."""
    pictures = [picture for seed in range(8) for picture in shot(seed, 15, 640, 360)]
    return write_clip(tmp_path_factory.mktemp("clips") / "large.mp4", pictures)


def decode(decoder: Decoder, path: Path, sampling: Sampling = SAMPLING) -> Decoded:
    return decoder.decode(path, sampling, on_sample=lambda _: None)


def child_of(decoder: Decoder) -> int:
    assert decoder.pid is not None
    return decoder.pid


def cpu_s(decoder: Decoder) -> float:
    """The processor time that its process has taken."""
    return sum(psutil.Process(child_of(decoder)).cpu_times()[:2])


def is_running(pid: int) -> bool:
    """Whether a process, or one of its threads, is still there, except as what can be reaped."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def wait_for_end(pid: int, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while is_running(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs after {timeout_s} s"
        time.sleep(0.02)


def test_it_finds_what_decoding_in_this_process_finds(lasting_decoder: Decoder, clip: Path) -> None:
    clip.with_suffix(".srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nGood morning\n")
    expected: list[Sample] = []
    analysis = analyse(clip, SAMPLING, on_sample=expected.append)
    samples: list[Sample] = []

    decoded = lasting_decoder.decode(clip, SAMPLING, on_sample=samples.append)

    assert samples == expected
    assert decoded.analysis == analysis
    assert (decoded.info.width, decoded.info.height) == (160, 90)
    assert [subtitle.text for subtitle in decoded.subtitles] == ["Good morning"]


def test_one_process_decodes_many_files(lasting_decoder: Decoder, clip: Path) -> None:
    decode(lasting_decoder, clip)
    first = lasting_decoder.pid

    decode(lasting_decoder, clip)

    assert lasting_decoder.pid == first


def test_a_process_is_replaced_after_many_files(
    decoder: Decoder, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_module, "FILES_PER_PROCESS", 2)
    pids = []

    for _ in range(4):
        decode(decoder, clip)
        pids.append(child_of(decoder))

    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert not is_running(pids[0])


def test_a_file_that_is_no_video_has_its_reason_and_leaves_the_process_as_it_is(
    lasting_decoder: Decoder, clip: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.mp4"
    notes.write_text("Dear diary")
    decode(lasting_decoder, clip)
    before = lasting_decoder.pid

    with pytest.raises(MediaError, match=r"^is not a video in any format that can be indexed$"):
        decode(lasting_decoder, notes)

    decode(lasting_decoder, clip)
    assert lasting_decoder.pid == before


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGSEGV, r"^crashed the decoder \(SIGSEGV\)$"),
        (signal.SIGABRT, r"^crashed the decoder \(SIGABRT\)$"),
        (signal.SIGKILL, r"^had its decoder killed \(SIGKILL\), perhaps because"),
    ],
)
def test_a_crash_fails_its_own_file_alone(
    decoder: Decoder, clip: Path, large_clip: Path, number: signal.Signals, reason: str
) -> None:
    with pytest.raises(DecoderLostError, match=reason) as lost:
        decoder.decode(large_clip, SAMPLING, on_sample=lambda _: os.kill(child_of(decoder), number))

    assert not lost.value.used
    assert decode(decoder, clip).analysis.frame_count == 50


def test_a_crash_after_other_files_may_be_their_fault(
    decoder: Decoder, clip: Path, large_clip: Path
) -> None:
    decode(decoder, clip)

    with pytest.raises(DecoderLostError) as lost:
        decoder.decode(
            large_clip, SAMPLING, on_sample=lambda _: os.kill(child_of(decoder), signal.SIGSEGV)
        )

    assert lost.value.used


def test_a_process_that_died_between_two_files_is_replaced(decoder: Decoder, clip: Path) -> None:
    decode(decoder, clip)
    before = child_of(decoder)
    os.kill(before, signal.SIGKILL)
    wait_for_end(before)

    decode(decoder, clip)

    assert decoder.pid != before


def test_a_hang_is_ended_and_fails_its_own_file_alone(clip: Path, large_clip: Path) -> None:
    with Decoder(memory_mb=4096, frame_timeout_s=3) as decoder:
        pids: list[int] = []

        def stop(_sample: Sample) -> None:
            pids.append(child_of(decoder))
            os.kill(pids[0], signal.SIGSTOP)

        with pytest.raises(MediaError, match=r"^gave no frame for 3 s: .* SCENEQL_FRAME_TIMEOUT_S"):
            decoder.decode(large_clip, SAMPLING, on_sample=stop)

        assert not is_running(pids[0])
        assert decode(decoder, clip).analysis.frame_count == 50


def test_what_a_disk_does_not_give_is_told_apart_from_a_bad_file(
    lasting_decoder: Decoder, clip: Path
) -> None:
    # Linux answers whoever reads the beginning of this one like a disk that fails.
    with pytest.raises(UnreadableError, match=r"^cannot be read: Input/output error$"):
        decode(lasting_decoder, Path("/proc/self/mem"))

    assert decode(lasting_decoder, clip).analysis.frame_count == 50


def test_a_disk_that_does_not_answer_is_no_hang_of_the_decoder(
    large_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A process that is stopped stands for one that the system keeps waiting for a disk.
    monkeypatch.setattr(psutil.Process, "status", lambda _: psutil.STATUS_DISK_SLEEP)

    with (
        Decoder(memory_mb=4096, frame_timeout_s=1.5) as decoder,
        pytest.raises(UnreadableError, match=r"its disk did not answer for 1.5 s$"),
    ):
        decoder.decode(
            large_clip, SAMPLING, on_sample=lambda _: os.kill(child_of(decoder), signal.SIGSTOP)
        )


def test_whoever_takes_long_over_a_frame_raises_no_alarm(large_clip: Path) -> None:
    samples: list[Sample] = []

    def take_long(sample: Sample) -> None:
        if not samples:
            time.sleep(3.5)
        samples.append(sample)

    with Decoder(memory_mb=4096, frame_timeout_s=3) as decoder:
        decoder.decode(large_clip, SAMPLING, on_sample=take_long)

    assert len(samples) > 10


def test_the_process_waits_while_nobody_takes_its_frames(
    decoder: Decoder, large_clip: Path
) -> None:
    used_s: list[float] = []

    def wait_until_it_waits(_sample: Sample) -> None:
        deadline = time.monotonic() + 60
        while len(used_s) < 2 or used_s[-2] != used_s[-1]:
            assert time.monotonic() < deadline, "it works on"
            time.sleep(0.5)
            used_s.append(cpu_s(decoder))

    decoder.decode(large_clip, SAMPLING, on_sample=wait_until_it_waits)

    assert cpu_s(decoder) > used_s[-1], "it was done already"


def test_a_file_that_needs_too_much_memory_is_given_up(clip: Path, tmp_path: Path) -> None:
    huge = write_clip(
        tmp_path / "huge.mov", [plain((1, 2, 3), 8000, 6000)] * 2, codec="png", pix_fmt="rgb24"
    )
    with Decoder(memory_mb=512, frame_timeout_s=30) as decoder:
        with pytest.raises(DecoderLostError, match=r"^needs more than 512 MB .*_MEMORY_MB$"):
            decode(decoder, huge)

        assert decode(decoder, clip).analysis.frame_count == 50


def test_a_bug_is_logged_and_fails_its_own_file_alone(
    lasting_decoder: Decoder, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    no_path = cast(Path, None)

    with pytest.raises(DecoderBugError, match=r"internal error of the decoder .*AttributeError"):
        decode(lasting_decoder, no_path)

    assert "Traceback" in caplog.text
    assert decode(lasting_decoder, clip).analysis.frame_count == 50


def test_what_is_logged_there_is_logged_here(
    lasting_decoder: Decoder, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.truncate(os.open(clip.with_suffix(".srt"), os.O_CREAT | os.O_WRONLY), 2**30)

    with caplog.at_level(logging.WARNING):
        decode(lasting_decoder, clip)

    assert "clip.srt was left aside" in caplog.text


def test_the_process_has_no_torch_and_ignores_ctrl_c(lasting_decoder: Decoder, clip: Path) -> None:
    decode(lasting_decoder, clip)
    child = child_of(lasting_decoder)

    os.kill(child, signal.SIGINT)

    decode(lasting_decoder, clip)
    assert lasting_decoder.pid == child
    maps = Path(f"/proc/{child}/maps").read_text()
    assert "libav" in maps
    assert "libtorch" not in maps


OWNER = """
import signal, sys, time
from pathlib import Path
from workers.decoder import Decoder
from app.sampling import Sampling

# Where the tests themselves run in the background, Ctrl-C is ignored, and so it would be here.
signal.signal(signal.SIGINT, signal.default_int_handler)
with Decoder(memory_mb=4096, frame_timeout_s=30) as decoder:
    decoder.start()
    def on_sample(_):
        print(decoder.pid, flush=True)
        time.sleep(600)
    decoder.decode(Path(sys.argv[1]), Sampling.parse("scenes:2"), on_sample)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_with_its_owner(clip: Path, number: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(clip)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    assert is_running(child)

    # As Ctrl-C does: all processes of the terminal's foreground get it.
    os.killpg(owner.pid, number)

    _, errors = owner.communicate(timeout=60)
    assert owner.returncode == -number
    wait_for_end(child)
    assert errors.count(b"Traceback") == (number == signal.SIGINT)


HANGING = """
import re, sys
from workers.decoder_process import end_with_writer

end_with_writer(int(sys.argv[1]))
print("hanging", flush=True)
# Never ends, is in C all the time, and lets no other thread run.
re.match("(a+)+b", "a" * 60)
"""


def test_a_process_that_hangs_in_c_ends_with_its_owner() -> None:
    watched, held = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING, str(watched)], pass_fds=(watched,), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"hanging\n"
    time.sleep(0.2)
    assert process.poll() is None

    os.close(held)

    assert process.wait(timeout=60) == -signal.SIGIO
    os.close(watched)


def decode_or_reason(
    decoder: Decoder, file: Path, sampling: Sampling, samples: list[Sample]
) -> Decoded | str:
    try:
        return decoder.decode(file, sampling, on_sample=samples.append)
    except MediaError as error:
        return str(error)


@pytest.mark.skipif(HARD_FILES is None, reason="SCENEQL_TEST_MEDIA_EDGE names no folder of files")
def test_every_hard_file_is_decoded_or_refused_with_a_reason(lasting_decoder: Decoder) -> None:
    files = [path for path in sorted(Path(str(HARD_FILES)).rglob("*")) if path.is_file()]
    assert files
    refused = 0
    lasting_decoder.start()
    child = child_of(lasting_decoder)
    for file in files:
        before_s = sum(psutil.Process(child).cpu_times()[:2])
        # Minutes of video, decoded in full, add nothing to what a few seconds of them show.
        sampling = Sampling.parse("keyframes" if "long" in file.name else "scenes:3")
        samples: list[Sample] = []
        decoded = decode_or_reason(lasting_decoder, file, sampling, samples)
        if isinstance(decoded, str):
            refused += 1
            assert decoded.startswith(("is ", "has ", "cannot ")), file
            assert "Errno" not in decoded, file
        else:
            analysis = decoded.analysis
            times_s = [sample.t_s for sample in samples]
            assert times_s == sorted(times_s), file
            assert 0 <= times_s[0] <= times_s[-1] <= analysis.duration_s, file
            assert analysis.scenes[0].start_s == 0, file
            assert analysis.scenes[-1].end_s == analysis.duration_s, file
            shown = samples[0].image
            # A pixel more or less comes of scaling to the largest picture that is kept.
            ratio = decoded.info.width / decoded.info.height
            assert shown.width == pytest.approx(ratio * shown.height, abs=1 + ratio), file
        assert sum(psutil.Process(child).cpu_times()[:2]) - before_s < 20, file
    assert 0 < refused < len(files)
    # None of them cost a process.
    assert lasting_decoder.pid == child


@pytest.mark.skipif(HARD_FILES is None, reason="SCENEQL_TEST_MEDIA_EDGE names no folder of files")
@pytest.mark.parametrize(
    ("degrees", "size"), [(0, (568, 320)), (90, (320, 568)), (180, (568, 320)), (270, (320, 568))]
)
def test_what_a_camera_recorded_askew_comes_upright(
    lasting_decoder: Decoder, degrees: int, size: tuple[int, int]
) -> None:
    samples: list[Sample] = []

    lasting_decoder.decode(
        Path(str(HARD_FILES)) / f"decord/tests_test_data_video_{degrees}.mov",
        SAMPLING,
        on_sample=samples.append,
    )

    assert {sample.image.size for sample in samples} == {size}
