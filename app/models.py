"""The tables, and the one place in Python that names their columns."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIT, JSONB, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "%(table_name)s_%(column_0_name)s_idx",
    "uq": "%(table_name)s_%(column_0_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a class attribute.
        str: Text,
        int: Integer,
        float: Double,
        bool: Boolean,
        datetime: DateTime(timezone=True),
    }


class Video(Base):
    __tablename__ = "videos"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'indexed', 'failed')", name="status"),
        Index("videos_words_idx", "words", postgresql_using="gin"),
        Index("videos_collection_idx", "collection"),
        Index("videos_sampled_hash_idx", "sampled_hash"),
        # Searches ask whether there are any.
        Index(
            "videos_hidden_idx",
            "id",
            postgresql_where=text("frame_count > 0 AND (path IS NULL OR status <> 'indexed')"),
        ),
        {"comment": "One row per video content, however many files hold it."},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    content_hash: Mapped[str] = mapped_column(
        unique=True, comment="SHA-256 of the file's bytes, in hex: the identity of the content."
    )
    sampled_hash: Mapped[str | None] = mapped_column(
        comment="SHA-256 of the file's size and some of its blocks: quick to compare, no proof."
    )
    title: Mapped[str]
    description: Mapped[str | None]
    collection: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    # "metadata" is taken by SQLAlchemy itself, so the attribute has another name than the column.
    extra: Mapped[dict[str, Any]] = mapped_column(
        "metadata", JSONB, server_default=text("'{}'"), comment="Anything else, by key."
    )
    recorded_at: Mapped[datetime | None]
    duration_s: Mapped[float | None]
    width: Mapped[int | None] = mapped_column(comment="Pixels as displayed, rotation applied.")
    height: Mapped[int | None] = mapped_column(comment="Pixels as displayed, rotation applied.")
    fps: Mapped[float | None]
    codec: Mapped[str | None]
    frame_count: Mapped[int] = mapped_column(
        server_default=text("0"), comment="Number of indexed frames, not of decoded ones."
    )
    sampling: Mapped[str | None] = mapped_column(
        comment="How frames were chosen: scenes:N, every:Ns or keyframes."
    )
    path: Mapped[str | None] = mapped_column(
        comment="A file that holds the video, kept by a trigger; NULL hides it from search."
    )
    status: Mapped[str] = mapped_column(comment="pending, indexed or failed.")
    error: Mapped[str | None] = mapped_column(comment="Why it failed, for people.")
    warning: Mapped[str | None] = mapped_column(comment="What is amiss in an indexed video.")
    indexed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    edited: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        server_default=text("'{}'"),
        comment="What people have set, such as title or metadata.camera: indexing leaves it be.",
    )
    attempt: Mapped[UUID | None] = mapped_column(
        Uuid, comment="The attempt to index it that is under way: only that one may write."
    )
    attempted_at: Mapped[datetime | None] = mapped_column(comment="When that attempt began.")
    deaths: Mapped[int] = mapped_column(
        server_default=text("0"), comment="How many workers in a row died at it."
    )
    words: Mapped[Any] = mapped_column(
        TSVECTOR,
        nullable=True,
        comment="Title, description, tags, collection and file name, kept by a trigger.",
    )


class VideoFile(Base):
    __tablename__ = "video_files"
    __table_args__ = (
        CheckConstraint("state IN ('present', 'missing', 'removed')", name="state"),
        CheckConstraint(
            "(video_id IS NULL) = (error IS NOT NULL OR state = 'removed')", name="video_or_error"
        ),
        Index("video_files_video_id_idx", "video_id"),
        {"comment": "Where the videos' bytes were seen; a moved file is a new row of its video."},
    )

    path: Mapped[str] = mapped_column(primary_key=True)
    video_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("videos.id", ondelete="CASCADE")
    )
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    mtime: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(server_default=text("'present'"))
    sidecars: Mapped[str | None] = mapped_column(
        comment="What the files beside it looked like when they were last read."
    )
    error: Mapped[str | None] = mapped_column(
        comment="Why the file could not even be read, so that it belongs to no video."
    )


class Source(Base):
    __tablename__ = "sources"
    __table_args__ = (
        CheckConstraint("every_s > 0", name="every_s"),
        CheckConstraint("at_most > 0", name="at_most"),
        CheckConstraint("first IN ('name', 'newest', 'oldest', 'smallest')", name="first"),
        {"comment": "Folders that are scanned on schedule for new, changed and missing files."},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    path: Mapped[str] = mapped_column(unique=True, comment="Absolute path of the folder.")
    every_s: Mapped[int] = mapped_column(comment="Seconds from one scan to the next.")
    collection: Mapped[str | None] = mapped_column(
        comment="Collection of its videos; NULL takes the name of the folder they are in."
    )
    sampling: Mapped[str] = mapped_column(comment="scenes:N, every:Ns or keyframes.")
    include: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Globs; none stands for every file."
    )
    exclude: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Globs of files to leave out."
    )
    first: Mapped[str] = mapped_column(
        server_default=text("'name'"), comment="Which new files are indexed first."
    )
    at_most: Mapped[int | None] = mapped_column(comment="Files queued by one scan at most.")
    paused: Mapped[bool] = mapped_column(server_default=text("false"))
    mounts: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        server_default=text("'{}'"),
        comment="Mount points at and below the folder: what is not mounted is not missing.",
    )
    waiting: Mapped[dict[str, Any]] = mapped_column(
        JSONB,
        server_default=text("'{}'"),
        comment="Size and modification time of files that were still being written.",
    )
    scanned_at: Mapped[datetime | None] = mapped_column(comment="When the last scan ended.")
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    report: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, comment="What the last scan found, by kind, as counts."
    )
    error: Mapped[str | None] = mapped_column(comment="Why the last scan could not look.")


class Scene(Base):
    __tablename__ = "scenes"
    __table_args__ = (
        CheckConstraint("start_s <= end_s", name="span"),
        Index("scenes_said_words_idx", "said_words", postgresql_using="gin"),
        {"comment": "Scenes tile a video from its start to its end."},
    )

    video_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True
    )
    scene_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    start_s: Mapped[float]
    end_s: Mapped[float]
    said: Mapped[str | None] = mapped_column(comment="The subtitles that are shown in the scene.")
    said_words: Mapped[Any] = mapped_column(TSVECTOR, nullable=True)


class SubtitleLine(Base):
    __tablename__ = "subtitles"
    __table_args__ = (
        Index("subtitles_said_words_idx", "said_words", postgresql_using="gin"),
        {"comment": "What is said, line by line, and when."},
    )

    video_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True
    )
    line_no: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, comment="From 0, in the order of being said."
    )
    scene_no: Mapped[int | None] = mapped_column(
        comment="The scene in which the line begins; NULL after the end of the last one."
    )
    start_s: Mapped[float] = mapped_column(comment="Seconds on a player's clock.")
    end_s: Mapped[float] = mapped_column(comment="Seconds on a player's clock.")
    said: Mapped[str]
    said_words: Mapped[Any] = mapped_column(
        TSVECTOR, Computed("to_words(said)", persisted=True), nullable=True
    )


class Frame(Base):
    __tablename__ = "frames"
    __table_args__ = (
        ForeignKeyConstraint(
            ["video_id", "scene_no"], ["scenes.video_id", "scenes.scene_no"], ondelete="CASCADE"
        ),
        Index("frames_video_id_scene_no_idx", "video_id", "scene_no"),
        {"comment": "The frames that were chosen to stand for their scenes."},
    )

    video_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    frame_no: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, comment="Number of the decoded frame, from 0."
    )
    scene_no: Mapped[int]
    t_s: Mapped[float] = mapped_column(comment="Seconds on a player's clock.")
    thumbnail: Mapped[bytes] = mapped_column(LargeBinary, comment="A JPEG.")


class Fingerprint(Base):
    __tablename__ = "fingerprints"
    # A copy's hash differs in some bits, but in one of its four pieces in one bit at most.
    __table_args__ = (
        *(
            Index(f"fingerprints_piece_{start}_idx", text(f"substring(phash, {start}, 16)"))
            for start in (1, 17, 33, 49)
        ),
        {"comment": "Two perceptual hashes a second, for finding copies."},
    )

    video_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True
    )
    t_s: Mapped[float] = mapped_column(primary_key=True)
    phash: Mapped[Any] = mapped_column(BIT(64))


class EmbeddingModel(Base):
    __tablename__ = "embedding_models"
    __table_args__ = (
        UniqueConstraint("name", "pretrained"),
        CheckConstraint("dim BETWEEN 1 AND 4000", name="dim"),
        # At most one model is active: that is what an index over the true values alone means.
        Index(
            "embedding_models_active_idx", "active", unique=True, postgresql_where=text("active")
        ),
        {"comment": "The models whose embeddings are stored; searches use the active one."},
    )

    id: Mapped[int] = mapped_column(SmallInteger, Identity(always=True), primary_key=True)
    name: Mapped[str]
    pretrained: Mapped[str]
    dim: Mapped[int]
    active: Mapped[bool] = mapped_column(server_default=text("false"))


class FrameEmbedding(Base):
    __tablename__ = "frame_embeddings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["video_id", "frame_no"], ["frames.video_id", "frames.frame_no"], ondelete="CASCADE"
        ),
        # The frames with the smallest hashes are a sample of the library that is always current.
        Index("frame_embeddings_sample_idx", text("hashint8extended(video_id, frame_no::bigint)")),
        {
            "comment": "One vector per frame and model; each model has a partition of its own.",
            "postgresql_partition_by": "LIST (model_id)",
        },
    )

    # The key starts with the video, so that it also serves the cascade from frames and any join
    # by video; the partition has one model_id only, where it would tell nothing.
    video_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    frame_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    model_id: Mapped[int] = mapped_column(
        SmallInteger, ForeignKey("embedding_models.id"), primary_key=True
    )
    embedding: Mapped[Any] = mapped_column(HALFVEC, comment="Unit length.")


class QueryEmbedding(Base):
    __tablename__ = "query_embeddings"
    __table_args__ = (
        UniqueConstraint("id"),
        CheckConstraint("kind IN ('text', 'image', 'clip')", name="kind"),
        Index(
            "query_embeddings_unanswered_idx",
            "requested_at",
            postgresql_where=text("answered_at IS NULL"),
        ),
        {"comment": "Questions and their vectors, kept here so that search needs no model."},
    )

    model_id: Mapped[int] = mapped_column(
        SmallInteger, ForeignKey("embedding_models.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(
        primary_key=True,
        comment="SHA-256 of the payload, in hex; of a clip's frame its clip's, with :NUMBER.",
    )
    # Not a number: the answer to a request is shown to whoever knows its id.
    id: Mapped[UUID] = mapped_column(
        Uuid, server_default=text("gen_random_uuid()"), comment="Known to whoever made the request."
    )
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    embedding: Mapped[Any] = mapped_column(HALFVEC, nullable=True)
    unknown_words: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        server_default=text("'{}'"),
        comment="Words of the text that the model never saw.",
    )
    error: Mapped[str | None]
    requested_at: Mapped[datetime] = mapped_column(server_default=func.now())
    answered_at: Mapped[datetime | None]


class KeptRanking(Base):
    __tablename__ = "kept_rankings"
    __table_args__ = (
        Index("kept_rankings_kept_at_idx", "kept_at"),
        {"comment": "Answers of which further pages may be asked for a while."},
    )

    # Not a number: an answer is shown to whoever knows its token.
    token: Mapped[UUID] = mapped_column(
        Uuid, primary_key=True, server_default=text("gen_random_uuid()")
    )
    kept_at: Mapped[datetime] = mapped_column(server_default=func.now())
    hits: Mapped[list[list[Any]]] = mapped_column(
        JSONB,
        comment="Video, frame, similarity, z, matched_by and is_exact of each hit, and frame, "
        "similarity and z of what follows it.",
    )
