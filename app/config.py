"""The settings of one SceneQL home; the only reader of the environment."""

from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import SceneqlError
from app.paths import absolute

CHECKOUT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Everything that can be set from outside, each as `SCENEQL_<NAME>` in the environment.

    `DATABASE_URL` and `SCENEQL_HOME` are the two most people need: the first points to a Postgres
    of one's own, the second to the folder that holds the embedded one and the caches.
    """

    model_config = SettingsConfigDict(
        env_prefix="SCENEQL_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Path = Field(
        default=CHECKOUT / "var",
        description="Folder of the embedded database and the caches; one per library.",
    )
    database_url: str | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        description="A Postgres 16+ with pgvector 0.8+; unset: the embedded one under the home.",
    )
    postgres_version: int = Field(
        default=18, description="Major version of the embedded Postgres: 18 or 16."
    )
    model: str | None = Field(
        default=None,
        description="Model of a new index as name/pretrained, for example "
        "ViT-B-32-256/datacomp_s34b_b86k, or tiny.",
    )
    model_cache: Path | None = Field(
        default=None, description="Where model weights are kept; unset: models/ under the home."
    )
    host: str = Field(default="127.0.0.1", description="Address that the page listens on.")
    port: int = Field(default=8080, ge=1, le=65535, description="Port that the page listens on.")
    allowed_hosts: str = Field(
        default="",
        description="Names, with commas between them, that the page answers to beside its own "
        "address, such as the name of a proxy before it.",
    )
    proxy: str | None = Field(
        default=None,
        description="Address of the proxy before the page, whose X-Forwarded-For and "
        "X-Forwarded-Proto are believed; unset: nobody's are.",
    )
    token: str | None = Field(
        default=None,
        min_length=16,
        pattern="^[!-~]+$",
        repr=False,
        description="What people and programs have to know to use the page: 16 characters or "
        "more, no spaces; unset: it is open to all who reach it.",
    )
    without_login: bool = Field(
        default=False,
        description="Whether the page may listen beyond this machine without a token.",
    )
    questions_per_minute: int = Field(
        default=240, ge=1, description="Questions that one client may ask in a minute."
    )
    uploads_per_minute: int = Field(
        default=60, ge=1, description="Pictures that one client may send in a minute."
    )
    fetches_per_minute: int = Field(
        default=20, ge=1, description="Pictures by address that one client may ask for in a minute."
    )
    conversions_per_minute: int = Field(
        default=60,
        ge=1,
        description="Conversions and clips that one client may begin in a minute; each seek in a "
        "converted video begins one.",
    )
    logins_per_minute: int = Field(
        default=10, ge=1, description="Wrong tokens that one client may try in a minute."
    )
    uploads: Path | None = Field(
        default=None,
        description="Folder that uploaded videos are kept in; unset: the page takes no uploads.",
    )
    upload_max_mb: int = Field(
        default=4096, ge=1, description="Size in MB that an uploaded video may have."
    )
    embed_timeout_s: float = Field(
        default=60.0, description="How long a question waits for the embedder's answer."
    )
    query_timeout_s: float = Field(
        default=30.0,
        ge=1,
        le=86_400,
        description="Seconds after which a statement of the page is stopped, so that slow "
        "questions do not take all its threads; waiting for the embedder does not count.",
    )
    decode_memory_mb: int = Field(
        default=4096,
        ge=512,
        description="Memory in MB that decoding a file may take before the file is given up.",
    )
    frame_timeout_s: float = Field(
        default=60.0,
        ge=1,
        description="Seconds without a new frame after which decoding a file is given up.",
    )

    jobs: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Files that are decoded at a time; two keep the processor busy while one of "
        "them begins or ends. Some more wait for their vectors meanwhile.",
    )
    niceness: int = Field(
        default=10,
        ge=0,
        le=19,
        description="How far an ingest steps back behind the machine's other work; 0: not at all.",
    )
    stalled_after_s: float = Field(
        default=30.0, ge=1, description="A worker silent for so long is taken for dead."
    )

    conversions: int = Field(
        default=2,
        ge=1,
        le=6,
        description="Videos that the page converts for browsers, or cuts, at a time; each takes "
        "one of its 8 threads.",
    )

    log: Literal["text", "json"] = Field(
        default="text",
        description="How processes log on standard error: text, or json with one object a line.",
    )

    supervised: bool = Field(
        default=False, description="Set by the supervisor: the process ends when its parent does."
    )

    @field_validator("home", "model_cache", "uploads")
    @classmethod
    def _absolute(cls, folder: Path | None) -> Path | None:
        # What is uploaded is found again by its path, wherever a process was started.
        return absolute(folder.expanduser()) if folder else None

    @property
    def is_local(self) -> bool:
        """Whether the page listens on this machine alone."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_open_to_strangers(self) -> bool:
        """Whether others can reach the page, which asks for no token, and nobody allowed it."""
        return not (self.is_local or self.token or self.without_login)

    @property
    def weights_dir(self) -> Path:
        """Folder of downloaded model weights."""
        return self.model_cache or self.home / "models"

    @property
    def spool_dir(self) -> Path:
        """Folder of the frames that wait for their video to be written."""
        return self.home / "spool"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read from the environment once.

    Raises SceneqlError with the name of the variable that is wrong.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        variable = name if name.isupper() else f"SCENEQL_{name.upper()}"
        raise SceneqlError(f"{variable} is wrong: {first['msg']}") from error
