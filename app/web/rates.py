"""How often one client may do what costs much, counted in this process.

The counts are for what would keep others waiting, not for accounts: a person never meets them. They
are asked for in the code that does the work, because only there it is known that work will be done.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import ceil

from flask import Flask, current_app, request
from werkzeug.exceptions import TooManyRequests

from app.config import Settings
from app.web.moving_window import MovingWindow

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


def count(rate: Rate) -> None:
    """Count something that the present client is about to do.

    Raises TooManyRequests, which is answered by 429 and when to try again, where it was too much.
    """
    _refuse(rate, count=True)


def refuse_beyond(rate: Rate) -> None:
    """Raise what `count` raises where it would, but count nothing."""
    _refuse(rate, count=False)


def start(flask: Flask, settings: Settings) -> None:
    """Begin counting for an application."""
    flask.extensions[EXTENSION] = {
        rate: MovingWindow(getattr(settings, rate.setting))
        for rate in (QUESTIONS, UPLOADS, FETCHES, LOGINS, CONVERSIONS)
    }


def _refuse(rate: Rate, *, count: bool) -> None:
    window: MovingWindow = current_app.extensions[EXTENSION][rate]
    wait_s = ceil(window.wait_s(_client(), count=count))
    if not wait_s:
        return
    raise TooManyRequests(
        f"More than {window.most:,} {rate.noun} within a minute: try again in {wait_s} s, "
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
