"""The schema's history: Alembic revisions, each with its own frozen copy of the SQL it installs."""
