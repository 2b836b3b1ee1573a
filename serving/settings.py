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
    page_size
        Rows of a list when the request does not say.
    answer_cache_mb
        Megabytes of stored grades and explanations kept ready to send; 0: none.
    what_if_workers
        What-ifs that are explained at the same time.
    what_ifs_waiting
        How many more may wait; beyond that the service answers 503 at once.
    drain_seconds
        From SIGTERM, when ``/readyz`` turns 503, to the closed door: as long as whoever spreads
        the load takes to notice.
    grace_seconds
        Then, at most, until requests under way are broken off.
    """

    model_config = SettingsConfigDict(env_prefix="TIERWISE_", frozen=True, extra="ignore")

    home: Path = Path("var")
    world: str = "journey"
    environment: Literal["development", "test", "production"] = "development"
    database_url: str | None = None
    bundle_dir: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    page_size: int = Field(default=50, ge=1, le=500)
    answer_cache_mb: int = Field(default=16, ge=0, le=4096)
    what_if_workers: int = Field(default=2, ge=1, le=64)
    what_ifs_waiting: int = Field(default=32, ge=0, le=10_000)
    drain_seconds: float = Field(default=1.0, ge=0, le=600)
    grace_seconds: float = Field(default=30.0, ge=1, le=3600)

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
