"""The schema's history: whole, reversible, and the same as the models and the files in sql/."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from app.config import Settings
from app.errors import DatabaseUnavailableError
from app.migrate import (
    SQL_FOLDER,
    configure,
    downgrade,
    ensure_current,
    is_current,
    upgrade,
)
from app.model_catalog import models
from app.models import Base
from app.vector_index import Kind, build, vector_indexes
from migrations.env_filter import is_managed
from tests.conftest import Databases
from tests.filling import add_active_model, fill

OBJECTS = """
    SELECT 'relation', c.oid::regclass::text, c.relkind::text, c.relacl::text,
        obj_description(c.oid, 'pg_class')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('public', 'procrastinate')
    UNION ALL
    SELECT 'column', a.attrelid::regclass || '.' || a.attname,
        concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage),
        pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'constraint', conname, conrelid::regclass::text, pg_get_constraintdef(oid), NULL
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', indexname, tablename, indexdef, NULL FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'view', viewname, definition, NULL, NULL FROM pg_views WHERE schemaname = 'public'
    UNION ALL
    SELECT 'trigger', tgname, tgrelid::regclass::text, pg_get_triggerdef(oid), NULL
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid), p.proacl::text,
        obj_description(p.oid, 'pg_proc')
    FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p')
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


@pytest.fixture
def empty_engine(databases: Databases) -> Iterator[Engine]:
    engine = databases.create_empty()
    yield engine
    databases.drop(engine)


def catalog(engine: Engine) -> set[tuple[object, ...]]:
    """All that the project has in a database, as text."""
    with engine.connect() as connection:
        return {tuple(row) for row in connection.execute(text(OBJECTS))}


def test_up_down_and_up_again_leave_the_same_catalog(empty_engine: Engine) -> None:
    upgrade(empty_engine)
    first = catalog(empty_engine)

    downgrade(empty_engine, "base")
    upgrade(empty_engine)

    assert catalog(empty_engine) == first


def test_questions_that_were_answered_wrongly_are_asked_again(empty_engine: Engine) -> None:
    upgrade(empty_engine)
    downgrade(empty_engine, "0009")
    add_active_model(empty_engine)
    with empty_engine.begin() as connection:
        for key, kind, payload in (
            ("right words", "text", b"a red circle"),
            ("wrong words", "text", b"wow!/"),
            ("opaque", "image", b"\xff\xd8\xff\xe0"),
            ("maybe transparent", "image", b"\x89PNG"),
        ):
            connection.execute(
                text(
                    "INSERT INTO query_embeddings (model_id, kind, key, payload, answered_at) "
                    "VALUES (1, :kind, :key, :payload, now())"
                ),
                {"kind": kind, "key": key, "payload": payload},
            )

    upgrade(empty_engine)

    with empty_engine.connect() as connection:
        waiting = connection.execute(
            text("SELECT key FROM query_embeddings WHERE answered_at IS NULL ORDER BY key")
        )
        assert waiting.scalars().all() == ["maybe transparent", "wrong words"]


def test_a_step_down_and_up_again_leaves_a_model_as_a_new_one(empty_engine: Engine) -> None:
    upgrade(empty_engine)
    add_active_model(empty_engine)
    first = catalog(empty_engine)

    downgrade(empty_engine, "0001")
    upgrade(empty_engine)

    assert catalog(empty_engine) == first


def test_what_was_said_before_lines_were_kept_is_found_by_its_scene(empty_engine: Engine) -> None:
    upgrade(empty_engine, "head")
    downgrade(empty_engine, "0003")
    with empty_engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO videos (content_hash, title, status) VALUES ('a', 'old', 'indexed')"
        )
        connection.exec_driver_sql("INSERT INTO video_files (path, video_id) VALUES ('/a.mp4', 1)")
        connection.exec_driver_sql(
            "INSERT INTO scenes (video_id, scene_no, start_s, end_s, said) "
            "VALUES (1, 0, 0, 5, NULL), (1, 1, 5, 9, 'a lighthouse'), (1, 2, 9, 12, 'the fog')"
        )

    upgrade(empty_engine)

    with empty_engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT line_no, scene_no, start_s, end_s FROM search_said('fog or lighthouse')"
        ).all()
    assert sorted(map(tuple, found)) == [(0, 1, 5.0, 9.0), (1, 2, 9.0, 12.0)]


