"""What the name of a file tells: whether it may be a video."""

MEDIA_SUFFIXES = frozenset(
    (
        *(".3gp", ".apng", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov"),
        *(".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
    )
)
"""What a folder is searched for. A file that is named outright is tried whatever it is called."""
