"""Subtitles line by line, and a trigger that keeps what people set.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.install import install, run

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_subtitles()
    install("0004", "videos_keep_edits", "search_said", "search_hybrid")


def downgrade() -> None:
    install("0002", "search_hybrid")
    run("""
        DROP FUNCTION search_said;
        DROP TRIGGER videos_before_words_keep_edits ON videos;
        DROP FUNCTION videos_keep_edits;
    """)
    op.drop_table("subtitles")


def create_subtitles() -> None:
    op.create_table(
        "subtitles",
        sa.Column("video_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "line_no", sa.Integer(), nullable=False, comment="From 0, in the order of being said."
        ),
        sa.Column(
            "scene_no",
            sa.Integer(),
            nullable=True,
            comment="The scene in which the line begins; NULL after the end of the last one.",
        ),
        sa.Column("start_s", sa.Double(), nullable=False, comment="Seconds on a player's clock."),
        sa.Column("end_s", sa.Double(), nullable=False, comment="Seconds on a player's clock."),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column(
            "said_words",
            postgresql.TSVECTOR(),
            sa.Computed("to_words(said)", persisted=True),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(
            ["video_id"],
            ["videos.id"],
            name=op.f("subtitles_video_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("video_id", "line_no", name=op.f("subtitles_pkey")),
        comment="What is said, line by line, and when.",
    )
    # Until a video is read again, all that is said in a scene is one line of it.
    run("""
        INSERT INTO subtitles (video_id, line_no, scene_no, start_s, end_s, said)
        SELECT video_id, row_number() OVER (PARTITION BY video_id ORDER BY scene_no) - 1,
            scene_no, start_s, end_s, said
        FROM scenes WHERE said IS NOT NULL
    """)
    op.create_index("subtitles_said_words_idx", "subtitles", ["said_words"], postgresql_using="gin")
