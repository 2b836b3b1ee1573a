"""Settings of a running service, read from the environment (prefix ``TIERWISE_``) once."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.domain.access import Role
from serving.errors import SettingsError

LOOPBACK = ("127.0.0.1", "::1", "localhost")


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
    panel, days_off
        Policy of reviews: the packaged one, or the path of a TOML file; and a TOML file of days
        that are added to its calendar (``docs/how-to-review-grades.md``).
    page_size
        Rows of a list when the request does not say.
    access
        ``on``: everybody has to say who is asking. ``off``: whoever reaches the service may do
        all, so it binds to this machine only, unless ``open_address`` says that this is known.
        By default ``on`` in production and ``off`` elsewhere.
    public_url
        Scheme and host under which people reach the service; ``https`` makes cookies secure.
    trusted_proxies
        Addresses whose ``X-Forwarded-*`` headers count; empty where no proxy stands in front.
    tls_certificate, tls_key
        PEM files, where the service speaks TLS itself.
    session_idle_minutes, session_hours
        A session ends after so long without a request, and after so long in any case.
    rate_limit, rate_burst
        Requests per second of one principal, and how many at once; 0: no limit.
    anonymous_rate_limit, anonymous_burst
        The same of one address of which nobody has signed in.
    sign_in_per_minute
        Sign-ins that one address may try.
    oidc_discovery_url, oidc_client_id, oidc_client_secret, oidc_client_secret_file
        The identity provider of the company; without the first, local accounts only.
    oidc_roles_claim, oidc_roles
        Claim of the id token, and the role that each of its values gives.
    governance
        File of the policy about data classes and exports; the packaged one by default.
    log_format
        ``json`` for machines, ``console`` for people; by default as the environment has it.
    traces_endpoint
        Base address of an OpenTelemetry collector (OTLP over HTTP); none: nothing is traced.
    push
        How webhooks are delivered.
    answer_cache_mb
        Megabytes of stored grades and explanations kept ready to send; 0: none.
    what_if_workers
        What-ifs explained at the same time on threads; those of 2 ms or less take none.
    what_ifs_waiting
        How many more may wait; beyond that the service answers 503 at once.
    event_processes
        Processes that make indicators of posted events (``serving/single.py``).
    events_waiting
        How many more such requests may wait.
    event_seconds
        How long one of them may take.
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
    panel: str = "committee"
    days_off: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    page_size: int = Field(default=50, ge=1, le=500)
    governance: Path | None = None
    log_format: Literal["json", "console"] | None = None
    traces_endpoint: str | None = Field(default=None, pattern=r"^https?://[^/]+$")
    push: PushSettings = Field(default_factory=PushSettings)
    answer_cache_mb: int = Field(default=16, ge=0, le=4096)
    what_if_workers: int = Field(default=2, ge=1, le=64)
    what_ifs_waiting: int = Field(default=32, ge=0, le=10_000)
    event_processes: int = Field(default=1, ge=1, le=16)
    events_waiting: int = Field(default=4, ge=0, le=1_000)
    event_seconds: float = Field(default=30.0, gt=0, le=600)
    drain_seconds: float = Field(default=1.0, ge=0, le=600)
    grace_seconds: float = Field(default=30.0, ge=1, le=3600)

    @property
    def log_form(self) -> Literal["json", "console"]:
        """How log lines are written: JSON in production unless said otherwise."""
        return self.log_format or ("json" if self.environment == "production" else "console")

    access: Literal["on", "off"] | None = None
    open_address: bool = False
    public_url: str | None = Field(default=None, pattern=r"^https?://[A-Za-z0-9.\-:\[\]]+$")
    trusted_proxies: str = ""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    session_idle_minutes: float = Field(default=30, gt=0, le=1440)
    session_hours: float = Field(default=12, gt=0, le=168)
    rate_limit: float = Field(default=1_000, ge=0)
    rate_burst: float = Field(default=2_000, ge=1)
    anonymous_rate_limit: float = Field(default=20, ge=0)
    anonymous_burst: float = Field(default=100, ge=1)
    sign_in_per_minute: float = Field(default=10, ge=0)
    oidc_discovery_url: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_client_secret_file: Path | None = None
    oidc_roles_claim: str = "roles"
    oidc_roles: dict[str, Role] = {}

    @property
    def guarded(self) -> bool:
        """Whether everybody has to say who is asking."""
        return self.access == "on" or (self.access is None and self.environment == "production")

    @property
    def secure(self) -> bool:
        """Whether people reach the service by https."""
        return self.public_url is not None and self.public_url.startswith("https://")

    @property
    def oidc_secret(self) -> str:
        """The secret that the identity provider knows this service by.

        Raises
        ------
        SettingsError
            If there is none, or its file cannot be read.
        """
        if self.oidc_client_secret is not None:
            return self.oidc_client_secret.get_secret_value()
        try:
            text = (
                "" if self.oidc_client_secret_file is None else _read(self.oidc_client_secret_file)
            )
        except OSError as error:
            raise SettingsError(
                "The file of the OIDC client secret cannot be read.",
                hint="Check TIERWISE_OIDC_CLIENT_SECRET_FILE.",
            ) from error
        if not text:
            raise SettingsError(
                "The identity provider needs a client secret.",
                hint="Set TIERWISE_OIDC_CLIENT_SECRET_FILE or TIERWISE_OIDC_CLIENT_SECRET.",
            )
        return text

    def check(self) -> None:
        """Refuse settings that would leave a door open.

        Raises
        ------
        SettingsError
            Naming the setting.
        """
        production = self.environment == "production"
        if production and not self.guarded:
            raise SettingsError(
                "In production everybody has to say who is asking.",
                hint="Set TIERWISE_ACCESS=on, or leave it out.",
            )
        if not self.guarded and not self.open_address and self.host not in LOOPBACK:
            raise SettingsError(
                f"Without access control the service does not bind to {self.host}: whoever "
                "reaches it could read everything.",
                hint="Set TIERWISE_ACCESS=on, or, where that is known, TIERWISE_OPEN_ADDRESS=true.",
            )
        if production and not self.secure:
            raise SettingsError(
                "In production people sign in by https only.",
                hint="Set TIERWISE_PUBLIC_URL=https://...",
            )
        if production and not (self.trusted_proxies or (self.tls_certificate and self.tls_key)):
            raise SettingsError(
                "In production somebody has to speak TLS: a proxy, or the service itself.",
                hint="Set TIERWISE_TRUSTED_PROXIES, or TIERWISE_TLS_CERTIFICATE and "
                "TIERWISE_TLS_KEY.",
            )
        if self.guarded and self.oidc_discovery_url is not None:
            self._check_provider()

    def _check_provider(self) -> None:
        assert self.oidc_discovery_url is not None
        if not self.oidc_client_id or not self.oidc_secret or not self.public_url:
            raise SettingsError(
                "The identity provider has to know who asks and where to send people back to.",
                hint="Set TIERWISE_OIDC_CLIENT_ID and TIERWISE_PUBLIC_URL.",
            )
        if self.environment == "production" and not self.oidc_discovery_url.startswith("https://"):
            raise SettingsError(
                "In production the identity provider is asked by https only.",
                hint="Set TIERWISE_OIDC_DISCOVERY_URL=https://...",
            )

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
    def published(self) -> Path:
        """Folder of the world's published snapshots."""
        return self.state / "published"

    @property
    def sources(self) -> Path:
        """Folder of the world's ingested sources."""
        return self.state / "sources"

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


def _read(path: Path) -> str:
    return path.read_text("utf-8").strip()
