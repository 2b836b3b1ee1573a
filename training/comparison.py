"""Runs side by side: what they scored, how they were made, and whether that may be ranked.

A run is a registered version, the folder of a world's last training run, or a stored
backtest. Figures of runs that were judged on other data, origins, horizons or customers are not
comparable; such runs are put in groups, and ranks are given within a group only.
"""

from __future__ import annotations

import json
import math
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import DatasetError
from training.evaluation.gates import CHAMPION_METRICS, COMPARABLE
from training.evaluation.report import LOWER_IS_BETTER, BacktestReport
from training.recipe_text import flat
from training.registry.promotion import backtest_report

if TYPE_CHECKING:
    from training.registry.registry import Registry

LINEAGE = (
    "data_fingerprint",
    "sources_sha256",
    "catalogue_sha256",
    "code_version",
    "recipe_sha256",
    "scheme_sha256",
    "scheme",
    "bundle_digest",
    "trained_as_of",
)
"""Facts that say what a run was made from; those a run does not know are left empty."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes
    ----------
    name
        ``version 3``, or the name of its folder or file.
    recipe
        Fields by dotted name; empty where the recipe is not stored with the backtest.
    facts
        What is known of :data:`LINEAGE`, and ``created_at``, ``aliases``, ``gates``.
    """

    name: str
    report: BacktestReport
    recipe: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Runs whose backtests judged the same thing; ``mean_rank`` is by run, best first."""

    runs: tuple[Run, ...]
    mean_rank: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs in groups of comparable ones.

    Attributes
    ----------
    runs
        All, in the order they were given.
    groups
        Ranked each for itself.
    differing
        For each group but the first: in what facts it differs from the first, with both
        values.
    """

    runs: tuple[Run, ...]
    groups: tuple[Group, ...]
    differing: tuple[Mapping[str, tuple[Any, Any]], ...]

    @property
    def rankable(self) -> bool:
        """Whether all runs may be ranked together."""
        return len(self.groups) == 1

    def recipe_differences(self) -> dict[str, tuple[Any, ...]]:
        """Return the fields in which the runs with a known recipe differ, a value a run.

        A field that a recipe leaves to its default is None.
        """
        known = [run.recipe for run in self.runs if run.recipe]
        names = dict.fromkeys(name for recipe in known for name in recipe)
        rows = {name: tuple(recipe.get(name) for recipe in known) for name in names}
        return {name: values for name, values in rows.items() if _differ(values)}


def compare(runs: Sequence[Run]) -> Comparison:
    """Group runs by what their backtests judged, and rank each group.

    Raises
    ------
    DatasetError
        If there are fewer than two runs.
    """
    if len(runs) < 2:
        raise DatasetError(
            f"A comparison needs two runs; {len(runs)} given.",
            hint="Train another version, or name runs by --runs.",
        )
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        judged = json.dumps([run.report.facts.get(fact) for fact in COMPARABLE], sort_keys=True)
        grouped.setdefault(judged, []).append(run)
    groups = [tuple(members) for members in grouped.values()]
    first = groups[0][0].report.facts
    differing = tuple(
        {
            fact: (first.get(fact), group[0].report.facts.get(fact))
            for fact in COMPARABLE
            if first.get(fact) != group[0].report.facts.get(fact)
        }
        for group in groups[1:]
    )
    return Comparison(tuple(runs), tuple(Group(g, mean_ranks(g)) for g in groups), differing)


def mean_ranks(runs: Sequence[Run]) -> dict[str, float]:
    """Return each run's mean rank over the gates' metrics, best first; 1 is first in all.

    Equal figures share the better rank; a figure that was not measured ranks last.
    """
    ranks: dict[str, list[int]] = {run.name: [] for run in runs}
    for target, metric in CHAMPION_METRICS:
        figures = {run.name: _loss(run.report.metric(target, metric), metric) for run in runs}
        for name, loss in figures.items():
            ranks[name].append(1 + sum(other < loss for other in figures.values()))
    means = {name: sum(places) / len(places) for name, places in ranks.items()}
    return dict(sorted(means.items(), key=lambda pair: pair[1]))


def of_versions(registry: Registry, model: str, numbers: Sequence[int]) -> list[Run]:
    """Return registered versions as runs; no number: the latest five, oldest first."""
    chosen = list(numbers)
    if not chosen:
        chosen = sorted(each.version for each in registry.versions(model)[:5])
    runs = []
    for number in chosen:
        version = registry.store.version(model, number)
        with tempfile.TemporaryDirectory() as folder:
            recipe = registry.store.download(version, Path(folder)) / "recipe.toml"
            fields = flat(tomllib.loads(recipe.read_text("utf-8")))
        facts = {name: version.tags[name] for name in LINEAGE if name in version.tags}
        facts["created_at"] = f"{version.created_at:%Y-%m-%d %H:%M}"
        facts["aliases"] = ", ".join(version.aliases)
        facts["gates"] = version.tags.get("gates", "")
        report = backtest_report(registry, version)
        runs.append(Run(f"version {number}", report, fields, facts))
    return runs


def of_path(path: Path) -> Run:
    """Return a run from a world's folder (``reports`` and ``candidate``) or a backtest file.

    Raises
    ------
    DatasetError
        If there is no backtest, or it cannot be read.
    """
    stored = path / "reports" / "backtest.json" if path.is_dir() else path
    try:
        report = BacktestReport.from_dict(json.loads(stored.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{stored} is no stored backtest: {type(error).__name__} {error}.",
            hint="Give a world's folder after `tierwise train`, or a backtest's JSON file.",
            path=str(path),
        ) from error
    recipe, manifest = path / "candidate" / "recipe.toml", path / "candidate" / "bundle.json"
    fields: dict[str, Any] = {}
    facts: dict[str, str] = {}
    if recipe.is_file():
        fields = flat(tomllib.loads(recipe.read_text("utf-8")))
    if manifest.is_file():
        document = json.loads(manifest.read_text("utf-8"))
        facts = {name: str(v) for name, v in document["meta"].items() if name in LINEAGE}
        facts |= {"bundle_digest": document["digest"], "created_at": document["meta"]["created_at"]}
    return Run(path.name, report, fields, facts)


def _loss(value: float, metric: str) -> float:
    if math.isnan(value):
        return math.inf
    return value if metric in LOWER_IS_BETTER else -value


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)
