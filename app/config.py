"""The settings of one SceneQL home; the only reader of the environment."""

from functools import lru_cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Everything that can be set from outside, each as `SCENEQL_<NAME>` in the environment.

    `DATABASE_URL` and `SCENEQL_HOME` are the two most people need: the first points to a Postgres
    of one's own, the second to the folder that holds the embedded one and the caches.
    """

    model_config = SettingsConfigDict(env_prefix="SCENEQL_", extra="ignore", frozen=True)

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
    port: int = Field(default=8080, description="Port that the page listens on.")
    embed_timeout_s: float = Field(
        default=60.0, description="How long a question waits for the embedder's answer."
    )

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
    """The settings of this process, read from the environment once."""
    return Settings()
