"""What an embedder that hangs leaves of the page."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice

import pytest
from sqlalchemy import Engine, text

from app import questions
from app.patience import Patience
from app.web import create_app
from tests.filling import fill, literal
from tests.web.serving import SERVER_THREADS, Answer, Server, served


@pytest.fixture
def hanging_embedder(engine: Engine) -> Iterator[None]:
    """An embedder that is there, and answers nothing."""
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock_shared(20265, 1)"))
        yield


def get(server: Server, address: str) -> Answer:
    return server.request(f"GET {address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")


@pytest.mark.usefixtures("hanging_embedder")
def test_while_the_embedder_hangs_half_of_the_threads_serve_the_other_pages(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = SERVER_THREADS // 2
    monkeypatch.setattr(questions, "PATIENCE", Patience(at_most=half, silent_after_s=0.2))
    vector = fill(engine, videos=1).vectors[0, 7]
    with (
        served(create_app(engine)) as server,
        ThreadPoolExecutor(SERVER_THREADS) as people,
    ):
        asked = [
            people.submit(get, server, f"/api/search?q=new+{number}")
            for number in range(SERVER_THREADS)
        ]
        given_up = [one.result() for one in islice(as_completed(asked), half)]
        refused = [get(server, f"{address}?q=newer") for address in ("/", "/api/search")]
        others = [get(server, address).status for address in ("/healthz", "/library")]
        with engine.begin() as connection:
            connection.execute(
                text(
                    "UPDATE query_embeddings SET embedding = CAST(:vector AS halfvec), "
                    "answered_at = now() WHERE answered_at IS NULL"
                ),
                {"vector": literal(vector)},
            )
        statuses = [one.result().status for one in asked]

    assert {one.status for one in (*given_up, *refused)} == {503}
    assert all(int(one.headers["Retry-After"]) > 0 for one in (*given_up, *refused))
    assert all(b"others wait for it already" in one.data for one in refused)
    assert others == [200, 200]
    assert sorted(statuses) == [200] * half + [503] * half
