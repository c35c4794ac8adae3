"""The pages of the library under hostile text, foreign sites and broken values."""

import re
from io import BytesIO
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.web.edit_form import LABELS
from app.web.library import LIST_PARAMS
from tests.keeping import add_job, add_source
from tests.web.library.rows import queued, video

FORM = "application/x-www-form-urlencoded"
SCRIPT = "<script>alert(1)</script>"


def test_a_hostile_title_is_only_text(three: FlaskClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE videos SET title = :t, collection = :t, description = :t, "
                "tags = ARRAY[:t], metadata = jsonb_build_object(CAST(:t AS text), :t), "
                "error = :t"
            ),
            {"t": f'">{SCRIPT}'},
        )
        connection.execute(
            text("INSERT INTO video_files (path, error) VALUES (:t, :t)"), {"t": SCRIPT}
        )
        connection.execute(text("UPDATE videos SET status = 'failed' WHERE id = 2"))
    add_job(engine, "doing", SCRIPT)
    add_job(engine, "todo", SCRIPT)
    add_source(engine, SCRIPT, error=f"'{SCRIPT}'")

    pages = [
        three.get(path)
        for path in ("/library", "/library?state=failed", "/library/1", "/library/activity",
                     f"/library?name={SCRIPT}&where=title!='{SCRIPT}'",
                     f"/library/1?back=name={SCRIPT}")
    ]  # fmt: skip
    pages.append(three.post("/library/remove", data={"video": "1", "back": SCRIPT}))

    for page in pages:
        assert page.status_code == 200
        assert SCRIPT not in page.text
        assert "&lt;script&gt;alert(1)" in page.text


def test_the_pages_have_no_inline_script_or_style(shelf_client: FlaskClient) -> None:
    for path in ("/library?state=failed", "/library/1"):
        page = shelf_client.get(path).text
        assert "<style" not in page
        assert " style=" not in page


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/library/1", {"title": "theirs"}),
        ("/library/chosen", {"video": "1", "do": "tag", "tags": "theirs"}),
        ("/library/remove", {"video": "1", "confirmed": "yes"}),
        ("/library/retry", {"all": "yes"}),
        ("/library/scan", {"source": "/v"}),
        ("/library/uploads/", {"file": (BytesIO(b"x"), "a.mp4")}),
    ],
)
def test_another_site_can_change_nothing(
    three: FlaskClient, engine: Engine, path: str, data: dict[str, Any]
) -> None:
    before = video(engine)

    reply = three.post(path, data=data, headers={"Origin": "https://attacker.example"})

    assert reply.status_code == 403
    assert video(engine) == before
    assert queued(engine) == []


@pytest.mark.usefixtures("settings_of_test")
@pytest.mark.parametrize("value", ["a\0b", "\ud800", "9" * 40, str(2**63 - 1)])
def test_nothing_that_is_asked_or_sent_breaks_a_page(
    own_app: Flask, three: FlaskClient, value: str
) -> None:
    it = quote(value, errors="surrogatepass")
    asked = [f"{name}={it}" for name in (*LIST_PARAMS, "back", "since", "said", "n")]
    sent = [f"{name}={it}" for name in ("video", "path", "source", "back", "do")]
    sent += [f"video=1&do={do}&tags={it}&collection={it}" for do in ("tag", "untag", "collect")]
    sent += [f"{name}={it}&was-{name}=" for name in LABELS]
    sent += [
        f"key={it}&value=x&was=y",
        f"key={it}&value=x&was=y&without={it}",
        f"key={it}&value=x&was=y&fixed={it}",
        f"new-key={it}&new-value=x",
        f"new-key=x&new-value={it}",
        f"video={it}&confirmed=yes",
        f"video=1&back={quote(f'name={it}')}",
    ]
    for rule in own_app.url_map.iter_rules():
        if not rule.rule.startswith("/library"):
            continue
        replies = {}
        methods = {"GET", "POST", "PUT"} & (rule.methods or set())
        for method, number in product(methods, ("1", it)):
            address = re.sub("<.*?>", number, rule.rule)
            for form in asked if method == "GET" else sent:
                at = f"{address}?{form}" if method == "GET" else address
                data = None if method == "GET" else form
                reply = three.open(at, method=method, data=data, content_type=FORM)
                replies[method, address, form] = reply.status_code
        assert {key: status for key, status in replies.items() if status >= 500} == {}
