"""`sceneql doctor`: looks at everything SceneQL stands on, and names the cure of what is amiss."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from app import doctor_database
from app.catalog import TINY_MODEL, active_model
from app.config import CHECKOUT, Settings
from app.doctor_finding import Finding, ok, warning, wrong
from app.errors import SceneqlError
from app.failures import NO_ANSWER_CURE, in_one_line
from app.migrate import is_current

LITTLE_SPACE_BYTES = 2 * 2**30
NO_SPACE_BYTES = 200 * 2**20
WEIGHT_FILES = ("*.safetensors", "*.bin", "*.pt")
FOLDERS_NAMED = 3


def examine(connect: Callable[[], Engine], settings: Settings) -> Iterator[Finding]:
    """What was found, check by check; a database that cannot be used ends the checks that need it.

    `connect` may start the embedded Postgres. Nothing is changed.
    """
    yield spool(settings.spool_dir)
    yield free_space("disk of the home", settings.home)
    yield page(settings)
    try:
        engine = connect()
        current = is_current(engine)
    except (SceneqlError, SQLAlchemyError) as error:
        start = (
            "start the server that DATABASE_URL names, or correct the address"
            if settings.database_url
            else f"start it with sceneql up; its log is {settings.home / 'postgres/server.log'}"
        )
        line = in_one_line(error) or str(error).splitlines()[0]
        yield wrong("database", line.removesuffix(f"; {NO_ANSWER_CURE}"), start)
        return
    yield ok("database", "answers")
    # What is in force counts, and old sessions keep what they began with.
    engine.dispose()
    with engine.connect() as connection:
        yield from doctor_database.server(connection)
        if not current:
            yield wrong("schema", "the schema is absent or an old one", "run: sceneql db upgrade")
            return
        yield ok("schema", "is current")
        for check in (*doctor_database.CHECKS, lambda c: weights(c, settings), sources, folders):
            yield from check(connection)


def spool(folder: Path) -> Finding:
    """Whether frames can be written where they wait for their video."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        return wrong(
            "spool", str(error), f"make {folder} writable, or set SCENEQL_HOME to another folder"
        )
    return ok("spool", f"{folder} can be written")


def free_space(
    name: str,
    folder: Path,
    little_bytes: int = LITTLE_SPACE_BYTES,
    none_bytes: int = NO_SPACE_BYTES,
) -> Finding:
    """Whether the disk of a folder has room for a while."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
    free_bytes = shutil.disk_usage(there).free
    message = f"{free_bytes / 2**30:,.1f} GiB are free for {folder}"
    if free_bytes >= little_bytes:
        return ok(name, message)
    kind = wrong if free_bytes < none_bytes else warning
    return kind(name, message, "free some space, or move the home (SCENEQL_HOME)")


def page(settings: Settings) -> Finding:
    """Whether strangers who reach the page can use it."""
    if not (settings.is_local or settings.token):
        return warning(
            "page",
            f"it listens on {settings.host} and asks for no token",
            "set SCENEQL_TOKEN, or put a proxy that knows accounts before it",
        )
    guard = "asks for a token" if settings.token else "is for this machine alone"
    return ok("page", guard)


def weights(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Whether the active model's weights lie where workers look for them."""
    model = active_model(connection)
    if model is None:
        yield ok("model", "none yet; the first ingest decides")
        return
    if model.name == TINY_MODEL:
        shipped = any((CHECKOUT / "workers" / "tiny").glob("*.safetensors"))
        cure = "install SceneQL again"
        yield (
            ok("model", f"{model}, which is shipped")
            if shipped
            else wrong("model", f"the weights of {model} are not where they were installed", cure)
        )
        return
    if any(_is_of(file, (model.name, model.pretrained)) for file in _weights(settings.weights_dir)):
        yield ok("model", f"the weights of {model} are in {settings.weights_dir}")
        return
    message = f"no weights of {model} in {settings.weights_dir}"
    if connection.execute(text("SELECT embedder_running()")).scalar_one():
        yield warning("model", message, "none, if the embedder runs on another machine")
    else:
        cure = "start sceneql worker with a network, or copy the folder from where they are"
        yield wrong("model", message, cure)


def _weights(folder: Path) -> Iterator[Path]:
    """Weight files of the hub's cache that are whole: a link to nothing is a broken download."""
    for pattern in WEIGHT_FILES:
        for file in folder.glob(f"models--*/snapshots/*/{pattern}"):
            if file.exists() and file.stat().st_size:
                yield file


def _is_of(file: Path, names: tuple[str, ...]) -> bool:
    """Whether a repository's name holds the model's, or that of what it was trained on."""
    repository = _plain(file.parent.parent.parent.name)
    return any(len(plain := _plain(name)) > 5 and plain in repository for name in names)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def sources(connection: Connection) -> Iterator[Finding]:
    """Whether each source's folder is there, readable, and mounted as it was."""
    rows = connection.execute(text("SELECT path, mounts, error, paused FROM sources ORDER BY path"))
    for path, mounts, error, paused in rows:
        name = f"source {path}"
        unmounted = [mount for mount in mounts if not os.path.ismount(mount)]
        if unmounted:
            yield wrong(name, f"{unmounted[0]} is not mounted", f"mount {unmounted[0]}")
        elif not Path(path).is_dir():
            cure = "mount it or put it back; or: sceneql sources remove"
            yield wrong(name, "there is no such folder on this machine", cure)
        elif not os.access(path, os.R_OK | os.X_OK):
            yield wrong(name, "it cannot be read", "let the worker's account read it")
        elif error:
            yield warning(name, f"the last scan failed: {error}", "see sceneql status")
        else:
            yield ok(name, "is there" + (", paused" if paused else ""))


def folders(connection: Connection) -> Iterator[Finding]:
    """Whether the folders of the files that are said to be present are there."""
    known = connection.execute(
        text(
            "SELECT DISTINCT regexp_replace(path, '/[^/]*$', '') AS folder FROM video_files "
            "WHERE state = 'present' ORDER BY folder"
        )
    ).scalars()
    total, missing = 0, []
    for folder in known:
        total += 1
        if not Path(folder or "/").is_dir():
            missing.append(folder)
    if missing:
        named = ", ".join(missing[:FOLDERS_NAMED])
        yield warning(
            "media folders",
            f"{len(missing):,} of {total:,} are not on this machine: {named}",
            "mount or restore them; their videos are found, but cannot be played",
        )
    else:
        yield ok("media folders", f"all {total:,} are there" if total else "none yet")
