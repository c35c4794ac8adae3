"""Finding files, and telling whether they have changed."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import MediaError
from workers.library import content_hash, file_state, find_media


def touch(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_folders_are_searched_throughout_for_media_files(tmp_path: Path) -> None:
    wanted = [touch(tmp_path / name) for name in ("a.mp4", "b.MKV", "deep/er/c.webm")]
    for other in ("notes.txt", ".hidden.mp4", ".thumbnails/d.mp4", "a.json"):
        touch(tmp_path / other)

    found = find_media([tmp_path])

    assert sorted(found.files) == sorted(wanted)
    assert found.failures == ()


@pytest.mark.parametrize("name", ["moving.png", "moving.webp", "MOVING.PNG"])
def test_a_picture_in_a_folder_counts_if_it_moves(tmp_path: Path, name: str) -> None:
    pictures = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    moving = tmp_path / name
    pictures[0].save(moving, save_all=True, append_images=pictures[1:])
    pictures[0].save(tmp_path / f"still{moving.suffix}")
    touch(tmp_path / f"broken{moving.suffix}", b"\x89PNG\r\n\x1a\n")
    touch(tmp_path / f"empty{moving.suffix}", b"")
    (tmp_path / f"dangling{moving.suffix}").symlink_to(tmp_path / "nowhere")

    assert find_media([tmp_path]).files == (moving,)


def test_a_picture_may_say_much_before_it_says_that_it_moves(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    moving = tmp_path / "moving.png"
    profile = bytes(np.random.default_rng(1).integers(0, 256, 100_000, dtype=np.uint8))
    pictures[0].save(moving, save_all=True, append_images=pictures[1:], icc_profile=profile)

    assert find_media([tmp_path]).files == (moving,)


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.webp"
    os.mkfifo(pipe)

    assert find_media([tmp_path]).files == ()
    with pytest.raises(MediaError, match="is not a file"):
        file_state(pipe)


def test_a_file_that_is_named_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    odd = touch(tmp_path / "clip.dat")

    assert find_media([odd]).files == (odd,)


def test_a_file_that_is_named_twice_is_found_once(tmp_path: Path) -> None:
    clip = touch(tmp_path / "a.mp4")

    assert find_media([clip, tmp_path, clip]).files == (clip,)


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = touch(tmp_path / "a.mp4")
    monkeypatch.chdir(tmp_path)

    assert find_media([Path("a.mp4")]).files == (clip,)


def test_a_path_that_leads_nowhere_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    found = find_media([tmp_path / "missing.mp4", tmp_path / "empty"])

    assert found.files == ()
    assert dict(found.failures) == {
        tmp_path / "missing.mp4": "there is no such file or folder",
        tmp_path / "empty": "the folder holds no video files",
    }


def test_a_name_that_no_text_can_hold_is_refused(tmp_path: Path) -> None:
    odd = touch(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")))

    found = find_media([odd])

    assert found.files == ()
    ((shown, reason),) = found.failures
    assert shown.name == "caf\N{REPLACEMENT CHARACTER}.mp4"
    assert "rename it" in reason


def test_the_state_changes_with_size_and_with_time(tmp_path: Path) -> None:
    clip = touch(tmp_path / "a.mp4")
    before = file_state(clip)

    os.utime(clip, ns=(0, 1_700_000_000_123_456_789))
    touched = file_state(clip)
    touch(clip, b"longer")
    grown = file_state(clip)

    assert len({before, touched, grown}) == 3


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    dangling = tmp_path / "dangling.mp4"
    dangling.symlink_to(tmp_path / "gone.mp4")

    with pytest.raises(MediaError, match="cannot be read: No such file or directory"):
        file_state(dangling)
    with pytest.raises(MediaError, match="cannot be read: Is a directory"):
        content_hash(tmp_path)


def test_the_content_hash_is_sha256(tmp_path: Path) -> None:
    clip = touch(tmp_path / "a.mp4", b"abc")

    assert content_hash(clip).startswith("ba7816bf8f01cfea414140de5dae2223")
