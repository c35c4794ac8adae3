"""The page of one video: every moment a link, and what the question says about the video."""

import re
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app import watching
from app.asking import Question
from app.config import get_settings
from app.media_files import MEDIA_SUFFIXES
from app.paging import keep
from app.search import search
from app.watching import MAX_POINTS, PLAYABLE, Point, is_playable
from app.web import create_app, watch
from app.web.media import VIDEO_TYPES
from app.web.plot import plot
from tests.conftest import Databases
from tests.filling import answer, fill

WORDS = "a red circle"
# The frame at 7 s of this video is what WORDS ask for.
VIDEO = 4


@pytest.fixture(autouse=True)
def _files_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn videos have no files; what is told of that is another test's matter."""
    monkeypatch.setattr("app.web.watch._absence", lambda _: "")


@pytest.fixture
def token(drawn_library: Engine) -> UUID:
    """A kept answer to WORDS."""
    return keep(drawn_library, search(drawn_library, Question(text=WORDS, limit=30)).hits)


def links(page: str, attribute: str) -> list[str]:
    """Where the links with an attribute lead."""
    tags = re.findall(r"<a\b[^>]*>", page)
    found = [re.search(r'href="([^"]*)"', tag) for tag in tags if attribute in tag]
    return [match[1].replace("&amp;", "&") for match in found if match]


def source(page: str) -> str:
    found = re.search(r'<video\b.*?\ssrc="([^"]*)"', page, re.DOTALL)
    assert found
    return found[1]


def test_a_moment_has_an_address(client: FlaskClient) -> None:
    reply = client.get(f"/watch/{VIDEO}?t=7")

    assert reply.status_code == 200
    assert "<h1>video 4</h1>" in reply.text
    assert source(reply.text) == f"/media/{VIDEO}#t=7.000"


def test_without_a_time_a_video_begins_at_its_beginning(client: FlaskClient) -> None:
    assert source(client.get(f"/watch/{VIDEO}").text) == f"/media/{VIDEO}#t=0.000"


def test_a_time_after_the_end_is_the_end(client: FlaskClient) -> None:
    assert source(client.get(f"/watch/{VIDEO}?t=999").text) == f"/media/{VIDEO}#t=10.000"


def test_what_is_no_time_is_explained(client: FlaskClient) -> None:
    reply = client.get(f"/watch/{VIDEO}?t=soon")

    assert reply.status_code == 400
    assert "t must be a time in seconds" in reply.text


