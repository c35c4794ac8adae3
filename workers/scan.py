"""Scans a source: finds what is new, changed, moved or missing, and leaves the rest alone."""

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from procrastinate.exceptions import JobAborted
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.errors import BadRequestError, MediaError
from app.models import Source as SourceRow
from app.queue import IngestJob, enqueue_ingest, files_in_queue
from app.rows import prefix_of
from app.sources import Source, globs, list_sources
from workers.known_files import Known, files_below, hide, sampled_hashes, show
from workers.library import content_hash, is_gone, sampled_hash
from workers.links import Linked, follow_folder, link_copy
from workers.sidecars import sidecar_state
from workers.walk import Seen, Walk, mount_of, walk

SETTLE_S = 10.0
"""A file whose size or modification time was another one so long ago is still being written."""

LOOK_AGAIN_S = 60
"""When a source with such a file, or whose scan broke off, is due at the latest."""

# Any number would do, as long as every process that scans takes the same.
SCAN_LOCK = 20267


class ScanUnderWayError(BadRequestError):
    """Another process scans the same source in this moment."""


@dataclass
class Report:
    """What a scan found: how many files of each kind, and what to say of which."""

    counts: Counter[str] = field(default_factory=Counter)
    notes: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, kind: str, path: object, note: str = "") -> None:
        self.counts[kind] += 1
        self.notes.append((kind, str(path), note))


