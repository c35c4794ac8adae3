"""Rankings of frames, and of scenes in which something is said.

Revision ID: 0006
Revises: 0005
"""

from migrations.install import install, run

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    install("0006", "rank_frames", "rank_said")
    run(
        "COMMENT ON COLUMN kept_rankings.hits IS "
        "'Video, frame, similarity, z, matched_by and is_exact of each hit, and frame, similarity "
        "and z of what follows it.'"
    )


def downgrade() -> None:
    run("""
        DROP FUNCTION rank_said;
        DROP FUNCTION rank_frames;
        COMMENT ON COLUMN kept_rankings.hits IS
            'Video, frame, similarity, z, matched_by and is_exact of each hit.';
    """)
