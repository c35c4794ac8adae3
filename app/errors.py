"""Errors that a person can act on: one line that says what is wrong and names the cure."""


class SceneqlError(Exception):
    """Base of every error shown as one line, without a traceback.

    The message says what is wrong and what to do about it.
    """


class BadRequestError(SceneqlError):
    """The question itself is at fault: an empty text, a broken filter, an image that is not one."""


class NotFoundError(BadRequestError):
    """What the question names is not there, or not any more."""


class FilterError(BadRequestError):
    """The filter cannot be read."""


class DatabaseUnavailableError(SceneqlError):
    """No Postgres answers at the configured address."""


class BusyDatabaseError(SceneqlError):
    """Somebody else keeps what has to be changed; the message says who."""


class ModelUnavailableError(SceneqlError):
    """The model that was chosen, or that the index was built with, cannot be loaded."""


class DecoderUnavailableError(SceneqlError):
    """The process that decodes files does not start."""


class MediaError(SceneqlError):
    """A file cannot be indexed; the message is the reason shown to people."""


class UnreadableError(MediaError):
    """A file cannot be read now, as where its disk fails: nothing is known of what is in it."""


class AttemptLostError(SceneqlError):
    """A video may not be written: it was removed, or another worker has begun it anew."""


class EmbedderAbsentError(SceneqlError):
    """Nobody is there to turn the question into a vector."""


class EmbedderTimeoutError(SceneqlError):
    """An embedder is there, but did not answer in time."""


class QueryTimeoutError(SceneqlError):
    """The database stopped a statement that took longer than it may."""

    def __init__(self) -> None:
        super().__init__(
            "this took the database too long, so it was stopped; ask for less, as with a filter, "
            "or raise SCENEQL_QUERY_TIMEOUT_S"
        )


class EmptyIndexError(SceneqlError):
    """Nothing has been indexed yet, so there is nothing to search."""
