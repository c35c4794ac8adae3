"""Models over time: one that is no longer used can be dropped.

Revision ID: 0005
Revises: 0004
"""

from migrations.install import install, run

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    install("0005", "drop_model")


def downgrade() -> None:
    run("DROP FUNCTION drop_model")
