"""What goes into the registry and what comes out of it, without MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


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
    """

    bundle_dir: Path
    evidence_dir: Path
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    run_name: str = ""


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
