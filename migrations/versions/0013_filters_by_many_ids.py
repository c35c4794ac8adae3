"""Streams that are filtered by many ids, and the graph of a very large library searched further.

Revision ID: 0013
Revises: 0012
"""

from migrations.install import install, run

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    install("0013", "rebuild_moments", "nearest_frames")
    run("SELECT rebuild_moments()")


def downgrade() -> None:
    install("0012", "nearest_frames")
    install("0001", "rebuild_moments")
    run("SELECT rebuild_moments()")
