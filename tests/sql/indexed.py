"""A library with an index that is asked, though all of so few frames could be measured."""

from sqlalchemy import Connection, Engine, text

from app.model_catalog import ModelRow
from app.vector_index import Kind, vector_indexes
from tests.filling import Filled, literal

DIM = 256
K = 10
NEAREST = text(
    "SELECT video_id, frame_no FROM nearest_frames(CAST(:v AS halfvec), :k, NULL, :exact)"
)


def kinds(engine: Engine, model: ModelRow) -> list[tuple[Kind, bool]]:
    with engine.connect() as connection:
        return [(one.kind, one.is_valid) for one in vector_indexes(connection, model.id)]


def use_the_index(connection: Connection) -> None:
    """Of so few frames the planner may rather read all."""
    for setting in ("sceneql.exact_up_to = 0", "enable_seqscan = off", "enable_sort = off"):
        connection.execute(text(f"SET LOCAL {setting}"))


def nearest(engine: Engine, drawn: Filled, *, exact: bool) -> list[set[tuple[int, int]]]:
    with engine.connect() as connection:
        use_the_index(connection)
        answers = []
        for question in drawn.questions:
            rows = connection.execute(NEAREST, {"v": literal(question), "k": K, "exact": exact})
            answers.append({(row.video_id, row.frame_no) for row in rows})
        return answers
