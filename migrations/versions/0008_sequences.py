"""Sequences: what may follow or precede near frames is measured once, not for each pair it is in.

Revision ID: 0008
Revises: 0007
"""

from migrations.install import install

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    install("0008", "rank_sequences")


def downgrade() -> None:
    install("0002", "rank_sequences")
