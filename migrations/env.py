"""How Alembic reaches the database: through the connection it is handed, or the settings' one."""

from alembic import context
from sqlalchemy import Connection, text

from app.db import get_engine
from app.models import Base
from migrations.env_filter import is_managed

# Any number would do, as long as every migrating process takes the same.
MIGRATION_LOCK = 20265_0


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=is_managed,
        transaction_per_migration=True,
    )
    # Two processes that start on an old database would both migrate it: the second waits here. A
    # table that somebody keeps locked stops the migration rather than all the readers behind it.
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    try:
        connection.execute(text("SET lock_timeout = '10s'"))
        connection.commit()
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(text("RESET lock_timeout"))
        connection.commit()


handed_over: Connection | None = context.config.attributes.get("connection")
if handed_over is not None:
    migrate(handed_over)
else:
    with get_engine().connect() as own:
        migrate(own)
