"""Installs the SQL files that a revision carries."""

from pathlib import Path

from alembic import op

INSTALLED = Path(__file__).parent / "installed"


def install(revision: str, *names: str) -> None:
    """Runs `installed/<revision>/<name>.sql` for each name, in order."""
    for name in names:
        run((INSTALLED / revision / f"{name}.sql").read_text(encoding="utf-8"))


def run(script: str) -> None:
    """Runs a script of several statements as it stands.

    It goes to the driver's own connection: SQLAlchemy would take a colon or a percent sign in it
    for a parameter.
    """
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    with connection.cursor() as cursor:
        cursor.execute(script)