def scan(
    engine: Engine, source: Source, on_progress: Callable[[str, int], None] = lambda *_: None
) -> Report:
    """Looks through a source once, and queues what workers have to read.

    A file that has an indexed video's content is linked to it at once, without being indexed anew.
    Raises BadRequestError if the source cannot be looked at, as when it is not mounted, and then
    changes nothing; the reason is kept with the source.

    Args:
        on_progress: Told what is being done, and with how many files so far.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        locked = select(func.pg_try_advisory_lock(SCAN_LOCK, source.id))
        if not connection.execute(locked).scalar_one():
            raise ScanUnderWayError(f"{source.path} is being scanned already")
        try:
            return _Scan(engine, source, on_progress).run()
        finally:
            connection.execute(select(func.pg_advisory_unlock(SCAN_LOCK, source.id)))


class _Scan:
    """One look through one source."""

    def __init__(
        self, engine: Engine, source: Source, on_progress: Callable[[str, int], None]
    ) -> None:
        self.engine = engine
        self.source = source
        self.on_progress = on_progress
        self.report = Report()
        self.waiting: dict[str, Any] = {}
        # Folders inside that are sources themselves follow their own rules.
        self.others = {
            other.path for other in list_sources(engine) if source.path in other.path.parents
        }

    def run(self) -> Report:
        """Does the whole of it; why it could not be done is kept with the source.

        A source that is not at fault is due again soon.
        """
        try:
            return self._run()
        except JobAborted:
            # The worker is told to stop; another one may take the source up.
            self._update(due_at=func.now())
            raise
        except SQLAlchemyError:
            # The database itself is at fault, or gone.
            with suppress(SQLAlchemyError):
                pause_s = min(self.source.rules.every_s, LOOK_AGAIN_S)
                self._update(due_at=func.now() + timedelta(seconds=pause_s))
            raise
        except Exception as error:
            self._close(error=str(error) or type(error).__name__)
            raise

    def _run(self) -> Report:
        # Else the next tick, too, would find it due while it is being scanned.
        self._update(due_at=func.now() + timedelta(seconds=self.source.rules.every_s))
        known = files_below(self.engine, self.source.path, self.others)
        self._check_root(known)
        seen = self._walk()
        # It may have been unmounted while it was looked through.
        self._check_root(known)
        offline = self._offline_folders()
        new, changed, touched = self._compare(seen.files, known)
        absent = self._absent(known, seen, offline)
        new = self._relink(new, absent)
        for path in hide(self.engine, absent):
            self.report.add("missing", path)
        self._queue(new + changed, touched)
        for path, why in seen.unusable:
            self.report.add("unusable", path, why)
        for folder in seen.unreadable:
            self.report.add("unreadable folders", folder, "cannot be looked into")
        for mount in offline:
            self.report.add("not mounted", mount, f"nothing there is missing; {self._cure()}")
        mounts = {str(mount_of(self.source.path)), *map(str, seen.mounts), *map(str, offline)}
        self._close(mounts=sorted(mounts - {"/"}))
        return self.report

    def _check_root(self, known: "Collection[str]") -> None:
        """Raises BadRequestError, with the cure, if the source cannot be looked at."""
        root = self.source.path
        try:
            with os.scandir(root) as entries:
                empty = next(entries, None) is None
        except OSError as error:
            raise BadRequestError(
                f"{root} cannot be looked at: {error.strerror}; is its disk mounted?"
            ) from error
        real = root.resolve()
        for mount in map(Path, self.source.mounts):
            above = mount in (root, real) or mount in root.parents or mount in real.parents
            if above and not os.path.ismount(mount):
                raise BadRequestError(f"{mount} is not mounted; {self._cure()}")
        if empty and known:
            raise BadRequestError(
                f"{root} is empty; is its disk mounted? If its files are really gone, "
                "put any other file there"
            )

    def _cure(self) -> str:
        root = self.source.path
        return f"if {root} is to be read without it from now on: sceneql sources add {root}"

    def _walk(self) -> Walk:
        rules = self.source.rules
        include, exclude = globs("include", rules.include), globs("exclude", rules.exclude)

        def is_wanted(path: Path) -> bool:
            return not exclude.match_file(path) and (not rules.include or include.match_file(path))

        return walk(
            self.source.path,
            is_wanted,
            self.others,
            lambda count: self.on_progress("looking", count),
        )

    def _offline_folders(self) -> list[Path]:
        """Folders below the root on which a disk was mounted at the last scan, and is no more."""
        below = [Path(mount) for mount in self.source.mounts]
        return [
            mount
            for mount in below
            if self.source.path in mount.parents and not os.path.ismount(mount)
        ]

    def _compare(
        self, seen: Sequence[Seen], known: dict[str, Known]
    ) -> tuple[list[Seen], list[Seen], list[Seen]]:
        """The files that are new, that have changed, and that only have to be read again."""
        new, changed, touched, back = [], [], [], []
        for file in seen:
            row = known.get(str(file.path))
            same = row is not None and (row.size_bytes, row.mtime) == (
                file.state.size_bytes,
                file.state.mtime,
            )
            if row is None:
                new += self._settled(file)
            elif row.video_id is None and row.error is not None:
                if os.access(file.path, os.R_OK):
                    new += self._settled(file)
                else:
                    self.report.add("unreadable", file.path, row.error)
            elif not same:
                changed += self._settled(file)
            elif row.state == "removed":
                self.report.counts["removed"] += 1
            elif row.status == "pending":
                touched.append(file)
            else:
                self.report.counts["known"] += 1
                if row.state == "missing":
                    back.append(row.path)
                if row.status == "indexed" and row.sidecars != sidecar_state(
                    file.path, file.neighbours
                ):
                    self.report.add("new sidecars", file.path)
                    touched.append(file)
        for path in show(self.engine, back):
            self.report.add("returned", path)
        return new, changed, touched

    def _settled(self, file: Seen) -> list[Seen]:
        """The file, unless it may still be being written; then it waits for the next scan."""
        now = time.time()
        modified = file.state.mtime.timestamp()
        if modified <= now - SETTLE_S:
            return [file]
        # Of a clock that is ahead, only two looks tell whether anything moves.
        look = [file.state.size_bytes, modified]
        *before, since = self.source.waiting.get(str(file.path), [None, None, now])
        if before != look:
            since = now
        elif since <= now - SETTLE_S:
            return [file]
        self.waiting[str(file.path)] = [*look, since]
        self.report.add("waiting", file.path, "is still being written")
        return []

    def _absent(self, known: dict[str, Known], seen: Walk, offline: Sequence[Path]) -> set[str]:
        """The known files that are gone."""
        found = {str(file.path) for file in seen.files}
        unseen = tuple(map(prefix_of, (*seen.unreadable, *offline)))
        return {
            path
            for path, row in known.items()
            if path not in found
            and row.state != "missing"
            and not path.startswith(unseen)
            # A file that the rules leave out is not gone.
            and is_gone(Path(path))
        }

    def _relink(self, new: Sequence[Seen], absent: set[str]) -> list[Seen]:
        """Links files that have an indexed video's content to it; returns the others."""
        alike = sampled_hashes(self.engine, {file.state.size_bytes for file in new})
        unknown = []
        for count, file in enumerate(new):
            self.on_progress("comparing", count)
            try:
                linked = self._link(file, alike[file.state.size_bytes])
            except MediaError:
                # Whoever indexes it will say why it cannot be read.
                linked = None
            if linked is None:
                unknown.append(file)
            elif linked.former and (linked.moved or str(linked.former) in absent):
                self.report.add("moved", file.path, f"from {linked.former}")
                self._follow(linked.video_id, linked.former, file.path)
            else:
                self.report.add("copies", file.path, linked.reason)
        return unknown

    def _link(self, file: Seen, alike: set[str | None]) -> Linked | None:
        """Links a file if one of the videos whose sampled hashes these are has its content."""
        if not alike or alike.isdisjoint({sampled_hash(file.path), None}):
            return None
        return link_copy(self.engine, file.path, file.state, content_hash(file.path))

    def _follow(self, video_id: int, former: Path, path: Path) -> None:
        """Has a video that was moved to another folder of the source change its collection."""
        if self.source.path in former.parents:
            before, after = self.source.collection_of(former), self.source.collection_of(path)
            if before != after:
                follow_folder(self.engine, video_id, before, after)

    def _queue(self, files: Sequence[Seen], touched: Sequence[Seen]) -> None:
        rules = self.source.rules
        with self.engine.connect() as connection:
            queued = files_in_queue(connection)
        wanted = [file for file in self._in_order(files) if str(file.path) not in queued]
        later = wanted[rules.at_most :] if rules.at_most else []
        wanted = wanted[: len(wanted) - len(later)]
        wanted += [file for file in touched if str(file.path) not in queued]
        jobs = [
            IngestJob(str(file.path), rules.sampling, self.source.collection_of(file.path))
            for file in wanted
        ]
        enqueue_ingest(jobs, lambda count: self.on_progress("queueing", count))
        self.report.counts["queued"] = len(jobs)
        self.report.counts["in the queue already"] = (
            len(files) + len(touched) - len(jobs) - len(later)
        )
        self.report.counts["later"] = len(later)

    def _in_order(self, files: Sequence[Seen]) -> list[Seen]:
        match self.source.rules.first:
            case "newest":
                return sorted(files, key=lambda file: file.state.mtime, reverse=True)
            case "oldest":
                return sorted(files, key=lambda file: file.state.mtime)
            case "smallest":
                return sorted(files, key=lambda file: file.state.size_bytes)
            case _:
                return sorted(files, key=lambda file: file.path)

    def _close(self, *, mounts: list[str] | None = None, error: str | None = None) -> None:
        """Keeps what came of the scan, and when the next one is due."""
        rules = self.source.rules
        # With a limit on the files of each scan, more scans would be more files.
        soon = self.waiting and rules.at_most is None
        pause_s = min(rules.every_s, LOOK_AGAIN_S) if soon else rules.every_s
        values: dict[str, Any] = {
            "scanned_at": func.now(),
            "due_at": func.now() + timedelta(seconds=pause_s),
            "error": error,
        }
        if error is None:
            counts = {kind: count for kind, count in self.report.counts.items() if count}
            values |= {"mounts": mounts or [], "waiting": self.waiting, "report": counts}
        self._update(**values)

    def _update(self, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                update(SourceRow).where(SourceRow.id == self.source.id).values(**values)
            )
