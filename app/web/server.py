"""The server before the application: what it takes from whom, however it is started."""

from typing import Any

from app.config import Settings
from app.web.security import MAX_REQUEST_BYTES

# The server reads a request to its end before the application sees it. What is somewhat too large
# is left to the application, which says so in a line that people understand.
MAX_BODY_BYTES = 4 * MAX_REQUEST_BYTES
BELIEVED = {"x-forwarded-for", "x-forwarded-proto"}


def server_options(settings: Settings) -> dict[str, Any]:
    """The options of waitress.create_server that keep the application safe.

    What proxies say in X-Forwarded-* is taken off requests, unless it comes from the one proxy that
    the settings name.
    """
    upload_bytes = settings.upload_max_mb * 10**6 if settings.uploads else 0
    options: dict[str, Any] = {
        # The page refuses what is a little too large itself, and says why.
        "max_request_body_size": max(MAX_BODY_BYTES, upload_bytes + 2**20),
        "clear_untrusted_proxy_headers": True,
        "ident": None,
        # Only then is it noticed that somebody leaves while their answer is still being made.
        "channel_request_lookahead": 1,
    }
    if settings.proxy:
        options |= {"trusted_proxy": settings.proxy, "trusted_proxy_headers": BELIEVED}
    return options
