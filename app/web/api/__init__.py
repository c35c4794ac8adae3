"""The JSON API: the same searches, lists and changes as the page has."""

from app.web.api import said, search, status, videos
from app.web.contract import blueprint

__all__ = ["blueprint", "said", "search", "status", "videos"]
