"""The script of the sample library: what its videos show, and questions that they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from workers.analysis import Subtitle
from workers.tiny.drawing import Picture, Shape

FPS = 24
SLOW_FPS = 10


@dataclass(frozen=True)
class SceneScript:
    """A scene: shapes on a background, all of which drift by a share of the picture.

    `fades_in` has the scene before it fade to black, and this one come up from black.
    """

    seconds: float
    background: str
    shapes: tuple[Shape, ...]
    drift: tuple[float, float] = (0.0, 0.0)
    fades_in: bool = False

    def picture(self, t_s: float) -> Picture:
        """What is to be seen so many seconds into the scene."""
        share = t_s / self.seconds
        dx, dy = self.drift[0] * share, self.drift[1] * share
        return Picture(
            self.background, tuple(replace(s, x=s.x + dx, y=s.y + dy) for s in self.shapes)
        )


@dataclass(frozen=True)
class VideoScript:
    """A video of the library; title and date go into the file, the rest into a sidecar."""

    file_name: str
    title: str
    recorded_at: datetime
    scenes: tuple[SceneScript, ...]
    collection: str
    tags: tuple[str, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    fps: int = FPS
    subtitles: tuple[Subtitle, ...] = ()


@dataclass(frozen=True)
class Question:
    """A question in words or by a picture, and the scene that has to be its first hit.

    `t_s` lies inside that scene. The filter, if any, is in the grammar of the search page.
    """

    file_name: str
    t_s: float
    text: str | None = None
    picture: Picture | None = None
    where: str | None = None


def _one(colour: str, kind: str, x: float = 0.5, y: float = 0.5, size: float = 0.55) -> Shape:
    return Shape(kind, colour, x, y, size)


LIBRARY = (
    VideoScript(
        "balloons.mp4",
        "Balloons at noon",
        datetime(2026, 3, 14, 12, 5, tzinfo=UTC),
        (
            SceneScript(4, "white", (_one("red", "circle", 0.4, 0.6),), (0.2, -0.2)),
            SceneScript(4, "blue", (_one("yellow", "circle", 0.3, 0.5),), (0.3, 0.0)),
            SceneScript(4, "black", (_one("green", "circle", 0.6, 0.4),), (-0.2, 0.2)),
        ),
        collection="day",
        tags=("balloons", "sky"),
        metadata={"camera": "roof"},
    ),
    VideoScript(
        "lanterns.mp4",
        "Lanterns after dark",
        datetime(2026, 3, 14, 20, 40, tzinfo=UTC),
        (
            SceneScript(4, "black", (_one("red", "circle", 0.6, 0.5),), (-0.2, 0.0)),
            SceneScript(4, "purple", (_one("orange", "square", 0.4, 0.5),), (0.2, 0.0)),
            SceneScript(4, "brown", (_one("white", "diamond", 0.5, 0.6),), (0.0, -0.2)),
        ),
        collection="evening",
        tags=("lanterns", "sky"),
        metadata={"camera": "roof"},
    ),
    VideoScript(
        "stars.webm",
        "Stars",
        datetime(2026, 1, 2, 22, 0, tzinfo=UTC),
        (
            SceneScript(4, "black", (_one("yellow", "star", 0.4, 0.5),), (0.2, 0.0)),
            SceneScript(4, "blue", (_one("white", "star", 0.5, 0.4),), (0.0, 0.2)),
            SceneScript(4, "green", (_one("pink", "star", 0.6, 0.5),), (-0.2, 0.0)),
        ),
        collection="evening",
        tags=("stars", "sky"),
        metadata={"camera": "garden"},
    ),
    VideoScript(
        "hearts.mp4",
        "Hearts, fading",
        datetime(2025, 2, 14, 9, 30, tzinfo=UTC),
        (
            SceneScript(5, "yellow", (_one("purple", "heart", 0.6, 0.5),), (-0.2, 0.0)),
            SceneScript(5, "grey", (_one("red", "heart", 0.4, 0.5),), (0.2, 0.0), fades_in=True),
            SceneScript(5, "green", (_one("white", "heart", 0.5, 0.4),), (0.0, 0.2), fades_in=True),
        ),
        collection="cards",
        tags=("hearts", "fades"),
        metadata={"camera": "desk"},
    ),
    VideoScript(
        "signs.mp4",
        "Signs and what they mean",
        datetime(2025, 9, 1, 8, 0, tzinfo=UTC),
        (
            SceneScript(5, "yellow", (_one("red", "triangle", 0.45, 0.5),), (0.1, 0.0)),
            SceneScript(5, "grey", (_one("blue", "square", 0.5, 0.45),), (0.0, 0.1)),
            SceneScript(5, "white", (_one("green", "cross", 0.55, 0.5),), (-0.1, 0.0)),
        ),
        collection="lessons",
        tags=("signs", "subtitles"),
        metadata={"camera": "desk"},
        subtitles=(
            Subtitle(0.5, 4.5, "A triangle warns you: slow down."),
            Subtitle(5.5, 9.5, "A blue square tells you where to park."),
            Subtitle(10.5, 14.5, "A green cross is a pharmacy."),
        ),
    ),
    VideoScript(
        "fixed_camera.mp4",
        "Fixed camera, 75 seconds",
        datetime(2026, 2, 1, 3, 0, tzinfo=UTC),
        (
            SceneScript(
                75, "orange", (_one("black", "triangle", 0.3), _one("blue", "cross", 0.7, 0.5, 0.4))
            ),
        ),
        collection="cameras",
        tags=("static",),
        metadata={"camera": "gate"},
        fps=SLOW_FPS,
    ),
    VideoScript(
        "pairs.mp4",
        "Pairs",
        datetime(2025, 11, 20, 15, 45, tzinfo=UTC),
        (
            SceneScript(
                5,
                "purple",
                (_one("green", "circle", 0.25, 0.5, 0.4), _one("yellow", "square", 0.7, 0.5, 0.4)),
                (0.05, 0.0),
            ),
            SceneScript(
                5,
                "cyan",
                (_one("brown", "cross", 0.3, 0.4, 0.4), _one("pink", "ring", 0.7, 0.5, 0.5)),
                (0.0, 0.1),
            ),
        ),
        collection="day",
        tags=("two things",),
        metadata={"camera": "desk"},
    ),
    VideoScript(
        "patterns.mp4",
        "Patterns",
        datetime(2025, 6, 30, 17, 20, tzinfo=UTC),
        (
            SceneScript(4, "white", (Shape("square", "blue", 0.4, 0.5, 0.6, "striped"),), (0.2, 0)),
            SceneScript(4, "pink", (Shape("circle", "black", 0.6, 0.5, 0.6, "dotted"),), (-0.2, 0)),
            SceneScript(4, "black", (Shape("diamond", "cyan", 0.5, 0.5, 0.6, "checked"),)),
        ),
        collection="lessons",
        tags=("patterns",),
        metadata={"camera": "desk"},
    ),
)
"""No two scenes have the same description, so that each question has one right answer."""

QUESTIONS = (
    Question("stars.webm", 2.0, text="a yellow star on a black background"),
    Question("signs.mp4", 2.5, text="a red triangle on a yellow background"),
    Question("pairs.mp4", 2.5, text="a green circle and a yellow square"),
    Question(
        "hearts.mp4",
        2.5,
        picture=Picture("yellow", (Shape("heart", "purple", 0.3, 0.55, 0.45),)),
    ),
    # Without its filter this would be answered by the red circle of balloons.mp4.
    Question(
        "lanterns.mp4",
        2.0,
        text="a red circle on a white background",
        where="collection = evening and recorded_at >= 2026-01-01",
    ),
)
