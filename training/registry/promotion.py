"""Promote a version: judge it again, now, against the present champion."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from training.bundle import Bundle
from training.errors import RegistryError
from training.evaluation.gates import GateReport, evaluate
from training.evaluation.report import BacktestReport
from training.evaluation.stress import StressReport
from training.registry.registry import Registry
from training.registry.versions import ModelVersion


def promote(
    registry: Registry, model: str, version: int | None = None, *, by: str, reason: str = ""
) -> tuple[ModelVersion, GateReport]:
    """Make a version (by default the challenger) the champion if the gates allow it.

    The gates are evaluated on the reports stored with the version, with the limits of the
    recipe in its bundle, against whoever is champion now.

    Raises
    ------
    GateFailedError
        If a gate failed; the message names each with its value and limit.
    RegistryError
        If there is no such version, or no challenger.
    """
    if version is None:
        challenger = registry.challenger(model)
        if challenger is None:
            raise RegistryError(
                f"{model} has no challenger to promote.",
                hint="Train one first, or name a version.",
                model=model,
            )
        version = challenger.version
    gates = judge(registry, model, version)
    return registry.promote(model, version, gates, by=by, reason=reason), gates


def judge(registry: Registry, model: str, version: int) -> GateReport:
    """Evaluate the gates of a version as of now."""
    store = registry.store
    candidate = store.version(model, version)
    stress = StressReport.from_dict(json.loads(store.read(candidate, "stress.json")))
    with tempfile.TemporaryDirectory() as folder:
        limits = Bundle.load(store.download(candidate, Path(folder))).recipe.gates
    champion = champion_report(registry, model, other_than=version)
    return evaluate(backtest_report(registry, candidate), champion, stress, limits)


def champion_report(
    registry: Registry, model: str, *, other_than: int | None = None
) -> BacktestReport | None:
    """Return the champion's backtest; None if there is no champion (or it is the other)."""
    champion = registry.champion(model)
    if champion is None or champion.version == other_than:
        return None
    return backtest_report(registry, champion)


def backtest_report(registry: Registry, version: ModelVersion) -> BacktestReport:
    """Return the backtest stored with a version."""
    return BacktestReport.from_dict(json.loads(registry.store.read(version, "backtest.json")))
