"""Titles, tags, file names, subtitles and the rest are text on every page, whatever they hold."""

import re
from collections.abc import Iterator
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.asking import Question
from app.paging import keep
from app.search import Hit, search
from app.web import create_app
from tests.conftest import Databases
from tests.filling import answer, fill
from tests.keeping import add_job, add_source, add_video
from tests.web.serving import Answer, served

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "app/web/templates"
SCRIPTS = ROOT / "app/web/static/js"

# Leaves attributes in either quotes, texts, comments and headers, if anything lets it.
HOSTILE = (
    "\"'--></title></textarea></script><script>alert(1)</script><img src=x onerror=alert(2)>"
    "<a href=javascript:alert(3)>{{7*7}}\r\nX-Injected: yes\r\n\r\n\u202e"
)
# Keys, and what is no text of anybody's.
KEPT_OUT = ("alembic_version", "query_embeddings", "kept_rankings")
SHOWN = {
    ("videos", "title"),
    ("videos", "description"),
    ("videos", "collection"),
    ("videos", "tags"),
    ("videos", "metadata"),
    ("videos", "codec"),
    ("videos", "error"),
    ("videos", "warning"),
    ("video_files", "path"),
    ("video_files", "error"),
    ("scenes", "said"),
    ("subtitles", "said"),
    ("sources", "path"),
    ("sources", "collection"),
    ("sources", "error"),
    ("embedding_models", "name"),
}
# A page may say that something is not there, or wrong, but it may not fail.
ANSWERS = (200, 204, 302, 303, 400, 404, 405, 409, 410, 413, 415, 422, 503)


