"""Searches: an index over signs, and nothing counted or measured that is not needed.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

from migrations.install import install

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "videos_hidden_idx",
        "videos",
        ["id"],
        postgresql_where=sa.text("frame_count > 0 AND (path IS NULL OR status <> 'indexed')"),
    )
    install("0009", "nearest_frames", "rank_scenes", "search_hybrid", "request_embedding")


def downgrade() -> None:
    install("0001", "request_embedding")
    install("0004", "search_hybrid")
    install("0002", "rank_scenes", "nearest_frames")
    op.drop_index("videos_hidden_idx", "videos")
