"""Times and scores as people read them."""

from app.search import Hit


def span(hit: Hit) -> str:
    """A scene's time range as a player shows it, such as 1:02.5 - 1:10.0."""
    return f"{clock(hit.start_s)} - {clock(hit.end_s)}"


def score(hit: Hit) -> str:
    """The similarity, or a dash where only keywords were asked for."""
    return "-" if hit.similarity is None else f"{hit.similarity:.3f}"


def clock(seconds: float) -> str:
    """Seconds as m:ss.s, or h:mm:ss.s from an hour on."""
    minutes, tenths = divmod(round(seconds * 10), 600)
    hours, minutes = divmod(minutes, 60)
    rest = f"{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"
