"""An index over ternary codes, which tell what is near by fewer candidates than signs do.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

from migrations.install import install

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    install("0012", "ternary_quantize", "nearest_frames")


def downgrade() -> None:
    install("0011", "nearest_frames")
    # An index over such codes goes with it: the former release has `sceneql reindex` for another.
    op.execute("DROP FUNCTION ternary_quantize(halfvec, integer) CASCADE")