@pytest.mark.parametrize("address", ["/watch/999999", "/watch/x", "/watch/9999999999999999999999"])
def test_a_video_that_is_not_there_is_404(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 404


def test_a_video_can_be_edited_from_its_page(client: FlaskClient) -> None:
    page = client.get(f"/watch/{VIDEO}").text

    assert f'href="/library/{VIDEO}">Edit</a>' in page


@pytest.mark.parametrize(
    "warning",
    [
        "cut short: 3.2 s of 9.0 s could be read",
        "damaged: 2 frames were skipped; old.json was left aside: it is no JSON",
    ],
)
def test_what_is_amiss_in_a_file_is_told(
    own_client: FlaskClient, engine: Engine, warning: str
) -> None:
    fill(engine, videos=1)
    with engine.begin() as connection:
        connection.execute(text("UPDATE videos SET warning = :warning"), {"warning": warning})

    page = own_client.get("/watch/1").text

    assert f'<p class="warning">About this file: {warning}</p>' in page


def test_every_file_that_is_searched_for_has_a_media_type() -> None:
    assert set(VIDEO_TYPES) == MEDIA_SUFFIXES
    assert all(suffixes <= MEDIA_SUFFIXES for suffixes in PLAYABLE.values())


def test_every_scene_is_a_link_to_its_beginning(client: FlaskClient) -> None:
    page = client.get(f"/watch/{VIDEO}?t=7").text

    assert links(page, 'class="shot"') == [f"/watch/{VIDEO}?t=0", f"/watch/{VIDEO}?t=5"]


@pytest.mark.parametrize(("t_s", "listed", "more"), [(1, 0, ["Later"]), (7, 5, ["Earlier"])])
def test_a_long_list_is_shown_around_the_moment(
    client: FlaskClient,
    t_s: int,
    listed: int,
    more: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "LISTED", 1)

    page = client.get(f"/watch/{VIDEO}?t={t_s}").text

    assert links(page, 'class="shot"') == [f"/watch/{VIDEO}?t={listed}"]
    others = re.findall(r'href="([^"]*)">(Earlier|Later)<', page)
    assert [name for _, name in others] == more
    assert others[0][0] == f"/watch/{VIDEO}?t={5 - listed}"


def test_the_question_stays_in_every_link(client: FlaskClient, token: UUID) -> None:
    asked = f"q=a+red+circle&filter=collection:c4&answer={token}&n=0"
    page = client.get(f"/watch/{VIDEO}?t=7&{asked}").text

    for link in links(page, 'class="shot"'):
        assert "q=a+red+circle" in link
        assert "filter=collection:c4" in link
        assert f"answer={token}" in link


def test_the_way_back_is_the_question(client: FlaskClient, token: UUID) -> None:
    page = client.get(f"/watch/{VIDEO}?q=a+red+circle&answer={token}&n=0").text

    assert '<a class="button" data-in-place href="/?q=a+red+circle">Back to the results</a>' in page


def test_a_question_draws_its_similarity_over_the_video(
    drawn_library: Engine, client: FlaskClient
) -> None:
    video = watching.watched(drawn_library, VIDEO)
    assert video is not None

    points = watching.points(drawn_library, video, Question(text=WORDS))
    page = client.get(f"/watch/{VIDEO}?q=a+red+circle").text

    similarities = {point.t_s: point.similarity for point in points}
    assert len(points) == 10
    assert similarities[7] == pytest.approx(1, abs=1e-3)
    assert max(similarities, key=lambda t_s: similarities[t_s] or 0) == 7
    assert 'class="curve"' in page


def test_the_frame_that_is_asked_for_is_most_like_itself(client: FlaskClient) -> None:
    page = client.get(f"/watch/{VIDEO}?like={VIDEO}:3").text

    assert 'class="curve"' in page
    assert "[3.0,3,1.0]" in page.replace("&#34;", '"')


def test_without_a_question_nothing_is_drawn(client: FlaskClient) -> None:
    page = client.get(f"/watch/{VIDEO}").text

    assert 'class="curve"' not in page
    assert 'class="cut"' in page


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("q=never+asked", "no embedder is running"),
        ("like=nonsense", "is no frame"),
        (f"image={'0' * 64}", "picture"),
        ("q=a+red+circle&filter=nonsense", "is no filter"),
    ],
)
def test_a_question_that_has_no_vector_still_shows_the_video(
    client: FlaskClient, asked: str, reason: str
) -> None:
    reply = client.get(f"/watch/{VIDEO}?t=7&{asked}")

    assert reply.status_code == 200
    assert "No similarities to show" in reply.text
    assert reason in reply.text
    assert source(reply.text) == f"/media/{VIDEO}#t=7.000"


@pytest.fixture
def hanging_embedder(drawn_library: Engine) -> Iterator[None]:
    """An embedder that is there, and answers nothing."""
    with drawn_library.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock_shared(20265, 1)"))
        yield
        connection.execute(text("SELECT pg_advisory_unlock_shared(20265, 1)"))


@pytest.mark.usefixtures("hanging_embedder")
def test_a_video_is_shown_before_the_question_has_its_vector(client: FlaskClient) -> None:
    reply = client.get(f"/watch/{VIDEO}?t=7&q=late+words")

    assert reply.status_code == 200
    assert source(reply.text) == f"/media/{VIDEO}#t=7.000"
    assert "No similarities to show" not in reply.text
    assert f'href="/watch/{VIDEO}/plot?t=7&amp;q=late+words">' in reply.text


