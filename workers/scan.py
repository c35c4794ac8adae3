"""Scans a source: finds what is new, changed, moved or missing, and leaves the rest alone."""

import logging
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Engine, Row, Text, any_, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from app.errors import BadRequestError, MediaError
from app.models import Source as SourceRow
from app.models import Video, VideoFile
from app.queue import IngestJob, enqueue_ingest, files_in_queue
from app.sources import Source, globs, list_sources
from workers.library import content_hash, sampled_hash
from workers.sidecars import sidecar_state
from workers.store import Linked, follow_folder, link_copy
from workers.walk import Seen, Walk, mount_of, walk

logger = logging.getLogger(__name__)

SETTLE_S = 10.0
"""A file whose size or modification time was another one so long ago is still being written."""

# Any number would do, as long as every process that scans takes the same.
SCAN_LOCK = 20266


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
        # Else the next tick, too, would find it due while it is being scanned.
        self._update(due_at=func.now() + timedelta(seconds=self.source.rules.every_s))
        known = self._known()
        reason = self._why_not(known)
        if reason is not None:
            self._close(error=reason)
            raise BadRequestError(reason)
        seen = self._walk()
        offline = self._offline_folders()
        new, changed, touched = self._compare(seen.files, known)
        absent = self._absent(known, seen, offline)
        new = self._relink(new, absent)
        self._hide(absent)
        self._queue(new + changed, touched)
        for path, why in seen.unusable:
            self.report.add("unusable", path, why)
        for folder in seen.unreadable:
            self.report.add("unreadable folders", folder, "cannot be looked into")
        for mount in offline:
            self.report.add("not mounted", mount, "what was indexed there stays as it is")
        mounts = {str(mount_of(self.source.path)), *map(str, seen.mounts), *map(str, offline)}
        self._close(mounts=sorted(mounts - {"/"}))
        return self.report

    def _known(self) -> "dict[str, Row[Any]]":
        below = f"{self.source.path}/"
        query = (
            select(
                VideoFile.path,
                VideoFile.size_bytes,
                VideoFile.mtime,
                VideoFile.state,
                VideoFile.sidecars,
                VideoFile.error,
                VideoFile.video_id,
                Video.status,
            )
            .join(Video, Video.id == VideoFile.video_id, isouter=True)
            .where(func.starts_with(VideoFile.path, below))
        )
        with self.engine.connect() as connection:
            rows: list[Row[Any]] = list(connection.execute(query))
        inner = tuple(f"{other}/" for other in self.others)
        return {row.path: row for row in rows if not row.path.startswith(inner)}

    def _why_not(self, known: "Collection[str]") -> str | None:
        """Why the source cannot be looked at; None if it can."""
        root = self.source.path
        try:
            with os.scandir(root) as entries:
                empty = next(entries, None) is None
        except OSError as error:
            return f"{root} cannot be looked at: {error.strerror}; is its disk mounted?"
        mounts = [Path(mount) for mount in self.source.mounts]
        for mount in mounts:
            if (mount == root or mount in root.parents) and not os.path.ismount(mount):
                return (
                    f"{mount} is not mounted; if {root} is to be read without it from now on, "
                    f"run: sceneql sources add {root}"
                )
        if empty and known:
            return (
                f"{root} is empty; is its disk mounted? If its files are really gone, "
                "put any other file there"
            )
        return None

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
        self, seen: Sequence[Seen], known: "dict[str, Row[Any]]"
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
            elif row.error is not None:
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
        self._show(back)
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

    def _show(self, paths: list[str]) -> None:
        for path in paths:
            self.report.add("returned", path)
        with self.engine.begin() as connection:
            connection.execute(
                update(VideoFile)
                .where(VideoFile.path == any_(literal(paths, ARRAY(Text))))
                .values(state="present")
            )

    def _absent(
        self, known: "dict[str, Row[Any]]", seen: Walk, offline: Sequence[Path]
    ) -> dict[str, int]:
        """The known files that are gone, and the ids of their videos."""
        found = {str(file.path) for file in seen.files}
        unseen = tuple(f"{folder}/" for folder in (*seen.unreadable, *offline))
        return {
            path: row.video_id
            for path, row in known.items()
            if path not in found
            and row.state != "missing"
            and row.video_id is not None
            and not path.startswith(unseen)
            # A file that the rules leave out is not gone.
            and not os.path.lexists(path)
        }

    def _relink(self, new: Sequence[Seen], absent: dict[str, int]) -> list[Seen]:
        """Links files that have an indexed video's content to it; returns the others."""
        candidates: dict[int, list[Row[Any]]] = defaultdict(list)
        sizes = sorted({file.state.size_bytes for file in new})
        query = (
            select(VideoFile.size_bytes, Video.sampled_hash, Video.id)
            .join(Video, Video.id == VideoFile.video_id)
            .where(
                Video.status == "indexed",
                VideoFile.size_bytes == any_(literal(sizes, ARRAY(BigInteger))),
            )
            .distinct()
        )
        with self.engine.connect() as connection:
            rows: list[Row[Any]] = list(connection.execute(query))
        for row in rows:
            candidates[row.size_bytes].append(row)
        unknown = []
        for count, file in enumerate(new):
            self.on_progress("comparing", count)
            try:
                linked = self._link(file, candidates[file.state.size_bytes])
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

    def _link(self, file: Seen, candidates: "Sequence[Row[Any]]") -> Linked | None:
        if not candidates:
            return None
        sampled = sampled_hash(file.path)
        if all(row.sampled_hash not in (sampled, None) for row in candidates):
            return None
        return link_copy(self.engine, file.path, file.state, content_hash(file.path))

    def _follow(self, video_id: int, former: Path, path: Path) -> None:
        """Has a video that was moved to another folder of the source change its collection."""
        if self.source.path in former.parents:
            before, after = self._collection(former), self._collection(path)
            if before != after:
                follow_folder(self.engine, video_id, before, after)

    def _hide(self, absent: dict[str, int]) -> None:
        """Forgets the gone files of videos that have others, and marks the rest as missing."""
        other = aliased(VideoFile)
        # One array, because a statement takes no more than 65,535 parameters.
        paths = any_(literal(list(absent), ARRAY(Text)))
        elsewhere = select(other.path).where(
            other.video_id == VideoFile.video_id, other.state == "present", ~(other.path == paths)
        )
        gone = VideoFile.path == paths
        with self.engine.begin() as connection:
            connection.execute(delete(VideoFile).where(gone, elsewhere.exists()))
            missing = connection.execute(
                update(VideoFile).where(gone).values(state="missing").returning(VideoFile.path)
            )
            for path in missing.scalars():
                self.report.add("missing", path)

    def _queue(self, files: Sequence[Seen], touched: Sequence[Seen]) -> None:
        rules = self.source.rules
        with self.engine.connect() as connection:
            queued = files_in_queue(connection)
        wanted = [file for file in self._in_order(files) if str(file.path) not in queued]
        later = wanted[rules.at_most :] if rules.at_most else []
        wanted = wanted[: len(wanted) - len(later)]
        wanted += [file for file in touched if str(file.path) not in queued]
        jobs = [
            IngestJob(str(file.path), rules.sampling, self._collection(file.path))
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

    def _collection(self, path: Path) -> str:
        """The source's collection, or the name of the folder that a file is in below it."""
        inner = path.relative_to(self.source.path).parts[:-1]
        return self.source.rules.collection or (inner[0] if inner else self.source.path.name)

    def _close(self, *, mounts: list[str] | None = None, error: str | None = None) -> None:
        """Keeps what came of the scan, and when the next one is due."""
        pause_s = SETTLE_S if self.waiting else self.source.rules.every_s
        values: dict[str, Any] = {
            "scanned_at": func.now(),
            "due_at": func.now() + timedelta(seconds=min(pause_s, self.source.rules.every_s)),
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
