"""Everything that speaks for or against a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from features.schema import FloatArray
from tiering.policy import Scheme
from training.evaluation.gates import GateReport
from training.evaluation.report import BacktestReport
from training.evaluation.stress import StressReport

if TYPE_CHECKING:
    from training.bundle import Bundle

SAMPLE = 2000
"""Customers whose contributions are drawn; explaining costs milliseconds a customer."""


@dataclass(frozen=True, slots=True, eq=False)
class Swarm:
    """Contributions of a sample of customers to one prediction.

    Attributes
    ----------
    names
        ``(m,)`` contributors.
    phi
        ``(n, m)`` contributions in units of the margin.
    values
        ``(n, m)`` values of the contributors, NaN where unknown or not an indicator.
    """

    names: tuple[str, ...]
    phi: FloatArray
    values: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A version's reports.

    Attributes
    ----------
    meta
        Facts of the bundle: world, currency, simulated, trained_as_of, hashes, digest.
    swarms
        ``churn_probability`` and ``ltv`` to their contributions.
    """

    meta: Mapping[str, Any]
    scheme: Scheme
    report: BacktestReport
    stress: StressReport
    gates: GateReport
    swarms: Mapping[str, Swarm]


def swarms(bundle: Bundle, values: FloatArray) -> dict[str, Swarm]:
    """Explain a sample of ``(n, k)`` customers, evenly spaced in their order."""
    rows = np.unique(np.linspace(0, len(values) - 1, min(len(values), SAMPLE)).astype(np.int64))
    sample = values[rows]
    position = {name: column for column, name in enumerate(bundle.columns)}
    found = {}
    for name, attribution in bundle.contributions(sample).items():
        columns = [
            sample[:, position[n]] if n in position else np.full(len(sample), np.nan)
            for n in attribution.names
        ]
        found[name] = Swarm(attribution.names, attribution.phi, np.column_stack(columns))
    return found
