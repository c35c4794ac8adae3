"""What Alembic compares with the models."""


def is_managed(name: str | None, type_: str, _parents: object) -> bool:
    """Leaves out the partitions, which are made at run time, one per model."""
    return not (type_ == "table" and name is not None and name.startswith("frame_embeddings_"))
