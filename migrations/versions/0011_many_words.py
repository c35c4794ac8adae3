"""Quicker where words match much, and a background where most of the library is hidden.

Revision ID: 0011
Revises: 0010
"""

from migrations.install import install

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    install(
        "0011",
        "activate_model",
        "add_model",
        "keyword_hits",
        "nearest_frames",
        "rank_said",
        "search_background",
        "search_hybrid",
        "similar_videos",
        "video_files_set_path",
    )


def downgrade() -> None:
    install("0010", "keyword_hits", "nearest_frames", "search_hybrid")
    install("0007", "similar_videos")
    install("0006", "rank_said")
    install("0002", "add_model", "search_background")
    install("0001", "activate_model", "video_files_set_path")
