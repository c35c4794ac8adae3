"""The pictures of indexed frames: from the file, or where that is gone from what is stored."""

from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from sqlalchemy import ColumnElement, Connection, Engine, select

from app.errors import MediaError
from app.models import Frame, Video, VideoFile
from workers.library import FileState, file_state
from workers.video import open_video

# Presentation times are exact, but they have been through arithmetic in floating point.
SAME_TIME_S = 1e-3
THUMBNAILS_AT_ONCE = 64


@dataclass(frozen=True)
class StoredVideo:
    """An indexed video: some of its frames by number with their times in seconds, and its files."""

    id: int
    title: str
    indexed_at: datetime
    key_frames_only: bool
    frames: Mapping[int, float]
    files: tuple[tuple[Path, FileState], ...]

    @property
    def unchanged_file(self) -> Path | None:
        """A file that still is what was indexed, as far as size and modification time tell."""
        return next((path for path, state in self.files if _is_unchanged(path, state)), None)


def stored_video(
    connection: Connection, video_id: int, which: ColumnElement[bool]
) -> StoredVideo | None:
    """A video with those of its frames for which a condition on the table of frames holds.

    None if there is no such video, or none of its frames is wanted.
    """
    video = connection.execute(
        select(Video.title, Video.indexed_at, Video.sampling).where(Video.id == video_id)
    ).one_or_none()
    wanted = select(Frame.frame_no, Frame.t_s).where(Frame.video_id == video_id, which)
    frames = {row.frame_no: row.t_s for row in connection.execute(wanted)}
    if video is None or not frames:
        return None
    files = connection.execute(
        select(VideoFile.path, VideoFile.size_bytes, VideoFile.mtime)
        .where(VideoFile.video_id == video_id, VideoFile.state == "present")
        .order_by(VideoFile.path)
    )
    return StoredVideo(
        video_id,
        video.title,
        video.indexed_at,
        video.sampling == "keyframes",
        frames,
        tuple((Path(file.path), FileState(file.size_bytes, file.mtime)) for file in files),
    )


def decoded(path: Path, video: StoredVideo) -> Generator[tuple[int, Image.Image]]:
    """The frames' numbers and pictures from the file, decoded in one pass.

    Raises MediaError if the file does not hold these very frames, maybe after some of them.
    """
    left = dict(video.frames)
    with open_video(path, key_frames_only=video.key_frames_only) as on_disk:
        for frame in on_disk:
            t_s = left.pop(frame.index, None)
            if t_s is None:
                continue
            if abs(frame.t_s - t_s) > SAME_TIME_S:
                raise MediaError(f"frame {frame.index} is at {frame.t_s} s and was at {t_s} s")
            yield frame.index, frame.image()
            if not left:
                return
    raise MediaError(f"{len(left)} frames that were indexed are not there")


def thumbnails(
    engine: Engine, video_id: int, frame_nos: Collection[int]
) -> Iterator[tuple[int, Image.Image]]:
    """The frames' numbers and their stored pictures; raises MediaError if one cannot be read."""
    numbers = sorted(frame_nos)
    for start in range(0, len(numbers), THUMBNAILS_AT_ONCE):
        wanted = select(Frame.frame_no, Frame.thumbnail).where(
            Frame.video_id == video_id,
            Frame.frame_no.in_(numbers[start : start + THUMBNAILS_AT_ONCE]),
        )
        with engine.connect() as connection:
            rows = connection.execute(wanted).all()
        for row in rows:
            try:
                with Image.open(BytesIO(row.thumbnail)) as image:
                    yield row.frame_no, image.convert("RGB")
            except (UnidentifiedImageError, OSError) as error:
                raise MediaError("its file is gone and its stored picture is damaged") from error


def _is_unchanged(path: Path, state: FileState) -> bool:
    try:
        return file_state(path) == state
    except MediaError:
        return False
