"""Truer and quicker answers: what is only not wanted, what is exact, and who waits.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

from migrations.install import install

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATES = "video_files_state_check"
# Texts with a token of the number 0 were cut short, and transparent pictures (no JPEG is one) were
# seen with what lies beneath. Until an embedder answers anew, the former answer serves.
ASK_AGAIN = """
    UPDATE query_embeddings SET answered_at = NULL
    WHERE kind = 'text' AND position('\\x21'::bytea IN payload) > 0
        OR kind = 'image' AND substr(payload, 1, 2) <> '\\xffd8'::bytea
"""


def upgrade() -> None:
    _index_sample("frame_embeddings", instead_of="frames")
    install(
        "0010",
        "await_embedding",
        "keyword_hits",
        "nearest_frames",
        "query_vector",
        "sample_similarities",
        "search_hybrid",
    )
    op.execute(ASK_AGAIN)
    _allow("state IN ('present', 'missing', 'removed')")
    op.alter_column(
        "query_embeddings",
        "key",
        comment="SHA-256 of the payload, in hex; of a clip's frame its clip's, with :NUMBER.",
    )


def downgrade() -> None:
    op.alter_column("query_embeddings", "key", comment="SHA-256 of the payload, in hex.")
    _allow("state IN ('present', 'missing', 'offline', 'removed')")
    install("0009", "nearest_frames", "search_hybrid")
    install("0002", "keyword_hits", "sample_similarities")
    install("0001", "query_vector", "await_embedding")
    _index_sample("frames", instead_of="frame_embeddings")


def _index_sample(table: str, *, instead_of: str) -> None:
    op.drop_index(f"{instead_of}_sample_idx", instead_of)
    key = sa.text("hashint8extended(video_id, frame_no::bigint)")
    op.create_index(f"{table}_sample_idx", table, [key])


def _allow(states: str) -> None:
    op.drop_constraint(op.f(STATES), "video_files")
    op.create_check_constraint(op.f(STATES), "video_files", states)
