"""Promote a version: judge it again, now, against the present champion."""

from __future__ import annotations

import json

from training.errors import RegistryError
from training.evaluation.gates import GateReport, evaluate
from training.evaluation.leakage import FILE, LeakageReport
from training.evaluation.report import BacktestReport
from training.evaluation.stress import StressReport
from training.registry.judgement import Judgement, last_report, place, read
from training.registry.ledger import LedgerEntry
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
    ApprovalError
        If the registry is in production mode and approvals are missing.
    RegistryError
        If there is no such version, or no challenger.
    """
    version = _number(registry, model, version)
    gates = judge(registry, model, version)
    return registry.promote(model, version, gates, by=by, reason=reason), gates


def admit(
    registry: Registry, model: str, version: int | None = None, *, by: str, reason: str = ""
) -> tuple[ModelVersion, GateReport]:
    """Return a version (by default the challenger) that may be promoted; nothing is changed.

    For who lets customers be graded by a model that is not champion: it takes no less.

    Raises
    ------
    GateFailedError, ApprovalError, RegistryError
        As :func:`promote` does.
    """
    version = _number(registry, model, version)
    gates = judge(registry, model, version)
    return registry.admit(model, version, gates, by=by, reason=reason), gates


def _number(registry: Registry, model: str, version: int | None) -> int:
    if version is not None:
        return version
    challenger = registry.challenger(model)
    if challenger is None:
        raise RegistryError(
            f"{model} has no challenger to promote.",
            hint="Train one first, or name a version.",
            model=model,
        )
    return challenger.version


def judge(registry: Registry, model: str, version: int) -> GateReport:
    """Evaluate the gates of a version as of now."""
    store = registry.store
    candidate = store.version(model, version)
    stress = StressReport.from_dict(json.loads(store.read(candidate, "stress.json")))
    limits = registry.verify(candidate).recipe.gates
    champion = champion_report(registry, model, other_than=version)
    leakage = _leakage_report(registry, candidate)
    return evaluate(backtest_report(registry, candidate), champion, stress, limits, leakage)


def kept_report(
    registry: Registry, model: str, version: int
) -> tuple[LedgerEntry, Judgement] | None:
    """Return the last decision about a version with its gate report; None if there was none.

    Raises
    ------
    RegistryError
        If the ledger, or the report that its line vouches for, was changed or removed.
    """
    candidate = registry.store.version(model, version)
    registry.champion(model)
    entry = last_report(registry.ledger.entries(model), version)
    if entry is None:
        return None
    text = registry.store.read(candidate, place(entry.gate_report_sha256))
    return entry, read(text, entry.gate_report_sha256)


def first_report(registry: Registry, model: str, version: int) -> GateReport:
    """Return the gates as they were judged when a version was registered."""
    store = registry.store
    return GateReport.from_dict(json.loads(store.read(store.version(model, version), "gates.json")))


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


def _leakage_report(registry: Registry, version: ModelVersion) -> LeakageReport | None:
    """Return what was found when the version was trained; None if nobody looked."""
    try:
        text = registry.store.read(version, FILE)
    except RegistryError:
        return None
    return LeakageReport.from_dict(json.loads(text))