class Reader(HTMLParser):
    """Notes what could run, as a browser reads the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "script" and not (values.get("src") or "").startswith("/static/"):
            self.found.append("<script>")
        if tag in ("style", "base", "iframe", "object", "embed"):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "srcdoc"):
                self.found.append(f"<{tag} {name}>")
            if name in ("href", "src", "action", "formaction", "data-more") and re.match(
                r"\s*(javascript|data|vbscript):|//", value or "", re.IGNORECASE
            ):
                self.found.append(f"<{tag} {name}={value}>")


def set_everywhere(connection: Connection) -> set[tuple[str, str]]:
    """Puts the hostile text into every column that takes text; returns which took it."""
    columns = connection.execute(
        text(
            "SELECT c.table_name, c.column_name, c.udt_name FROM information_schema.columns c "
            "JOIN information_schema.tables t USING (table_schema, table_name) "
            "WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' "
            "AND c.udt_name IN ('text', '_text', 'jsonb') AND c.table_name <> ALL (:kept_out) "
            "AND c.is_generated = 'NEVER' ORDER BY 1, 2"
        ),
        {"kept_out": list(KEPT_OUT)},
    ).all()
    # Told apart by the row, where values must differ.
    values = {
        "text": ":hostile || ctid",
        "_text": "ARRAY[:hostile, :hostile || ctid]",
        "jsonb": "jsonb_build_object(CAST(:hostile AS text), 7)",
    }
    took = set()
    for table, column, kind in columns:
        # Some rows must have none, and some columns take no text but what the database knows.
        for rows in ("TRUE", f"{column} IS NOT NULL"):
            update = text(f"UPDATE {table} SET {column} = {values[kind]} WHERE {rows}")
            with suppress(DBAPIError), connection.begin_nested():
                if connection.execute(update, {"hostile": HOSTILE}).rowcount:
                    took.add((table, column))
                break
    return took


@pytest.fixture(scope="module")
def hostile(databases: Databases) -> Iterator[Engine]:
    """A library of which every text is hostile; "red" asks for its best frame."""
    engine = databases.create()
    filled = fill(engine, videos=3)
    for words in ("red", HOSTILE):
        answer(engine, words.strip(), filled.questions[0])
    add_source(engine, "/videos", error="'the disk is gone'", collection="'c1'")
    add_video(engine, "broken", status="'failed'", error="'no video'")
    add_video(engine, "hidden")
    add_job(engine, "failed", path=HOSTILE)
    add_job(engine, "doing", path=HOSTILE)
    add_job(engine, "todo", task=HOSTILE[:100])
    with engine.begin() as connection:
        connection.execute(text("UPDATE scenes SET said = 'words'"))
        connection.execute(
            text(
                "INSERT INTO subtitles (video_id, line_no, scene_no, start_s, end_s, said) "
                "SELECT video_id, scene_no, scene_no, start_s, end_s, 'words' FROM scenes"
            )
        )
        connection.execute(
            text("INSERT INTO video_files (path, error) VALUES ('/videos/unreadable', 'cut short')")
        )
        assert set_everywhere(connection) >= SHOWN
    yield engine
    databases.drop(engine)


@pytest.fixture(scope="module")
def page(hostile: Engine) -> Flask:
    return create_app(hostile)


@pytest.fixture
def client(page: Flask) -> FlaskClient:
    return page.test_client()


@pytest.fixture(scope="module")
def best(hostile: Engine) -> Hit:
    return search(hostile, Question(text="red", limit=3)).hits[0]


def filled_in(rule: Rule, best: Hit, token: str, unknown: str) -> str:
    """An address of a rule: with a video that is there, and for what is free text the given one."""
    numbers = {"video_id": best.video_id, "frame_no": best.frame_no, "scene_no": 0}

    def value(found: re.Match[str]) -> str:
        kind, name = found[1] or "", found[2]
        if kind.startswith("uuid"):
            return token
        if kind.startswith(("int", "float")):
            return str(numbers.get(name, 1))
        return quote(unknown, safe="")

    return re.sub(r"<(?:([^<>]*):)?(\w+)>", value, rule.rule)


def addresses(page: Flask, engine: Engine, best: Hit) -> Iterator[str]:
    """Every address that can be read, plain, with a question, and with a hostile question."""
    token = str(keep(engine, [best]))
    plain = ("", "?q=red", f"?q={quote(HOSTILE)}", "?q=%00&where=%00&name=%00")
    questions = (
        "?q=red&group=video",
        "?q=red&group=frame",
        "?filter=said:words",
        *(
            f"?{name}={quote(HOSTILE)}"
            for name in ("then", "where", "filter", "like", "image", "group", "sort", "page")
        ),
        *(f"?{name}={quote(HOSTILE)}" for name in ("word", "limit", "offset", "min_z", "t", "n")),
        f"?q=red&where={quote(HOSTILE)}",
        f"?q=red&answer={token}&n=0&t=1",
        # Names that mean something to what makes addresses.
        *(f"?back={quote(back)}" for back in ("_scheme=javascript&_external=1", "endpoint=x")),
    )
    for rule in page.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.endpoint not in ("static", "styles.sheet"):
            path = filled_in(rule, best, token, HOSTILE)
            # What lies deeper is of a video and reads no question.
            is_page = rule.rule.count("/") <= 2 and not rule.rule.startswith("/api")
            asked = (*plain, *questions) if is_page else plain
            yield from (f"{path}{question}" for question in asked)
            if "<" in rule.rule:
                yield filled_in(rule, best, token, "\0")
    yield f"/{quote(HOSTILE, safe='')}"


def check(address: str, reply: TestResponse) -> None:
    """Nothing of the texts may have become part of the page, or of its headers."""
    assert reply.status_code in ANSWERS, address
    assert "X-Injected" not in reply.headers, address
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    kind = reply.mimetype
    assert kind is not None, address
    if kind == "text/html":
        reader = Reader()
        reader.feed(reply.text)
        assert reader.found == [], address
        assert "<img src=x" not in reply.text, address
    elif kind == "application/json":
        assert reply.json is not None or reply.text.strip() == "null", address
    else:
        assert "alert(1)" not in reply.get_data(as_text=True) or kind in ("text/plain", "text/vtt")
        assert kind.startswith(("image/", "video/", "text/plain", "text/vtt")) or not reply.data, (
            address,
            kind,
        )


def test_hostile_text_is_only_text_at_every_address(
    page: Flask, hostile: Engine, client: FlaskClient, best: Hit
) -> None:
    shown = 0
    for address in addresses(page, hostile, best):
        reply = client.get(address, headers={"Accept": "text/html,*/*;q=0.8"})
        check(address, reply)
        shown += "&lt;script&gt;alert(1)" in reply.text
    assert shown > 10, "hardly any page showed the texts"


@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_hostile_text_that_is_sent_is_only_text(
    page: Flask, client: FlaskClient, accept: str, method: str
) -> None:
    names = ("q", "where", "filter", "next", "token", "title", "tags", "address", "name")
    form = dict.fromkeys(names, HOSTILE)
    for rule in page.url_map.iter_rules():
        if method in (rule.methods or ()):
            # Of a video that is not there, so that whatever may be changed is left for the others.
            address = re.sub(r"<int[^>]*>", "999", rule.rule)
            address = re.sub(r"<uuid[^>]*>", "0" * 32, address)
            address = re.sub(r"<[^>]*>", quote(HOSTILE, safe=""), address)
            reply = client.open(address, method=method, data=form, headers={"Accept": accept})
            check(address, reply)


def test_json_is_sent_as_json_whoever_asks(client: FlaskClient) -> None:
    for address in ("/api/videos", "/api/search?q=red", "/api/status", f"/api/{quote(HOSTILE)}"):
        reply = client.get(address, headers={"Accept": "text/html"})

        assert reply.mimetype == "application/json", address
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_name_stays_within_its_header(databases: Databases, tmp_path: Path) -> None:
    engine = databases.create()
    fill(engine, videos=1)
    path = tmp_path / (HOSTILE.replace("/", "_") + ".mp4")
    path.write_bytes(b"a video")
    with engine.begin() as connection:
        connection.execute(text("UPDATE video_files SET path = :path"), {"path": str(path)})
        video_id = connection.execute(text("SELECT id FROM videos")).scalar_one()

    with served(create_app(engine)) as server:
        sent: Answer = server.request(f"GET /media/{video_id} HTTP/1.1\r\nHost: localhost\r\n\r\n")

    databases.drop(engine)
    assert sent.status == 200
    assert sent.data == b"a video"
    assert "X-Injected" not in sent.headers
    assert sent.headers.get_content_type() == "video/mp4"
    # What the parameters of the header are, as a reader of such headers finds them.
    assert {name for name, _ in sent.headers.get_params(header="Content-Disposition") or ()} <= {
        "inline",
        "filename",
    }


@pytest.mark.parametrize("template", sorted(TEMPLATES.rglob("*")), ids=lambda path: path.name)
def test_a_template_holds_no_script_no_style_and_nothing_unescaped(template: Path) -> None:
    if template.is_dir():
        return
    assert template.suffix == ".html", "only these are escaped by themselves"
    source = template.read_text(encoding="utf-8")

    for tag in re.findall(r"<script\b[^>]*>", source):
        assert re.fullmatch(r"<script type=\"module\" src=\"\{\{ url_for\('static'.*", tag), tag
    assert not re.search(r"<style\b", source, re.IGNORECASE)
    assert not re.search(r"\s(on[a-z]+|style|srcdoc)\s*=\s*[\"'{]", source, re.IGNORECASE)
    assert not re.search(r"javascript:|https?://(?!example\.org)", source, re.IGNORECASE)
    assert not re.search(r"\|\s*safe\b|autoescape|Markup", source)
    # A value outside of quotes could bring attributes of its own.
    assert not re.search(r"<[^<>%]*\s[\w-]+=\{\{", source)


@pytest.mark.parametrize("script", sorted(SCRIPTS.rglob("*.js")), ids=lambda path: path.name)
def test_a_script_makes_nothing_of_text_but_text(script: Path) -> None:
    source = script.read_text(encoding="utf-8")

    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|"
        r"setAttribute\(\"(on|style)|cssText|createContextualFragment",
        source,
    )
