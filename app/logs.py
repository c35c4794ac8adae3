"""What processes log: lines of text for people, or one JSON object a line for machines."""

import logging
import sys
from types import TracebackType

from pythonjsonlogger.json import JsonFormatter

from app.config import Settings
from app.failures import in_one_line

# The program's own voice, as in "sceneql: the page is at ...".
VOICE = logging.getLogger("sceneql")
ACCESS = logging.getLogger("sceneql.access")


def configure(settings: Settings, *, quiet: bool = False) -> None:
    """Has everything that is logged in this process written to standard error.

    With SCENEQL_LOG=json each line is an object with time (ISO 8601, UTC), level, logger, message
    and what else the line is about, such as path or seconds; a traceback is one field of it. There
    requests and finished jobs are logged as well, which in a terminal would be in the way.
    """
    is_json = settings.log == "json"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json_formatter() if is_json else _TextFormatter())
    logging.basicConfig(handlers=[handler], force=True)
    logging.getLogger("workers").setLevel(logging.WARNING if quiet else logging.INFO)
    VOICE.setLevel(logging.INFO)
    ACCESS.setLevel(logging.INFO if is_json else logging.WARNING)
    logging.getLogger("procrastinate").setLevel(logging.INFO if is_json else logging.WARNING)
    if is_json:
        logging.captureWarnings(True)
        sys.excepthook = _log_uncaught


def say(message: str, level: int = logging.INFO) -> None:
    """Tells the person at the terminal something, or the log where one has been configured."""
    if logging.getLogger().handlers:
        VOICE.log(level, message)
    else:
        print(f"sceneql: {message}", file=sys.stderr, flush=True)


def _json_formatter() -> logging.Formatter:
    return JsonFormatter(
        "{levelname}{name}{message}",
        style="{",
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp="time",
    )


class _TextFormatter(logging.Formatter):
    """Times and names the lines of libraries and workers, but not what the program itself says."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(name)s: %(message)s")

    def formatException(  # noqa: N802 - named by logging.
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """What a person can do something about in one line, anything else with its traceback."""
        line = in_one_line(ei[1]) if ei[1] is not None else None
        return line or super().formatException(ei)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - named by logging.
        if record.name == VOICE.name:
            return f"sceneql: {record.message}"
        return super().formatMessage(record)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        VOICE.critical("ended by an error: %s", error, exc_info=(kind, error, trace))
