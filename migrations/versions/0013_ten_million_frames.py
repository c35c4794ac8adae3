"""The graph of a very large library searched further, by what ten million frames take.

Revision ID: 0013
Revises: 0012
"""

from migrations.install import install

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    install("0013", "nearest_frames")


def downgrade() -> None:
    install("0012", "nearest_frames")
