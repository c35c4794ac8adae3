"""Rankings: filters that never lose rows, scores against a background, words, sequences.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.install import install, run

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# In the order of their needs: a body in BEGIN ATOMIC is checked when it is installed.
OBJECTS = (
    "add_model",
    "check_k",
    "check_vector",
    "moment_hit",
    "sequence_hit",
    "sample_similarities",
    "nearest_frames",
    "search_background",
    "rank_scenes",
    "search_scenes",
    "rank_videos",
    "search_videos",
    "query_terms",
    "embed_terms",
    "check_weights",
    "hybrid_vector",
    "keyword_query",
    "keyword_hits",
    "search_hybrid",
    "rank_sequences",
    "search_sequence",
    "frame_similarity",
    "similar_videos",
    "clip_vectors",
    "search_clip",
    "copies_of_fingerprints",
    "find_copies",
)
# Where each 16-bit piece of a fingerprint begins.
PIECES = (1, 17, 33, 49)


def upgrade() -> None:
    op.create_index(
        "frames_sample_idx",
        "frames",
        [sa.text("hashint8extended(video_id, frame_no::bigint)")],
    )
    for start in PIECES:
        op.create_index(
            f"fingerprints_piece_{start}_idx",
            "fingerprints",
            [sa.text(f"substring(phash, {start}, 16)")],
        )
    op.create_table(
        "kept_rankings",
        sa.Column("token", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column(
            "kept_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "hits",
            postgresql.JSONB(),
            nullable=False,
            comment="Video, frame, similarity, z, matched_by and is_exact of each hit.",
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("kept_rankings_pkey")),
        comment="Answers of which further pages may be asked for a while.",
    )
    op.create_index("kept_rankings_kept_at_idx", "kept_rankings", ["kept_at"])
    install("0002", *OBJECTS)
    # What is added from now on is linked as in a new index; REINDEX does so for what is there.
    _set_on_hnsw_indexes("SET (ef_construction = 200)")


def downgrade() -> None:
    _set_on_hnsw_indexes("RESET (ef_construction)")
    install("0001", "add_model")
    run("""
        DROP FUNCTION find_copies, copies_of_fingerprints;
        DROP FUNCTION search_clip, clip_vectors, similar_videos, frame_similarity, search_sequence,
            rank_sequences, search_hybrid, keyword_hits, keyword_query, hybrid_vector,
            check_weights;
        DROP PROCEDURE embed_terms;
        DROP FUNCTION query_terms, search_videos, rank_videos, search_scenes, rank_scenes,
            search_background, nearest_frames, sample_similarities,
            check_vector, check_k;
        DROP TYPE sequence_hit, moment_hit;
    """)
    op.drop_table("kept_rankings")
    for start in PIECES:
        op.drop_index(f"fingerprints_piece_{start}_idx", table_name="fingerprints")
    op.drop_index("frames_sample_idx", table_name="frames")


def _set_on_hnsw_indexes(change: str) -> None:
    models = op.get_bind().execute(sa.text("SELECT id FROM embedding_models")).scalars().all()
    for model_id in models:
        op.execute(f"ALTER INDEX frame_embeddings_{model_id}_hnsw_idx {change}")
