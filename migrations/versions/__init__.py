"""Alembic revisions in the order they are applied."""
