"""The embedded Postgres, with real servers: what people, crashes and other processes do to it."""

import contextlib
import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict

from app.embedded import EmbeddedPostgres
from app.errors import DatabaseUnavailableError

ROOT = Path(__file__).resolve().parents[2]
START = """
import sys
from pathlib import Path
import psycopg
from app.embedded import EmbeddedPostgres

server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
with psycopg.connect(server.url()) as connection:
    print(connection.execute("SELECT pg_postmaster_start_time()::text").fetchone()[0], flush=True)
"""
# Tests that run in the background of a shell are started with Ctrl-C ignored, and hand that on.
START_AND_STAY = (
    "import signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    f"{START}time.sleep(60)\n"
)

NewServer = Callable[..., EmbeddedPostgres]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for homes, closed to other accounts.

    It is not pytest's own, because any pytest that starts closes those of all others to the account
    that the server of root runs under.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def new_server(folder: Path) -> Iterator[NewServer]:
    """Makes servers, not started, for homes in the folder; stops them when the test is over."""
    made: list[EmbeddedPostgres] = []

    def make(name: str = "home", version: int = 18) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(folder / name, version))
        return made[-1]

    yield make
    for server in made:
        server.stop()
        socket_folder = str(conninfo_to_dict(server.url())["host"])
        shutil.rmtree(socket_folder, ignore_errors=True)


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Path]:
    """One home for the tests that leave a sound one behind."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        EmbeddedPostgres(Path(folder)).stop()


@pytest.fixture
def server(shared_home: Path) -> EmbeddedPostgres:
    """The server of the shared home, running."""
    server = EmbeddedPostgres(shared_home)
    server.start()
    return server


def ask(server: EmbeddedPostgres, sql: str) -> Any:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        row = connection.execute(sql.encode()).fetchone()
    assert row is not None
    return row[0]


def run(server: EmbeddedPostgres, *statements: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def postmaster_pid(server: EmbeddedPostgres) -> int:
    return int(ask(server, "SELECT pg_read_file('postmaster.pid')").split()[0])


def kill_postmaster(server: EmbeddedPostgres) -> None:
    postmaster = psutil.Process(postmaster_pid(server))
    postmaster.kill()
    postmaster.wait(timeout=60)


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("version", [18, 16])
def test_a_new_home_gets_a_working_database(new_server: NewServer, version: int) -> None:
    server = new_server(version=version)

    server.start()

    assert ask(server, "SHOW server_version").startswith(str(version))
    run(server, "CREATE EXTENSION vector")
    assert ask(server, "SELECT '[1,0]'::halfvec <=> '[1,0]'::halfvec") == 0
    assert ask(server, "SHOW server_encoding") == "UTF8"
    assert ask(server, "SELECT lower('ÉTÉ')") == "été"


def test_only_the_owner_of_the_home_reaches_the_server(server: EmbeddedPostgres) -> None:
    folder = server.home / "postgres"

    assert ask(server, "SHOW listen_addresses") == "", "the server listens on the network"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [socket.parent for socket in server.home.rglob(".s.PGSQL.5432")] == [folder]


def test_stop_tells_whether_a_server_was_running(server: EmbeddedPostgres) -> None:
    assert server.is_alive()
    assert server.stop()
    assert not server.is_alive()
    assert not server.stop()


def test_a_setting_of_ones_own_survives_a_restart(server: EmbeddedPostgres) -> None:
    run(server, "ALTER SYSTEM SET maintenance_work_mem = '123MB'")

    server.stop()
    server.start()

    assert ask(server, "SHOW maintenance_work_mem") == "123MB"


@pytest.mark.parametrize(
    ("free_mb", "kind"), [(64, "sysv"), (65_536, "posix")], ids=["container", "machine"]
)
def test_an_hnsw_index_is_built_in_parallel_whatever_room_shared_memory_has(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, free_mb: int, kind: str
) -> None:
    usage = shutil.disk_usage("/")._replace(free=free_mb * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    server.stop()
    server.start()
    assert ask(server, "SHOW dynamic_shared_memory_type") == kind
    run(
        server,
        "CREATE EXTENSION IF NOT EXISTS vector",
        "DROP TABLE IF EXISTS points",
        "CREATE TABLE points AS SELECT ARRAY[random(), random(), random()]::halfvec(3) AS point "
        "FROM generate_series(1, 2000)",
        "ALTER TABLE points SET (parallel_workers = 1)",
    )
    said: list[str] = []

    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        connection.execute("SET client_min_messages = debug1")
        connection.execute("CREATE INDEX ON points USING hnsw (point halfvec_l2_ops)")

    assert "using 1 parallel workers" in said, said


@pytest.mark.parametrize(
    "name",
    ['it\'s `my` "$HOME" at 100% née', "one, two"],
    ids=["quotes", "comma"],
)
def test_a_home_may_have_any_name(new_server: NewServer, name: str) -> None:
    server = new_server(name)

    server.start()

    asked = subprocess.run(
        [server.binary("psql"), server.url(), "--tuples-only", "--command=SELECT 'from psql'"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (asked.stdout.strip(), asked.stderr) == ("from psql", "")
    engine = sqlalchemy.create_engine(server.url().replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text("SELECT current_database()")) == "sceneql"
    engine.dispose()


def test_two_homes_run_side_by_side(server: EmbeddedPostgres, new_server: NewServer) -> None:
    other = new_server()
    other.start()

    run(server, "CREATE TABLE only_here ()")

    assert ask(server, "SELECT to_regclass('only_here')") is not None
    assert ask(other, "SELECT to_regclass('only_here')") is None


def test_processes_that_start_it_at_once_get_one_server(new_server: NewServer) -> None:
    server = new_server()

    starters = [
        subprocess.Popen(
            [sys.executable, "-c", START, server.home],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    said = [starter.communicate(timeout=300) for starter in starters]

    assert [starter.returncode for starter in starters] == [0, 0, 0], said
    assert len({started_at for started_at, _ in said}) == 1, said


def test_the_server_outlives_the_process_that_started_it_and_keeps_no_pipe_of_it_open(
    server: EmbeddedPostgres,
) -> None:
    server.stop()

    # It returns only once nobody holds the other end of either pipe.
    subprocess.run(
        [sys.executable, "-c", START, server.home],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=300,
    )

    assert server.is_alive()


def test_ctrl_c_in_the_terminal_spares_the_server(server: EmbeddedPostgres) -> None:
    server.stop()
    starter = subprocess.Popen(
        [sys.executable, "-c", START_AND_STAY, server.home],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert starter.stdout is not None
    with starter:
        assert starter.stdout.readline(), "the server did not start"

        os.killpg(starter.pid, signal.SIGINT)
        starter.wait(timeout=60)

    time.sleep(0.5)
    assert server.is_alive()


def test_a_killed_server_starts_again_with_all_it_had_committed(server: EmbeddedPostgres) -> None:
    run(server, "CREATE TABLE kept AS SELECT 42 AS answer")

    kill_postmaster(server)
    server.start()

    assert ask(server, "SELECT answer FROM kept") == 42


def test_a_start_waits_for_the_last_process_of_a_killed_server(server: EmbeddedPostgres) -> None:
    # Given a backend that computes, and so notices only later that its postmaster is gone.
    busy_s = 3
    with contextlib.closing(psycopg.connect(server.url(), autocommit=True)) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        connection.pgconn.send_query(
            f"DO $$ BEGIN WHILE clock_timestamp() < now() + interval '{busy_s} s' LOOP "
            "END LOOP; END $$".encode()
        )
        kill_postmaster(server)
        assert lives(backend), "the backend was not kept busy for long enough"

        server.start()

    assert not lives(backend), "two servers had the data folder at once"
    assert server.is_alive()


def test_a_pid_that_now_belongs_to_another_process_is_not_taken_for_the_server(
    server: EmbeddedPostgres,
) -> None:
    # Given a killed server whose pid was given to another process of the same account.
    folder = server.home / "postgres"
    killed_pid = postmaster_pid(server)
    kill_postmaster(server)
    account = folder.stat().st_uid if os.geteuid() == 0 else None
    with subprocess.Popen(["sleep", "60"], user=account) as bystander:
        for lock in folder / ".s.PGSQL.5432.lock", folder / "data" / "postmaster.pid":
            lock.write_text(lock.read_text().replace(str(killed_pid), str(bystander.pid), 1))

        try:
            assert not server.is_alive()
            assert not server.stop()
            server.start()

            assert ask(server, "SELECT 1") == 1
            assert bystander.poll() is None, "the bystander was taken for the server and ended"
        finally:
            bystander.kill()


def test_a_recovery_of_more_than_ten_seconds_is_waited_for(
    server: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    # Given a recovery from an archive that takes its time to say that it holds nothing.
    run(
        server,
        "ALTER SYSTEM SET restore_command = "
        "'test -e asked || { touch asked; sleep 11; }; test -e %p'",
        "COPY (SELECT 1) TO PROGRAM 'cat > recovery.signal'",
    )
    server.stop()

    began = time.monotonic()
    with caplog.at_level(logging.WARNING, logger="app.embedded"):
        server.start()

    assert time.monotonic() - began > 10
    assert server.is_alive()
    assert "Waiting for the database" in caplog.text


def test_a_first_start_that_was_cut_short_is_made_good(new_server: NewServer) -> None:
    server = new_server()
    unfinished = server.home / "postgres" / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    server.start()

    assert ask(server, "SELECT 1") == 1


def test_a_home_deleted_under_its_server_starts_anew(new_server: NewServer) -> None:
    # Given a path so long that the socket lies elsewhere and is not deleted with the home.
    server = new_server("n" * 120)
    server.start()
    run(server, "CREATE TABLE gone ()")
    orphan = psutil.Process(postmaster_pid(server))
    shutil.rmtree(server.home)
    assert not server.is_alive()

    server.start()

    assert ask(server, "SELECT to_regclass('gone')") is None
    assert not lives(orphan), "the former server will take the new one's socket with it"


def test_the_data_folder_decides_which_version_runs(new_server: NewServer) -> None:
    new_server(version=16).start()

    server = new_server(version=18)
    server.stop()
    server.start()

    assert ask(server, "SHOW server_version").startswith("16")
    dumped = subprocess.run(
        [server.binary("pg_dump"), server.url()], capture_output=True, text=True, check=False
    )
    assert dumped.returncode == 0, dumped.stderr


def test_a_version_that_is_not_embedded_is_one_line(folder: Path) -> None:
    with pytest.raises(DatabaseUnavailableError, match=r"^There is no embedded Postgres 17 .*$"):
        EmbeddedPostgres(folder / "home", version=17).start()


def test_a_home_that_is_no_folder_is_one_line(folder: Path) -> None:
    (folder / "home").write_text("")

    with pytest.raises(DatabaseUnavailableError, match=r"^Cannot keep a database in .*home.*$"):
        EmbeddedPostgres(folder / "home").start()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_one_may_not_write_to_is_one_line(folder: Path) -> None:
    folder.chmod(0o500)

    with pytest.raises(DatabaseUnavailableError, match=r"^Cannot keep a database in .*denied.*$"):
        EmbeddedPostgres(folder / "home").start()


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ("data/PG_VERSION", "data"),
        ("data/global/pg_control", "server.log"),
        ("data/postgresql.auto.conf", "server.log"),
    ],
)
def test_a_broken_data_folder_is_one_line_that_names_where_to_look(
    server: EmbeddedPostgres, broken: str, named: str
) -> None:
    server.stop()
    file = server.home / "postgres" / broken
    sound = file.read_bytes()
    file.write_text("broken")

    try:
        with pytest.raises(DatabaseUnavailableError) as raised:
            server.start()
    finally:
        file.write_bytes(sound)

    assert "\n" not in str(raised.value)
    assert str(server.home / "postgres" / named) in str(raised.value)
