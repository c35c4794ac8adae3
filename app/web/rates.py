"""How often one client may do what costs much, counted in this process.

The counts are for what would keep others waiting, not for accounts: a person never meets them. They
are asked for in the code that does the work, because only there it is known that work will be done.
"""

import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import ceil

from flask import Flask, current_app, request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from app.config import Settings

EXTENSION = "sceneql rates"


@dataclass(frozen=True)
class Rate:
    """What is counted, and the setting that says how often it may be done in a minute."""

    noun: str
    setting: str


QUESTIONS = Rate("questions", "questions_per_minute")
UPLOADS = Rate("uploads", "uploads_per_minute")
FETCHES = Rate("pictures by address", "fetches_per_minute")
LOGINS = Rate("wrong tokens", "logins_per_minute")
CONVERSIONS = Rate("conversions and clips", "conversions_per_minute")


class Counts:
    """The counts of one application."""

    def __init__(self, settings: Settings) -> None:
        self.limiter = MovingWindowRateLimiter(MemoryStorage())
        self.items: dict[Rate, RateLimitItem] = {
            rate: RateLimitItemPerMinute(getattr(settings, rate.setting), namespace=rate.setting)
            for rate in (QUESTIONS, UPLOADS, FETCHES, LOGINS, CONVERSIONS)
        }


def count(rate: Rate) -> None:
    """Count something that the present client is about to do.

    Raises TooManyRequests, which is answered by 429 and when to try again, where it was too much.
    """
    counts, client = _counts(), _client()
    if not counts.limiter.hit(counts.items[rate], client):
        raise _refusal(rate)


def refuse_beyond(rate: Rate) -> None:
    """Raise what `count` raises where it would, but count nothing."""
    counts, client = _counts(), _client()
    if not counts.limiter.test(counts.items[rate], client):
        raise _refusal(rate)


def start(flask: Flask, settings: Settings) -> None:
    """Begin counting for an application."""
    flask.extensions[EXTENSION] = Counts(settings)


def _counts() -> Counts:
    counts: Counts = current_app.extensions[EXTENSION]
    return counts


def _refusal(rate: Rate) -> TooManyRequests:
    counts = _counts()
    item = counts.items[rate]
    again_at = counts.limiter.get_window_stats(item, _client()).reset_time
    wait_s = max(1, ceil(again_at - time.time()))
    return TooManyRequests(
        f"More than {item.amount:,} {rate.noun} within a minute: try again in {wait_s} s, "
        f"or start the page with a larger SCENEQL_{rate.setting.upper()}.",
        retry_after=wait_s,
    )


def _client() -> str:
    given = request.remote_addr or ""
    try:
        address = ip_address(given)
    except ValueError:
        # What a proxy says, or a server that listens on a socket without addresses.
        return given or "somebody"
    if isinstance(address, IPv4Address):
        return given
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    # What a household or a server gets as one, so that its addresses are one client.
    return str(IPv6Address(int(address) >> 64 << 64))
