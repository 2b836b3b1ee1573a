"""Where a run keeps its files: one folder a world, one registry for all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serving.options import read_settings
from serving.settings import Settings


@dataclass(frozen=True, slots=True)
class Workspace:
    """Folders of one world below ``home``; the commands of the packages use the same.

    Attributes
    ----------
    home
        Root of all state (``TIERWISE_HOME``, default ``var``).
    world
        Name of the world.
    registry
        URL of an MLflow store or tracking server; empty for the one in ``home``.
    artifacts
        Artifact root of the registry; None for the one in ``home``.
    """

    home: Path
    world: str
    registry: str = ""
    artifacts: Path | None = None

    @property
    def folder(self) -> Path:
        """Everything of this world."""
        return self.home / self.world

    @property
    def sources(self) -> Path:
        """Accepted rows in the source contract, with the quarantine inside."""
        return self.folder / "sources"

    @property
    def published(self) -> Path:
        """Indicators and outcomes by snapshot day."""
        return self.folder / "published"

    @property
    def reports(self) -> Path:
        """Backtest, stress test, model card and data quality."""
        return self.folder / "reports"

    @property
    def settings(self) -> Settings:
        """The service's settings for this world: its bundle and its store."""
        return read_settings(home=self.home, world=self.world)
