"""The system account that an embedded Postgres runs under: Postgres refuses to run as root."""

import logging
import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.errors import DatabaseUnavailableError

logger = logging.getLogger(__name__)

ROOT_RUNS_AS = "sceneql"


@dataclass(frozen=True)
class Account:
    """Whom a child process runs as, in the terms of `subprocess`: None stands for the caller."""

    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> list[int] | None:
        """Supplementary groups: none for another account, so that it keeps none of root's."""
        return None if self.uid is None else []

    def make_private(self, folder: Path) -> None:
        """Make `folder` and close it to everybody else.

        Raises DatabaseUnavailableError when it belongs to somebody else already, as a folder under
        /tmp may: whoever owns the folder of a socket can answer in the server's place.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        owner = os.geteuid() if self.uid is None else self.uid
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (owner, os.geteuid()):
            raise DatabaseUnavailableError(
                f"{folder} is not a folder of the account that Postgres runs under: remove it, or "
                "set SCENEQL_HOME to another folder."
            )
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)

    def let_into(self, *folders: Path) -> None:
        """Let the account pass through what lies above each of `folders`, and into it.

        Nobody gets to read or list anything more; the caller has nothing to open for itself.
        """
        if self.uid is None:
            return
        for step in {step for folder in folders for step in (folder, *folder.parents)}:
            found = step.stat()
            if found.st_uid == self.uid:
                pass_through = stat.S_IXUSR
            elif found.st_gid == self.gid:
                pass_through = stat.S_IXGRP
            else:
                pass_through = stat.S_IXOTH
            if not found.st_mode & pass_through:
                logger.warning(
                    "Postgres does not run as root: letting other accounts pass through %s", step
                )
                step.chmod(stat.S_IMODE(found.st_mode) | pass_through)


def server_account(folder: Path) -> Account:
    """The account for the server whose files lie in `folder`, which need not exist yet.

    That is the caller, unless the caller is root: then the owner of the folder, or for a new one
    the system account `sceneql`, which is created when it is missing.
    """
    if os.geteuid() != 0:
        return Account()
    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    entry = _find(ROOT_RUNS_AS) or _create(ROOT_RUNS_AS)
    return Account(entry.pw_uid, entry.pw_gid)


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _create(name: str) -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        # It may also have failed because another process created the account a moment before.
        if (entry := _find(name)) is None:
            raise DatabaseUnavailableError(
                f"Postgres does not run as root, and the account {name!r} to run it as cannot be "
                "created: run SceneQL as an ordinary user, or create that account."
            ) from error
        return entry
    return pwd.getpwnam(name)
