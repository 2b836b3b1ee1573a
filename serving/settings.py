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
    governance
        File of the policy about data classes and exports; the packaged one by default.
    log_format
        ``json`` for machines, ``console`` for people; by default as the environment has it.
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
    governance: Path | None = None
    log_format: Literal["json", "console"] | None = None

    @property
    def log_form(self) -> Literal["json", "console"]:
        """How log lines are written: JSON in production unless said otherwise."""
        return self.log_format or ("json" if self.environment == "production" else "console")

    @property
    def state(self) -> Path:
        """Folder of the world that is served."""
        return self.home / self.world

    @property
    def database(self) -> str:
        """URL of the store."""
        return self.database_url or f"sqlite:///{self.state / 'tierwise.db'}"

    @property
    def models(self) -> Path:
        """Folder of the model shelf (``training/shelf.py``)."""
        return self.state / "models"

    @property
    def board(self) -> Path:
        """File of the KPI board, as ``tierwise kpi`` writes it."""
        return self.state / "kpi.json"

    @property
    def bundle(self) -> Path:
        """Folder of the champion's bundle."""
        return self.bundle_dir or self.state / "bundle"
