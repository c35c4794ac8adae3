"""Keeps what is said in a video: per scene, and line by line with its time."""

from bisect import bisect_right
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert

from app.models import SubtitleLine
from workers.analysis import Scene, Subtitle


def said_in_scenes(scenes: Sequence[Scene], subtitles: Sequence[Subtitle]) -> list[str | None]:
    """For each scene the subtitles that are shown during it, in order, or None."""
    return [
        "\n".join(s.text for s in subtitles if s.start_s < scene.end_s and s.end_s > scene.start_s)
        or None
        for scene in scenes
    ]


def write_lines(
    connection: Connection, video_id: int, scenes: Sequence[Scene], subtitles: Sequence[Subtitle]
) -> None:
    """Replaces the lines of a video; each belongs to the scene in which it begins."""
    connection.execute(delete(SubtitleLine).where(SubtitleLine.video_id == video_id))
    if not subtitles:
        return
    connection.execute(
        insert(SubtitleLine),
        [
            {
                "video_id": video_id,
                "line_no": line_no,
                "scene_no": _scene_at(scenes, line.start_s),
                "start_s": line.start_s,
                "end_s": line.end_s,
                "said": line.text,
            }
            for line_no, line in enumerate(subtitles)
        ],
    )


def _scene_at(scenes: Sequence[Scene], t_s: float) -> int | None:
    """The scene that is shown at a time, None before the first and after the last one."""
    place = bisect_right(scenes, t_s, key=lambda scene: scene.start_s) - 1
    return scenes[place].scene_no if place >= 0 and t_s < scenes[place].end_s else None
