"""Finds the weights of open_clip's models: in a cache folder first, then on the model hub.

The cache has the hub's own layout, so a folder filled on one machine can be carried to another. The
hub is asked only when the cache has nothing: a second start needs no network, nor waits for it.
"""

import hashlib
import re
import threading
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import (
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import HTTPError, RemoteEntryNotFoundError  # type: ignore[attr-defined]
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.pretrained import get_pretrained_cfg

from app.errors import ModelUnavailableError

_PROBE_TIMEOUT_S = 4.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Source:
    """A repository on the hub, and the names its weights may have, the preferred first."""

    repo: str
    filenames: tuple[str, ...]

    @classmethod
    def of(cls, name: str, pretrained: str) -> "Source":
        """Where open_clip's table says that the weights of a known model lie."""
        repo, _, filename = get_pretrained_cfg(name, pretrained)["hf_hub"].rpartition("/")
        return cls(repo, (filename,) if filename else (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME))


def cached(source: Source, folder: Path) -> Path | None:
    """The weights in the cache folder, or None. Never asks the network."""
    for filename in source.filenames:
        found = try_to_load_from_cache(source.repo, filename, cache_dir=folder)
        if isinstance(found, str):
            return Path(found)
    return None


def is_reachable(source: Source) -> bool:
    """Whether the hub offers the weights right now; known within five seconds, whatever is broken.

    The hub's own time limit does not cover the look-up of its name, so the question is put in a
    thread that is left behind when it takes too long.
    """
    offered = threading.Event()

    def ask() -> None:
        for filename in source.filenames:
            try:
                get_hf_file_metadata(hf_hub_url(source.repo, filename), timeout=_PROBE_TIMEOUT_S)
            except RemoteEntryNotFoundError:
                continue
            except (OSError, HTTPError):
                return
            offered.set()
            return

    if constants.is_offline_mode():
        return False
    thread = threading.Thread(target=ask, name="hub probe", daemon=True)
    thread.start()
    thread.join(_PROBE_TIMEOUT_S)
    return offered.is_set()


def download(source: Source, folder: Path) -> Path:
    """Fetch the weights into the cache folder; a terminal sees a progress bar on stderr.

    Raises:
        ModelUnavailableError: There is no network, or what arrived is not what the hub announced;
            nothing of it is kept.
    """
    bring = (
        f"run `hf download {source.repo} --cache-dir {folder}` on a machine that has a network and "
        "copy that folder here, or set SCENEQL_MODEL=tiny for the small model that is shipped"
    )
    if not is_reachable(source):
        raise ModelUnavailableError(
            f"the model hub {constants.ENDPOINT} does not answer for {source.repo}: "
            f"connect to the network, or {bring}."
        )
    for filename in source.filenames:
        try:
            path = Path(hf_hub_download(source.repo, filename, cache_dir=folder))
        except RemoteEntryNotFoundError:
            continue
        except (OSError, HTTPError) as error:
            raise ModelUnavailableError(
                f"the download of {source.repo} broke off ({_one_line(error)}); nothing of it was "
                f"kept: start again, or {bring}."
            ) from error
        if is_damaged(path):
            discard(path)
            raise ModelUnavailableError(
                f"{source.repo} arrived damaged and was removed: start again, or {bring}."
            )
        return path
    raise ModelUnavailableError(f"{source.repo} has no weights under the names open_clip knows.")


def is_damaged(path: Path) -> bool:
    """Whether a cached file is not what the hub announced.

    The hub's cache names a large file after the sha256 of its content.
    """
    announced = path.resolve().name
    if not _SHA256.fullmatch(announced):
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() != announced


def discard(path: Path) -> None:
    """Remove a file from the cache, both the link and what it leads to."""
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