@pytest.mark.usefixtures("hanging_embedder")
def test_who_asks_for_the_plot_is_told_that_it_does_not_come(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCENEQL_EMBED_TIMEOUT_S", "0.1")
    get_settings.cache_clear()

    page = client.get(f"/watch/{VIDEO}/plot?t=7&q=late+words").text

    get_settings.cache_clear()
    assert "No similarities to show: the embedder did not answer within 0.1 s" in page
    assert source(page) == f"/media/{VIDEO}#t=7.000"


def test_a_long_video_is_drawn_by_the_best_of_each_stretch(databases: Databases) -> None:
    engine = databases.create()
    filled = fill(engine, videos=1, frames=2500)
    answer(engine, WORDS, filled.vectors[0, 1234])
    video = watching.watched(engine, 1)
    assert video is not None

    points = watching.points(engine, video, Question(text=WORDS))

    databases.drop(engine)
    assert len(points) == MAX_POINTS
    assert [point.t_s for point in points] == sorted(point.t_s for point in points)
    best = max(points, key=lambda point: point.similarity or 0)
    assert (best.frame_no, best.t_s) == (1234, 1234)


def test_the_neighbours_of_a_hit_are_links(
    drawn_library: Engine, client: FlaskClient, token: UUID
) -> None:
    hits = search(drawn_library, Question(text=WORDS, limit=30)).hits

    page = client.get(f"/watch/{hits[1].video_id}?q=a+red+circle&answer={token}&n=1").text

    for name, n in (("previous-hit", 0), ("next-hit", 2)):
        (link,) = links(page, f'id="{name}"')
        assert link.startswith(f"/watch/{hits[n].video_id}?t={hits[n].t_s:g}&")
        assert f"answer={token}" in link
        assert f"n={n}" in link
    assert "Hit 2 of 30" in page


@pytest.mark.parametrize(("asked", "led_to"), [(6, 6), (99, 29)])
def test_any_hit_of_an_answer_can_be_gone_to(
    drawn_library: Engine, client: FlaskClient, token: UUID, asked: int, led_to: int
) -> None:
    hits = search(drawn_library, Question(text=WORDS, limit=30)).hits

    reply = client.get(f"/watch/hit?q=a+red+circle&answer={token}&n={asked}")

    assert reply.status_code == 302
    wanted = f"/watch/{hits[led_to].video_id}?t={hits[led_to].t_s:g}&q=a+red+circle"
    assert reply.location == f"{wanted}&answer={token}&n={led_to}"


@pytest.mark.parametrize("answer", ["x", "00000000-0000-0000-0000-000000000000"])
def test_a_hit_of_no_answer_is_explained(client: FlaskClient, answer: str) -> None:
    reply = client.get(f"/watch/hit?answer={answer}&n=1")

    assert reply.status_code == 400
    assert "answer" in reply.text


def test_the_first_hit_has_no_previous_one(client: FlaskClient, token: UUID) -> None:
    page = client.get(f"/watch/{VIDEO}?answer={token}&n=0").text

    assert links(page, 'id="previous-hit"') == []
    assert len(links(page, 'id="next-hit"')) == 1


def test_all_hits_in_the_video_are_marked(drawn_library: Engine, token: UUID) -> None:
    hits = search(drawn_library, Question(text=WORDS, limit=30)).hits
    in_video = [n for n, hit in enumerate(hits) if hit.video_id == VIDEO]

    found = watching.neighbours(drawn_library, token, 0, VIDEO)

    assert [hit.n for hit in found.here] == in_video
    assert found.total == 30


def test_hits_that_are_gone_are_passed_over(engine: Engine) -> None:
    filled = fill(engine, videos=5)
    answer(engine, WORDS, filled.vectors[1, 2])
    hits = search(engine, Question(text=WORDS, group="video", moments_each=1)).hits
    token = keep(engine, hits)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE video_files SET state = 'missing' WHERE video_id = :id"),
            {"id": hits[1].video_id},
        )

    found = watching.neighbours(engine, token, 0, hits[0].video_id)

    assert found.next is not None
    assert (found.next.n, found.next.video_id) == (2, hits[2].video_id)


@pytest.mark.parametrize(
    "place", ["answer=00000000-0000-0000-0000-000000000000&n=0", "answer=x&n=0", "n=3"]
)
def test_an_answer_that_is_kept_no_more_leaves_the_video(client: FlaskClient, place: str) -> None:
    reply = client.get(f"/watch/{VIDEO}?{place}")

    assert reply.status_code == 200
    assert links(reply.text, 'id="next-hit"') == []


@pytest.fixture
def said(engine: Engine) -> FlaskClient:
    """A video in which three lines are said."""
    fill(engine, videos=1)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO subtitles (video_id, line_no, scene_no, start_s, end_s, said) VALUES "
                "(1, 0, 0, 1, 2.5, 'Mind the gap.'), (1, 1, 0, 3, 4, 'The <b>doors</b> close.'), "
                "(1, 2, 1, 6.25, 8, 'The train leaves.')"
            )
        )
    return create_app(engine).test_client()


