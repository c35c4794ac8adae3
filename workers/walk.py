"""Looks through the folders of a source."""

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import MediaError
from workers.library import FileState, is_media, readable_name, state_of


@dataclass(frozen=True)
class Seen:
    """A media file as a walk came by it, with the names in its folder, in lower case."""

    path: Path
    state: FileState
    neighbours: frozenset[str]


@dataclass
class Walk:
    """What a walk through a folder came by.

    `unreadable` are the folders it could not look into, `mounts` the mount points among those it
    could, and `unusable` the files that cannot be indexed, with the reason.
    """

    files: list[Seen] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)
    mounts: list[Path] = field(default_factory=list)
    unusable: list[tuple[str, str]] = field(default_factory=list)


def walk(
    root: Path,
    is_wanted: Callable[[Path], bool],
    leave_out: Collection[Path] = (),
    on_progress: Callable[[int], None] = lambda _: None,
) -> Walk:
    """Looks through a folder and all below it, but for hidden ones and links to folders.

    Args:
        root: The folder.
        is_wanted: Whether a media file counts, by its path from the root on.
        leave_out: Folders not to look into.
        on_progress: Told the number of files found, after every folder.
    """
    seen = Walk()
    folders = [root]
    while folders:
        folder = folders.pop()
        if os.path.ismount(folder):
            seen.mounts.append(folder)
        try:
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
            shown = [entry for entry in inside if not entry.name.startswith(".")]
            below = [Path(entry.path) for entry in shown if entry.is_dir(follow_symlinks=False)]
        except OSError:
            seen.unreadable.append(folder)
            continue
        folders += [path for path in reversed(below) if path not in leave_out]
        names = frozenset(entry.name.casefold() for entry in shown)
        seen.files += _media(shown, names, root, is_wanted, seen.unusable)
        on_progress(len(seen.files))
    return seen


def _media(
    entries: list["os.DirEntry[str]"],
    names: frozenset[str],
    root: Path,
    is_wanted: Callable[[Path], bool],
    unusable: list[tuple[str, str]],
) -> Iterator[Seen]:
    for entry in entries:
        path = Path(entry.path)
        if not (is_wanted(path.relative_to(root)) and is_media(path)):
            continue
        if (name := readable_name(path)) != entry.path:
            unusable.append((name, "its name is not UTF-8, so it cannot be kept: rename it"))
            continue
        try:
            if entry.is_file():
                yield Seen(path, state_of(entry.stat()), names)
        except OSError as error:
            unusable.append((name, f"cannot be read: {error.strerror}"))
        except MediaError as error:
            unusable.append((name, str(error)))


def mount_of(path: Path) -> Path:
    """The mount point that a path lies on, wherever links on the way lead."""
    real = path.resolve()
    return next(folder for folder in (real, *real.parents) if os.path.ismount(folder))
