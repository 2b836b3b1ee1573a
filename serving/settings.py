"""Settings of a running service, read from the environment (prefix ``TIERWISE_``) once."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class PushSettings(BaseSettings):
    """How webhooks are delivered (prefix ``TIERWISE_PUSH_``).

    Attributes
    ----------
    key
        What the secrets of webhooks are derived from; by default the content of ``push.key``
        beside the store. The same for every process of an installation.
    inside
        Deliver in the serving process, too; otherwise ``tierwise deliver`` does it.
    allow
        Private networks that webhooks may reach, ``["10.1.2.0/24"]``.
    retries
        Seconds from one try to the next; after the last the message is dead.
    timeout
        Seconds from the connection to the end of the answer.
    at_once
        Messages under way to one webhook.
    keep_days, keep_dead_days
        Days that delivered and dead messages are kept.
    """

    model_config = SettingsConfigDict(env_prefix="TIERWISE_PUSH_", frozen=True, extra="ignore")

    key: SecretStr | None = Field(default=None, min_length=32)
    inside: bool = False
    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    retries: tuple[float, ...] = (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
    timeout: float = Field(default=15.0, gt=0, le=60)
    at_once: int = Field(default=4, ge=1, le=64)
    keep_days: int = Field(default=30, ge=1)
    keep_dead_days: int = Field(default=90, ge=1)


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
    push
        How webhooks are delivered.
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
    governance: Path | None = None
    log_format: Literal["json", "console"] | None = None
    push: PushSettings = Field(default_factory=PushSettings)
    answer_cache_mb: int = Field(default=16, ge=0, le=4096)
    what_if_workers: int = Field(default=2, ge=1, le=64)
    what_ifs_waiting: int = Field(default=32, ge=0, le=10_000)
    drain_seconds: float = Field(default=1.0, ge=0, le=600)
    grace_seconds: float = Field(default=30.0, ge=1, le=3600)

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
    def archive(self) -> Path:
        """Folder of every bundle that ever graded, by digest."""
        return self.state / "bundles"

    @property
    def models(self) -> Path:
        """Folder of the model shelf (``training/shelf.py``)."""
        return self.state / "models"

    @property
    def board(self) -> Path:
        """File of the KPI board, as ``tierwise kpi`` writes it."""
        return self.state / "kpi.json"

    @property
    def shadow(self) -> Path:
        """Folder of the bundle that grades beside the champion, if there is one."""
        return self.bundle.parent / "shadow"

    @property
    def bundle(self) -> Path:
        """Folder of the champion's bundle."""
        return self.bundle_dir or self.state / "bundle"
