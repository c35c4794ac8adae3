"""Waiting for an embedder: whoever waits long looks less often.

Revision ID: 0010
Revises: 0009
"""

from migrations.install import install

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    install("0010", "await_embedding")


def downgrade() -> None:
    install("0001", "await_embedding")
