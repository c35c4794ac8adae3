"""The first schema: videos, scenes, frames, embeddings, questions, and the search functions.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects import postgresql

from migrations.install import install, run

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# In the order of their needs: a body in BEGIN ATOMIC is checked when it is installed.
FUNCTIONS = (
    "split_han",
    "to_words",
    "videos_fill_words",
    "scenes_fill_words",
    "video_files_set_path",
    "rebuild_moments",
    "add_model",
    "activate_model",
    "embedder_running",
    "request_embedding",
    "embedding_answer",
    "await_embedding",
    "embed_query",
    "embed_image",
    "query_vector",
    "image_vector",
)
SEARCHES = ("frame_vector", "search_text", "search_image", "search_like", "search_vector")

DROP_FUNCTIONS = """
    DROP FUNCTION search_vector, search_like, search_image, search_text, frame_vector;
    DROP VIEW moments;
    DROP FUNCTION image_vector, query_vector;
    DROP PROCEDURE embed_image, embed_query, await_embedding;
    DROP FUNCTION embedding_answer, request_embedding, embedder_running;
    DROP FUNCTION activate_model, add_model, rebuild_moments;
"""
# These serve the tables' triggers, so they can go only after the tables.
DROP_HELPERS = """
    DROP FUNCTION video_files_set_path, scenes_fill_words, videos_fill_words, to_words, split_han;
