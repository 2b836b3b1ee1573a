"""What goes into the registry and what comes out of it, without MLflow."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

TARGETS = ("churn", "ltv")
"""What a bundle predicts; each is a registered model of its own beside the bundle's."""


def target_model(model: str, target: str) -> str:
    """Return the registered model's name of one target of a bundle's model."""
    return f"{model}-{target}"


@dataclass(frozen=True, slots=True)
class Submission:
    """What a training run hands to the registry.

    Attributes
    ----------
    bundle_dir
        Folder of the saved bundle.
    evidence_dir
        Folder with the model card, plots and JSON reports; logged as it is.
    params
        Recipe, flattened.
    metrics
        ``backtest.*`` and ``stress.*`` figures; those that are not finite are left out.
    tags
        Hashes and facts that identify data, code, recipe and scheme.
    description
        Model card in Markdown.
    run_name
        Name of the run in lists of runs: world and day of service; empty: the store's choice.
    by
        Who trained it; empty: the account of the process.
    target
        Empty for a bundle; else the one target that this part of it predicts.
    """

    bundle_dir: Path
    evidence_dir: Path
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    run_name: str = ""
    by: str = ""
    target: str = ""

    def part(self, target: str, folder: Path) -> Submission:
        """Return what is registered for one target: its figures and its texts.

        Parameters
        ----------
        folder
            Empty folder; the target's files of the bundle, the LightGBM text among them, are
            copied into it.
        """
        for path in sorted(self.bundle_dir.glob(f"{target}.*")):
            shutil.copy(path, folder)
        kept = f"backtest.{target}."
        return replace(
            self,
            evidence_dir=folder,
            metrics={k: v for k, v in self.metrics.items() if k.startswith(kept)},
            tags={**self.tags, "target": target},
            description=f"The part of a bundle that predicts {target}; served by the bundle.",
            run_name=f"{self.run_name} {target}".strip(),
            target=target,
        )


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One registered version; ``metrics`` are those of its run, full precision."""

    model: str
    version: int
    created_at: datetime
    run_id: str
    model_id: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]

    def with_targets(self) -> list[tuple[str, int]]:
        """Return model and number of a bundle's version after those of its targets."""
        parts = [
            (target_model(self.model, target), int(self.tags[f"{target}_version"]))
            for target in TARGETS
            if f"{target}_version" in self.tags
        ]
        return [*parts, (self.model, self.version)]
