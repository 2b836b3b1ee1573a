"""Everything that speaks for or against a version."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


STRONGEST = 4
"""Indicators with a dependence plot of their own."""


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
    partners
        The strongest indicators, strongest first, each with the one it interacts with most.
    """

    names: tuple[str, ...]
    phi: FloatArray
    values: FloatArray
    partners: Mapping[str, str] = field(default_factory=dict)


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
        known = np.column_stack(columns)
        partners = interactions(attribution.names, attribution.phi, known)
        found[name] = Swarm(attribution.names, attribution.phi, known, partners)
    return found


def interactions(names: Sequence[str], phi: FloatArray, values: FloatArray) -> dict[str, str]:
    """Return the :data:`STRONGEST` indicators, each with the one it interacts with most.

    Parameters
    ----------
    names
        ``(m,)`` contributors; one whose values are the same for all, or unknown, is left out.
    phi, values
        ``(n, m)`` contributions and values.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap's own code, and columns without any value
        from shap.utils import approximate_interactions

        middle = np.nan_to_num(np.nanmedian(values, axis=0))
        filled = np.where(np.isnan(values), middle, values)
        told = np.flatnonzero(np.ptp(filled, axis=0) > 0)
        if len(told) < 2:
            return {}
        filled, strength = filled[:, told], np.abs(phi[:, told]).mean(axis=0)
        found = {}
        for index in np.argsort(-strength, kind="stable")[:STRONGEST]:
            order = approximate_interactions(int(index), phi[:, told], filled)
            other = next(int(each) for each in order if each != index)
            found[names[told[index]]] = names[told[other]]
    return found