"""


def upgrade() -> None:
    run("CREATE EXTENSION IF NOT EXISTS vector")
    install("0001", "roles")
    create_tables()
    # Vectors of 1,024 dimensions would go to TOAST, which makes an exact scan four times slower;
    # thumbnails are compressed already.
    run("ALTER TABLE frame_embeddings ALTER COLUMN embedding SET STORAGE PLAIN")
    run("ALTER TABLE frames ALTER COLUMN thumbnail SET STORAGE EXTERNAL")
    install("0001", *FUNCTIONS)
    run("SELECT rebuild_moments()")
    install("0001", *SEARCHES)
    create_queue()


def downgrade() -> None:
    run("DROP SCHEMA procrastinate CASCADE")
    run(DROP_FUNCTIONS)
    for table in (
        "query_embeddings",
        "frame_embeddings",
        "embedding_models",
        "fingerprints",
        "frames",
        "scenes",
        "video_files",
        "videos",
    ):
        op.drop_table(table)
    run(DROP_HELPERS)


def create_queue() -> None:
    """Installs the tables of the Procrastinate that is installed, in a schema of their own."""
    run("CREATE SCHEMA procrastinate")
    run("SET LOCAL search_path = procrastinate")
    run(SchemaManager.get_schema())
    run("SET LOCAL search_path = public")


def create_tables() -> None:
    op.create_table(
        "embedding_models",
        sa.Column("id", sa.SmallInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pretrained", sa.Text(), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("dim BETWEEN 1 AND 4000", name=op.f("embedding_models_dim_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("embedding_models_pkey")),
        sa.UniqueConstraint("name", "pretrained", name=op.f("embedding_models_name_key")),
        comment="The models whose embeddings are stored; searches use the active one.",
    )
    op.create_index(
        "embedding_models_active_idx",
        "embedding_models",
        ["active"],
        unique=True,
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "videos",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "content_hash",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the file's bytes, in hex: the identity of the content.",
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("collection", sa.Text(), nullable=True),
        sa.Column(
            "tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "metadata",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Anything else, by key.",
        ),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column(
            "width", sa.Integer(), nullable=True, comment="Pixels as displayed, rotation applied."
        ),
        sa.Column(
            "height", sa.Integer(), nullable=True, comment="Pixels as displayed, rotation applied."
        ),
        sa.Column("fps", sa.Double(), nullable=True),
        sa.Column("codec", sa.Text(), nullable=True),
        sa.Column(
            "frame_count",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Number of indexed frames, not of decoded ones.",
        ),
        sa.Column(
            "sampling",
            sa.Text(),
            nullable=True,
            comment="How frames were chosen: scenes:N, every:Ns or keyframes.",
        ),
        sa.Column(
            "path",
            sa.Text(),
            nullable=True,
            comment="A file that holds the video, kept by a trigger; NULL hides it from search.",
        ),
        sa.Column("status", sa.Text(), nullable=False, comment="indexed or failed."),
        sa.Column("error", sa.Text(), nullable=True, comment="Why it failed, for people."),
        sa.Column(
            "warning", sa.Text(), nullable=True, comment="What is amiss in an indexed video."
        ),
        sa.Column(
            "indexed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "words",
            postgresql.TSVECTOR(),
            nullable=True,
            comment="Title, description, tags, collection and file name, kept by a trigger.",
        ),
        sa.CheckConstraint("status IN ('indexed', 'failed')", name=op.f("videos_status_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("videos_pkey")),
        sa.UniqueConstraint("content_hash", name=op.f("videos_content_hash_key")),
        comment="One row per video content, however many files hold it.",
    )
    op.create_index("videos_collection_idx", "videos", ["collection"], unique=False)
    op.create_index("videos_words_idx", "videos", ["words"], unique=False, postgresql_using="gin")
    op.create_table(
        "fingerprints",
        sa.Column("video_id", sa.BigInteger(), nullable=False),
        sa.Column("t_s", sa.Double(), nullable=False),
        sa.Column("phash", postgresql.BIT(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["video_id"], ["videos.id"], name=op.f("fingerprints_video_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("video_id", "t_s", name=op.f("fingerprints_pkey")),
        comment="Two perceptual hashes a second, for finding copies.",
    )
    op.create_table(
        "query_embeddings",
        sa.Column("model_id", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="SHA-256 of the payload, in hex."),
        sa.Column(
            "id",
            sa.Uuid(),
            server_default=sa.text("gen_random_uuid()"),
            nullable=False,
            comment="Known to whoever made the request.",
        ),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("embedding", HALFVEC(), nullable=True),
        sa.Column(
            "unknown_words",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Words of the text that the model never saw.",
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "requested_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('text', 'image', 'clip')", name=op.f("query_embeddings_kind_check")
        ),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["embedding_models.id"],
            name=op.f("query_embeddings_model_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("model_id", "kind", "key", name=op.f("query_embeddings_pkey")),
        sa.UniqueConstraint("id", name=op.f("query_embeddings_id_key")),
        comment="Questions and their vectors, kept here so that search needs no model.",
    )
    op.create_index(
        "query_embeddings_unanswered_idx",
        "query_embeddings",
        ["requested_at"],
        unique=False,
        postgresql_where=sa.text("answered_at IS NULL"),
    )
    op.create_table(
        "scenes",
        sa.Column("video_id", sa.BigInteger(), nullable=False),
        sa.Column("scene_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column(
            "said", sa.Text(), nullable=True, comment="The subtitles that are shown in the scene."
        ),
        sa.Column("said_words", postgresql.TSVECTOR(), nullable=True),
        sa.CheckConstraint("start_s <= end_s", name=op.f("scenes_span_check")),
        sa.ForeignKeyConstraint(
            ["video_id"], ["videos.id"], name=op.f("scenes_video_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("video_id", "scene_no", name=op.f("scenes_pkey")),
        comment="Scenes tile a video from its start to its end.",
    )
    op.create_index(
        "scenes_said_words_idx", "scenes", ["said_words"], unique=False, postgresql_using="gin"
    )
    op.create_table(
        "video_files",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("video_id", sa.BigInteger(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("mtime", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'present'"), nullable=False),
        sa.Column(
            "error",
            sa.Text(),
            nullable=True,
            comment="Why the file could not even be read, so that it belongs to no video.",
        ),
        sa.CheckConstraint(
            "state IN ('present', 'missing', 'offline')", name=op.f("video_files_state_check")
        ),
        sa.CheckConstraint(
            "(video_id IS NULL) = (error IS NOT NULL)",
            name=op.f("video_files_video_or_error_check"),
        ),
        sa.ForeignKeyConstraint(
            ["video_id"], ["videos.id"], name=op.f("video_files_video_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("path", name=op.f("video_files_pkey")),
        comment="Where the videos' bytes were seen; a moved file is a new row of its video.",
    )
    op.create_index("video_files_video_id_idx", "video_files", ["video_id"], unique=False)
    op.create_table(
        "frames",
        sa.Column("video_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "frame_no",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Number of the decoded frame, from 0.",
        ),
        sa.Column("scene_no", sa.Integer(), nullable=False),
        sa.Column("t_s", sa.Double(), nullable=False, comment="Seconds on a player's clock."),
        sa.Column("thumbnail", sa.LargeBinary(), nullable=False, comment="A JPEG."),
        sa.ForeignKeyConstraint(
            ["video_id", "scene_no"],
            ["scenes.video_id", "scenes.scene_no"],
            name=op.f("frames_video_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("video_id", "frame_no", name=op.f("frames_pkey")),
        comment="The frames that were chosen to stand for their scenes.",
    )
    op.create_index(
        "frames_video_id_scene_no_idx", "frames", ["video_id", "scene_no"], unique=False
    )
    op.create_table(
        "frame_embeddings",
        sa.Column("video_id", sa.BigInteger(), nullable=False),
        sa.Column("frame_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model_id", sa.SmallInteger(), nullable=False),
        sa.Column("embedding", HALFVEC(), nullable=False, comment="Unit length."),
        sa.ForeignKeyConstraint(
            ["model_id"], ["embedding_models.id"], name=op.f("frame_embeddings_model_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["video_id", "frame_no"],
            ["frames.video_id", "frames.frame_no"],
            name=op.f("frame_embeddings_video_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "video_id", "frame_no", "model_id", name=op.f("frame_embeddings_pkey")
        ),
        comment="One vector per frame and model; each model has a partition of its own.",
        postgresql_partition_by="LIST (model_id)",
    )
