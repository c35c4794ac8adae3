"""Similar videos: the vector of each frame that is asked is looked up once, not for each row.

Revision ID: 0007
Revises: 0006
"""

from migrations.install import install

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    install("0007", "similar_videos")


def downgrade() -> None:
    install("0002", "similar_videos")
