"""Settings of a running service, read from the environment (prefix ``TIERWISE_``) once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What differs between one installation and the next.

    Attributes
    ----------
    home
        Folder of all state.
    world
        Input world that is served; its state lies under ``home/world``.
    environment
        ``development``, ``test`` or ``production``.
    database_url, bundle_dir
        Override where the store and the champion's bundle are.
    panel
        Policy of reviews: the packaged one, or the path of a TOML file.
    page_size
        Rows of a list when the request does not say.
    """

    model_config = SettingsConfigDict(env_prefix="TIERWISE_", frozen=True, extra="ignore")

    home: Path = Path("var")
    world: str = "journey"
    environment: Literal["development", "test", "production"] = "development"
    database_url: str | None = None
    bundle_dir: Path | None = None
    panel: str = "committee"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    page_size: int = Field(default=50, ge=1, le=500)

    @property
    def state(self) -> Path:
        """Folder of the world that is served."""
        return self.home / self.world

    @property
    def database(self) -> str:
        """URL of the store."""
        return self.database_url or f"sqlite:///{self.state / 'tierwise.db'}"

    @property
    def bundle(self) -> Path:
        """Folder of the champion's bundle."""
        return self.bundle_dir or self.state / "bundle"