def test_a_step_down_takes_away_an_index_that_the_former_release_cannot_use(
    empty_engine: Engine,
) -> None:
    upgrade(empty_engine)
    fill(empty_engine, videos=1, frames=20)
    with empty_engine.connect() as connection:
        [model] = models(connection)
    build(empty_engine, model, Kind.TERNARY)

    downgrade(empty_engine, "0011")

    with empty_engine.connect() as connection:
        assert vector_indexes(connection, model.id) == []
        source = text("SELECT prosrc FROM pg_proc WHERE proname = 'nearest_frames'")
        assert "ternary" not in connection.execute(source).scalar_one()


def test_a_downgrade_leaves_nothing_even_with_two_models(empty_engine: Engine) -> None:
    upgrade(empty_engine)
    add_active_model(empty_engine, "first", dim=64)
    add_active_model(empty_engine, "second", dim=32)

    downgrade(empty_engine, "base")

    left = {(kind, name) for kind, name, *_ in catalog(empty_engine)}
    assert {name for _, name in left if not str(name).startswith("alembic_version")} == set()


def test_migrating_twice_changes_nothing(empty_engine: Engine) -> None:
    upgrade(empty_engine)
    first = catalog(empty_engine)

    upgrade(empty_engine)

    assert is_current(empty_engine)
    assert catalog(empty_engine) == first


def lose_the_settings(engine: Engine) -> None:
    """What a restore, or a migration that was cut short, leaves of them."""
    with engine.begin() as connection:
        name = connection.execute(text("SELECT quote_ident(current_database())")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} RESET ALL"))
    engine.dispose()


def test_settings_that_were_lost_are_put_back_in_the_embedded_database(
    empty_engine: Engine,
) -> None:
    upgrade(empty_engine)
    lose_the_settings(empty_engine)

    ensure_current(empty_engine, Settings.model_construct(database_url=None))

    with empty_engine.connect() as connection:
        scan = connection.execute(text("SHOW hnsw.iterative_scan")).scalar_one()
    assert scan == "strict_order"


def test_settings_that_were_lost_in_ones_own_database_are_a_line_that_names_the_cure(
    empty_engine: Engine,
) -> None:
    upgrade(empty_engine)
    lose_the_settings(empty_engine)
    own = Settings.model_construct(database_url="postgresql://db.example/library")

    with pytest.raises(DatabaseUnavailableError, match=r"settings; run: sceneql db upgrade"):
        ensure_current(empty_engine, own)


def test_an_extension_that_is_older_than_the_servers_is_a_line_that_names_the_cure(
    empty_engine: Engine,
) -> None:
    with empty_engine.begin() as connection:
        connection.execute(text("CREATE EXTENSION vector"))
        connection.execute(
            text("UPDATE pg_extension SET extversion = '0.6.2' WHERE extname = 'vector'")
        )

    with pytest.raises(DatabaseUnavailableError, match=r"0\.6\.2.*: ALTER EXTENSION vector UPDATE"):
        upgrade(empty_engine)


def test_the_models_in_python_are_the_tables_in_the_database(engine: Engine) -> None:
    add_active_model(engine)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_managed})
        differences = compare_metadata(context, Base.metadata)

    assert differences == []


def test_the_files_in_sql_are_what_the_migrations_installed(engine: Engine) -> None:
    migrated = catalog(engine)

    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        for file in sorted(SQL_FOLDER.glob("*.sql")):
            driver.execute(file.read_text())

    assert catalog(engine) == migrated


def test_the_settings_are_there_after_each_configure(engine: Engine) -> None:
    configure(engine)

    with engine.connect() as connection:
        names = ["hnsw.iterative_scan", "plan_cache_mode", "enable_memoize"]
        values = connection.execute(
            text("SELECT current_setting(name) FROM unnest(CAST(:names AS text[])) AS name"),
            {"names": names},
        ).scalars()

        assert list(values) == ["strict_order", "force_custom_plan", "off"]
