"""The SQL in the documentation: it runs as it stands, and no function is left out."""

import re
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text

from app.db import address_of

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = ("sql-api.md", "analysts.md")


def statements(page: str) -> list[str]:
    """Every statement of a page's SQL blocks, in order."""
    blocks = re.findall(r"```sql\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    return [part.strip() for block in blocks for part in block.split(";\n") if part.strip()]


@pytest.mark.parametrize("page", PAGES)
def test_the_sql_of_a_page_runs_for_an_analyst(library: Engine, page: str) -> None:
    url = address_of(library).replace("postgres@", "sceneql_analyst@", 1)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements(page):
            cursor = connection.execute(statement)
            if statement.startswith(("SELECT", "WITH")) and "find_copies" not in statement:
                assert cursor.fetchall(), f"no rows: {statement}"


def test_every_function_is_documented(engine: Engine) -> None:
    documented = (DOCS / "sql-api.md").read_text(encoding="utf-8")
    with engine.connect() as connection:
        functions = connection.execute(
            text(
                "SELECT DISTINCT p.proname FROM pg_proc p "
                "WHERE p.pronamespace = 'public'::regnamespace "
                "AND p.prorettype <> 'trigger'::regtype AND NOT EXISTS "
                "(SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
            )
        ).scalars()

        missing = [name for name in functions if not re.search(rf"\b{name}\b", documented)]

    assert missing == []
