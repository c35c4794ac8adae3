"""Pages: `python -m bench.pages --frames 1000000 --home DIR` prints how long each page takes.

A library of drawn vectors gets what pages show beside them: collections, tags, metadata, subtitles,
and thumbnails of the usual size. One client asks for each page in turn, within the process, so that
what is measured is the time of the server: its Python, its database, and no network. Questions have
their vectors already. The library is kept under --home and used again.
"""

import re
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from itertools import count
from pathlib import Path
from urllib.parse import quote_plus

import numpy as np
from flask.testing import FlaskClient
from pgvector import HalfVector
from sqlalchemy import Engine, text

from app.config import Settings
from app.web import create_app
from bench.drawn import FRAMES_PER_VIDEO, Drawn, open_library
from bench.machine import PAGE, header
from bench.tables import Times, show

QUESTIONS = 200
THUMBNAIL_BYTES = 8_000
# As many videos as are looked at have thumbnails; 8 GB of them would say no more.
WITH_THUMBNAILS = 100
UNLIMITED = 1_000_000
# Said in every scene that has a subtitle, and in the title of every video.
SAID_EVERYWHERE, IN_EVERY_TITLE = "good morning", "video"

FURNISH = (
    "UPDATE videos SET collection = 'collection' || id % 20, tags = ARRAY['tag' || id % 50, "
    "CASE id % 2 WHEN 0 THEN 'even' ELSE 'odd' END], metadata = jsonb_build_object('camera', "
    "'Camera' || id % 12, 'number', id), recorded_at = '2026-01-01'::timestamptz "
    "+ id % 300 * interval '1 day', codec = 'h264', width = 1280, height = 720 "
    "WHERE collection IS NULL",
    "INSERT INTO subtitles (video_id, line_no, scene_no, start_s, end_s, said) SELECT id, n, n, "
    "n * 5, n * 5 + 3, 'line ' || n || ' says word' || (id * 7 + n * 13) % 997 || ' and good "
    "morning' FROM videos, generate_series(0, 9) n ON CONFLICT DO NOTHING",
    "UPDATE scenes s SET said = l.said FROM subtitles l WHERE l.video_id = s.video_id "
    "AND l.scene_no = s.scene_no AND s.said IS NULL",
    "UPDATE frames SET thumbnail = :thumbnail WHERE video_id <= :with_thumbnails "
    "AND thumbnail = ''",
)


@dataclass(frozen=True)
class Page:
    """A kind of page: an address with {words}, {video}, {frame} and {n}, which vary.

    Where `link` is given, what is measured is not that page, but where its first such link leads.
    """

    name: str
    address: str
    link: str = ""


def furnish(engine: Engine, drawn: Drawn) -> None:
    """Give the library what pages show, and the questions their vectors; does nothing twice."""
    thumbnail = np.random.default_rng(3).bytes(THUMBNAIL_BYTES)
    values = {"thumbnail": thumbnail, "with_thumbnails": WITH_THUMBNAILS}
    with engine.begin() as connection:
        for statement in FURNISH:
            known = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), known)
        words = [*map(words_of, range(QUESTIONS)), SAID_EVERYWHERE, IN_EVERY_TITLE]
        for asked, vector in zip(words, drawn.questions(len(words)), strict=True):
            connection.execute(
                text(
                    "INSERT INTO query_embeddings (model_id, kind, key, payload, embedding, "
                    "answered_at) SELECT id, 'text', encode(sha256(payload), 'hex'), payload, "
                    "CAST(:vector AS halfvec), now() FROM embedding_models, "
                    "convert_to(:words, 'UTF8') AS payload WHERE active ON CONFLICT DO NOTHING"
                ),
                {"words": asked, "vector": HalfVector(vector).to_text()},
            )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) videos, scenes, subtitles, frames"))


def words_of(number: int) -> str:
    """The words of a question; they stand in no title and no subtitles."""
    return f"zebra {number % QUESTIONS}"