def test_subtitles_are_links_to_when_they_are_said(said: FlaskClient) -> None:
    page = said.get("/watch/1").text

    expected = ["/watch/1?t=1", "/watch/1?t=3", "/watch/1?t=6.25"]
    assert links(page, 'class="subtitle"') == expected
    assert "The &lt;b&gt;doors&lt;/b&gt; close." in page


def test_what_has_to_be_said_is_marked(said: FlaskClient) -> None:
    page = said.get('/watch/1?filter=said:"leaving+train"').text

    assert re.findall("<mark>(.*?)</mark>", page) == ["The train leaves."]


def test_similar_videos_are_links_to_their_best_moment(client: FlaskClient) -> None:
    reply = client.get(f"/watch/{VIDEO}/similar")

    found = links(reply.text, 'class="card"')
    assert len(found) == 12
    assert all(re.fullmatch(r"/watch/\d+\?t=[0-9.]+", link) for link in found)


def test_a_copy_is_named_with_its_place(own_client: FlaskClient, engine: Engine) -> None:
    fill(engine, videos=2)
    with engine.begin() as connection:
        # Video 2 has what video 1 shows, 3 s later.
        connection.execute(
            text(
                "INSERT INTO fingerprints (video_id, t_s, phash) "
                "SELECT video_id, n * 0.5 + shift, "
                "substring(('x' || md5(n::text))::bit(128), 1, 64)::bit(64) "
                "FROM (VALUES (1, 0), (2, 3)) AS v (video_id, shift), generate_series(0, 30) AS n"
            )
        )

    page = own_client.get("/watch/1/copies").text

    assert "/watch/2?t=3" in page
    assert "agreement 100 %" in page


def test_a_video_without_copies_says_so(client: FlaskClient) -> None:
    assert "No other video contains this one" in client.get(f"/watch/{VIDEO}/copies").text


@pytest.mark.parametrize(
    ("codec", "path", "expected"),
    [
        ("h264", "/v/a.MP4", True),
        ("h264", "/v/a.avi", False),
        ("hevc", "/v/a.mp4", False),
        ("vp9", "/v/a.webm", True),
        ("mpeg2video", "/v/a.mpg", False),
        ("gif", "/v/a.gif", False),
        ("webp", "/v/a.webp", False),
        (None, "/v/a.mp4", True),
        (None, "/v/a.wmv", False),
    ],
)
def test_codec_and_name_tell_what_browsers_play(
    codec: str | None, path: str, expected: bool
) -> None:
    assert is_playable(codec, path) == expected


@pytest.mark.parametrize(("codec", "asked"), [("hevc", ""), ("h264", "&convert=1")])
def test_what_browsers_cannot_play_comes_converted(
    own_client: FlaskClient, engine: Engine, codec: str, asked: str
) -> None:
    fill(engine, videos=1)
    with engine.begin() as connection:
        connection.execute(text("UPDATE videos SET codec = :codec"), {"codec": codec})

    page = own_client.get(f"/watch/1?t=7.5{asked}").text

    assert source(page) == "/media/1/converted?from=7.5"
    assert 'data-from="7.5"' in page


POINTS = tuple(Point(float(t_s), t_s, 0.1 * t_s) for t_s in range(1, 4))


def test_a_plot_reaches_from_edge_to_edge() -> None:
    drawn = plot(POINTS, 4)

    assert drawn is not None
    assert drawn.curve == "M0.0 100.0 L250.0 100.0 L500.0 50.0 L750.0 0.0 L1000.0 0.0"
    assert (drawn.lowest, drawn.highest) == pytest.approx((0.1, 0.3))


def test_small_differences_stay_small_in_a_plot() -> None:
    drawn = plot([replace(point, similarity=0.2 + point.t_s / 1000) for point in POINTS], 4)

    assert drawn is not None
    assert drawn.highest - drawn.lowest == pytest.approx(0.1)


def test_points_without_similarity_are_no_plot() -> None:
    assert plot([replace(point, similarity=None) for point in POINTS], 4) is None
