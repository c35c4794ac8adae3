"""Sources: folders scanned on schedule, and what keeps indexing safe from crashes and from people.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_sources()
    add_to_videos()
    op.add_column(
        "video_files",
        sa.Column(
            "sidecars",
            sa.Text(),
            nullable=True,
            comment="What the files beside it looked like when they were last read.",
        ),
    )
    _allow("videos", "status", "status IN ('pending', 'indexed', 'failed')")
    _allow("video_files", "state", "state IN ('present', 'missing', 'offline', 'removed')")
    _allow(
        "video_files",
        "video_or_error",
        "(video_id IS NULL) = (error IS NOT NULL OR state = 'removed')",
    )


def downgrade() -> None:
    op.execute("DELETE FROM videos WHERE status = 'pending'")
    op.execute("DELETE FROM video_files WHERE state = 'removed'")
    _allow("video_files", "video_or_error", "(video_id IS NULL) = (error IS NOT NULL)")
    _allow("video_files", "state", "state IN ('present', 'missing', 'offline')")
    _allow("videos", "status", "status IN ('indexed', 'failed')")
    op.alter_column("videos", "status", comment="indexed or failed.")
    op.drop_column("video_files", "sidecars")
    op.drop_index("videos_sampled_hash_idx", table_name="videos")
    for column in ("sampled_hash", "edited", "attempt", "attempted_at", "deaths"):
        op.drop_column("videos", column)
    op.drop_table("sources")


def _allow(table: str, name: str, condition: str) -> None:
    constraint = op.f(f"{table}_{name}_check")
    op.drop_constraint(constraint, table)
    op.create_check_constraint(constraint, table, condition)


def add_to_videos() -> None:
    op.alter_column("videos", "status", comment="pending, indexed or failed.")
    for column in (
        sa.Column(
            "sampled_hash",
            sa.Text(),
            nullable=True,
            comment="SHA-256 of the file's size and some of its blocks: "
            "quick to compare, no proof.",
        ),
        sa.Column(
            "edited",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="What people have set, such as title or metadata.camera: "
            "indexing leaves it be.",
        ),
        sa.Column(
            "attempt",
            sa.Uuid(),
            nullable=True,
            comment="The attempt to index it that is under way: only that one may write.",
        ),
        sa.Column(
            "attempted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When that attempt began.",
        ),
        sa.Column(
            "deaths",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="How many workers in a row died at it.",
        ),
    ):
        op.add_column("videos", column)
    op.create_index("videos_sampled_hash_idx", "videos", ["sampled_hash"])


def create_sources() -> None:
    op.create_table(
        "sources",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="Absolute path of the folder."),
        sa.Column(
            "every_s", sa.Integer(), nullable=False, comment="Seconds from one scan to the next."
        ),
        sa.Column(
            "collection",
            sa.Text(),
            nullable=True,
            comment="Collection of its videos; NULL takes the name of the folder they are in.",
        ),
        sa.Column(
            "sampling", sa.Text(), nullable=False, comment="scenes:N, every:Ns or keyframes."
        ),
        sa.Column(
            "include",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Globs; none stands for every file.",
        ),
        sa.Column(
            "exclude",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Globs of files to leave out.",
        ),
        sa.Column(
            "first",
            sa.Text(),
            server_default=sa.text("'name'"),
            nullable=False,
            comment="Which new files are indexed first.",
        ),
        sa.Column(
            "at_most", sa.Integer(), nullable=True, comment="Files queued by one scan at most."
        ),
        sa.Column("paused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "mounts",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Mount points at and below the folder: what is not mounted is not missing.",
        ),
        sa.Column(
            "waiting",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Size and modification time of files that were still being written.",
        ),
        sa.Column(
            "scanned_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the last scan ended.",
        ),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "report",
            postgresql.JSONB(),
            nullable=True,
            comment="What the last scan found, by kind, as counts.",
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="Why the last scan could not look."),
        sa.CheckConstraint("every_s > 0", name=op.f("sources_every_s_check")),
        sa.CheckConstraint("at_most > 0", name=op.f("sources_at_most_check")),
        sa.CheckConstraint(
            "first IN ('name', 'newest', 'oldest', 'smallest')", name=op.f("sources_first_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sources_pkey")),
        sa.UniqueConstraint("path", name=op.f("sources_path_key")),
        comment="Folders that are scanned on schedule for new, changed and missing files.",
    )