PAGES = (
    Page("first results", "/?q={words}"),
    Page("first results, pictures only", "/?q={words}&match=picture"),
    Page(
        "first results, a filter for 1 video of 20", "/?q={words}&filter=collection:collection{c}"
    ),
    Page("first results, a filter for half", "/?q={words}&filter=tag:even"),
    Page("first results, words said everywhere", f"/?q={quote_plus(SAID_EVERYWHERE)}"),
    Page(
        "first results, words said everywhere, a filter for half",
        f"/?q={quote_plus(SAID_EVERYWHERE)}&filter=tag:even",
    ),
    Page("first results, a word in every title", f"/?q={IN_EVERY_TITLE}"),
    Page("first results, grouped by video", "/?q={words}&match=picture&group=video"),
    Page("first results, with what follows", "/?q={words}&then=zebra+7"),
    Page("first results, what is said", "/?filter=said:word{n}"),
    Page("second results, by token", "/?q={words}", link='data-more="([^"]+)"'),
    Page("library, page 1", "/library"),
    Page("library, page 100", "/library?page=100"),
    Page("library, a name is searched", "/library?name=video+{n}"),
    Page("library, by date", "/library?by=date"),
    Page("edit page of a video", "/library/{video}"),
    Page("watch page", "/watch/{video}?t=12"),
    Page("watch page with a question", "/watch/{video}?t=12&q={words}"),
    Page("thumbnail", "/thumbnails/{video}/{frame}"),
    Page("suggestions, a name", "/api/suggestions?prefix=c"),
    Page("suggestions, a collection", "/api/suggestions?prefix=collection:col"),
    Page("suggestions, a tag", "/api/suggestions?prefix=tag:tag{c}"),
    Page("suggestions, metadata", "/api/suggestions?prefix=camera:camera{c}"),
    Page("status", "/status"),
    Page("/healthz", "/healthz"),
    Page("/metrics", "/metrics"),
    Page("/api/search", "/api/search?q={words}"),
    Page("/api/videos", "/api/videos"),
    Page("/api/videos/ID", "/api/videos/{video}"),
    Page("/api/videos/ID/similar", "/api/videos/{video}/similar"),
    Page("/api/said", "/api/said?q=word{n}"),
    Page("/api/status", "/api/status"),
    Page("/api/docs", "/api/docs"),
)


def address_of_page(client: FlaskClient, page: Page, n: int, videos: int) -> str:
    """The address that is asked for at the nth time; raises AssertionError where no link is."""
    address = page.address.format(
        words=quote_plus(words_of(n)),
        video=1 + n % min(videos, WITH_THUMBNAILS),
        frame=n % FRAMES_PER_VIDEO,
        c=n % 10,
        n=n % 997,
    )
    if not page.link:
        return address
    found = re.search(page.link, client.get(address).text)
    assert found is not None, f"{address} has no such link"
    return unescape(found[1])


def measure(
    client: FlaskClient, page: Page, times: int, videos: int, numbers: Iterator[int]
) -> tuple[Times, int]:
    """How long a page takes, and its bytes at most; raises SystemExit where it is not answered."""
    seconds, largest = [], 0
    warm_up = min(3, times - 1)
    for _ in range(warm_up + times):
        address = address_of_page(client, page, next(numbers), videos)
        started = time.perf_counter()
        answer = client.get(address)
        size = len(answer.data)
        seconds.append(time.perf_counter() - started)
        if answer.status_code != 200:
            raise SystemExit(f"{address} answers {answer.status_code}: {answer.text[:300]}")
        largest = max(largest, size)
    return Times.of(seconds[warm_up:]), largest


def report(
    engine: Engine, videos: int, times: int, wanted: str, write: Callable[[str], None]
) -> None:
    """Write a row for each page whose name has the wanted text."""
    # One client asks more than people do.
    client = create_app(
        engine, Settings(questions_per_minute=UNLIMITED, uploads_per_minute=UNLIMITED, token=None)
    ).test_client()
    numbers = count()
    write("| page | least, ms | p50, ms | p99, ms | KiB |")
    write("| --- | ---: | ---: | ---: | ---: |")
    for page in PAGES:
        if wanted in page.name:
            took, largest = measure(client, page, times, videos, numbers)
            write(
                f"| {page.name} | {took.least_ms:.0f} | {took.p50_ms:.0f} | {took.p99_ms:.0f} "
                f"| {largest / 1024:.0f} |"
            )


def main() -> None:
    """Fill the library, and print the table."""
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=1_000_000)
    # One of its own: what is furnished is no longer what the others measure.
    parser.add_argument("--home", type=Path, default=Path("var/bench"))
    parser.add_argument("--times", type=int, default=60, help="How often each page is asked for.")
    parser.add_argument("--page", default="", help="Only the pages whose name has this text.")
    given = parser.parse_args()
    engine, drawn = open_library(given.frames, given.home)
    furnish(engine, drawn)
    show(f"{header(PAGE, engine)}\n\n{given.frames:,} frames\n")
    report(engine, drawn.videos, given.times, given.page, show)


if __name__ == "__main__":
    main()
