"""What a backtest found, as data: metrics by target, model and origin, tiers, curves.

The report is the one source of the model card, the plots, the gates and the registry's
metrics; it is stored as JSON with the version and read back when the next one is judged.
``docs/backtest-report.md`` documents the JSON; ``backtest_report.schema.json`` is its schema.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from training.errors import RegistryError
from training.evaluation.rows import (
    COMPARED,
    LOWER_IS_BETTER,
    MEDIANS,
    OURS,
    POOLED,
    SHOWN,
    WITHIN_ORIGIN,
    MetricRow,
    SliceRow,
    TierRow,
)

__all__ = [
    "COMPARED",
    "LOWER_IS_BETTER",
    "OURS",
    "POOLED",
    "SCHEMA_VERSION",
    "SHOWN",
    "WITHIN_ORIGIN",
    "BacktestReport",
    "MetricRow",
    "SliceRow",
    "TierRow",
]

SCHEMA_VERSION = 2
"""Of the JSON. It rises when a reader of the former one would break or misread; reports of
version 1 (without the number) are still read."""


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """Everything a backtest found.

    Attributes
    ----------
    facts
        World, recipe, horizons, fingerprints: what makes two reports comparable.
    counts
        Per origin: customers in the snapshot, eligible, challenged among those (#7), and for
        each target the rows learned from and the challenged rows left out.
    rows
        Metrics of every model, each origin and pooled.
    tiers, value_tiers
        Tiers given beside the right ones, each origin and pooled, by the two definitions of
        right that :class:`TierRow` tells.
    differences
        Pooled metric of the served model minus that of each baseline on the same rows, with a
        paired 95 % interval: ``target, horizon_days, metric, model, n, whole, mean, low, high``.
    stability
        How often tiers changed between consecutive origins, and changed back.
    slices, history
        Figures of parts of the customers, and how much the grades lean on past spend (#66).
    indicators
        Misjudgment of every indicator of the scheme, and the weight proposed (#65).
    weights
        Weights of the dimensions by regression on the realised value (#39).
    curves
        Points for the plots (``training/evaluation/curves.py``), JSON-able.
    seconds
        Wall-clock time.
    """

    facts: Mapping[str, Any]
    counts: tuple[Mapping[str, Any], ...]
    rows: tuple[MetricRow, ...]
    tiers: tuple[TierRow, ...]
    tier_ids: tuple[str, ...]
    differences: tuple[Mapping[str, Any], ...] = ()
    curves: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    value_tiers: tuple[TierRow, ...] = ()
    stability: Mapping[str, Any] = field(default_factory=dict)
    slices: tuple[SliceRow, ...] = ()
    history: Mapping[str, Any] = field(default_factory=dict)
    indicators: tuple[Mapping[str, Any], ...] = ()
    weights: Mapping[str, Any] = field(default_factory=dict)

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins, ascending, without the pooled one."""
        return tuple(str(count["origin"]) for count in self.counts)

    def horizons(self, target: str) -> tuple[int, ...]:
        """Return the horizons of a target, the main one first: that of grades and gates."""
        found = list(dict.fromkeys(row.horizon_days for row in self.rows if row.target == target))
        main = self.facts.get(f"{target}_horizon_days")
        return tuple(sorted(found, key=lambda days: days != main))

    def pooled(
        self, target: str, *, comparable: bool = False, horizon_days: int | None = None
    ) -> dict[str, MetricRow]:
        """Return the pooled row of each model.

        Parameters
        ----------
        comparable
            Leave out models that know only some of the customers.
        horizon_days
            Horizon of the target; the main one by default.
        """
        wanted = next(iter(self.horizons(target)), None) if horizon_days is None else horizon_days
        return {
            row.model: row
            for row in self.rows
            if (row.target, row.horizon_days, row.origin) == (target, wanted, POOLED)
            and (row.whole or not comparable)
        }

    def metric(
        self, target: str, name: str, model: str = OURS, *, horizon_days: int | None = None
    ) -> float:
        """Return one pooled metric; NaN if it was not measured."""
        row = self.pooled(target, horizon_days=horizon_days).get(model)
        return math.nan if row is None else row.metrics.get(name, math.nan)

    def best_baseline(
        self, target: str, name: str, *, horizon_days: int | None = None
    ) -> tuple[str, float]:
        """Return the best baseline over all customers by one pooled metric; NaN if none.

        Baselines of :data:`MEDIANS` are not asked: the served number is an expectation.
        """
        found = [
            (row.model, row.metrics.get(name, math.nan))
            for row in self.pooled(target, comparable=True, horizon_days=horizon_days).values()
            if row.model != OURS and row.model not in MEDIANS
        ]
        known = [(model, value) for model, value in found if not math.isnan(value)]
        if not known:
            return "none", math.nan
        pick = min if name in LOWER_IS_BETTER else max
        return pick(known, key=lambda pair: pair[1])

    def pooled_tiers(self) -> TierRow:
        """Return the tiers of all origins together, beside those of hindsight."""
        return next(row for row in self.tiers if row.origin == POOLED)

    def flat(self) -> dict[str, float]:
        """Return the pooled figures by dotted name, for the registry.

        ``backtest.<target>.<metric>`` for the served model at the main horizon,
        ``backtest.<target>_<h>d.<metric>`` at others, ``backtest.<target>.<model>.<metric>`` for
        the baselines, ``backtest.tier.<figure>`` and ``backtest.value_tier.<figure>``,
        ``backtest.tiers.<id>.precision`` and ``.recall``. A model that knew nobody has none.
        """
        figures: dict[str, float] = {"backtest.origins": float(len(self.origins))}
        for target in SHOWN:
            for place, days in enumerate(self.horizons(target)):
                name = f"{target}_{days}d" if place else target
                for model, row in self.pooled(target, horizon_days=days).items():
                    if row.n == 0:
                        continue
                    prefix = f"backtest.{name}." + ("" if model == OURS else f"{model}.")
                    figures |= {prefix + key: value for key, value in row.metrics.items()}
                    figures[prefix + "n"] = float(row.n)
        for prefix, rows in (("tier", self.tiers), ("value_tier", self.value_tiers)):
            for tier_row in (row for row in rows if row.origin == POOLED):
                for name in _TIER_FIGURES:
                    figures[f"backtest.{prefix}.{name}"] = float(getattr(tier_row, name))
        pooled = self.pooled_tiers()
        for index, tier in enumerate(self.tier_ids):
            figures[f"backtest.tiers.{tier}.precision"] = pooled.precision(index)
            figures[f"backtest.tiers.{tier}.recall"] = pooled.recall(index)
        for name in ("change_rate", "reversal_rate"):
            if self.stability.get(name) is not None:
                figures[f"backtest.tier.{name}"] = float(self.stability[name])
        return figures

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-able data; what is not a number becomes None."""
        document: dict[str, Any] = _plain(asdict(self))
        return {"schema_version": SCHEMA_VERSION, **document}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> BacktestReport:
        """Read what :meth:`to_dict` wrote, or a report of version 1 (before the number).

        Raises
        ------
        RegistryError
            If the report is of a version that this code does not know.
        """
        version = document.get("schema_version", 1)
        if version not in _READABLE:
            raise RegistryError(
                f"The backtest report has schema version {version!r}; this code reads "
                f"{' and '.join(map(str, _READABLE))}.",
                hint="Read it with the release that wrote it, or train again.",
                schema_version=version,
            )
        facts = document["facts"]
        return cls(
            facts=facts,
            counts=tuple(document["counts"]),
            rows=tuple(_metric_row(row, facts) for row in document["rows"]),
            tiers=tuple(map(_tier_row, document["tiers"])),
            tier_ids=tuple(document["tier_ids"]),
            differences=tuple(document["differences"]),
            curves=document["curves"],
            seconds=document["seconds"],
            value_tiers=tuple(map(_tier_row, document.get("value_tiers", ()))),
            stability=document.get("stability", {}),
            slices=tuple(
                SliceRow(
                    **{
                        **row,
                        "metrics": _numbers(row["metrics"]),
                        "intervals": _intervals(row["intervals"]),
                    }
                )
                for row in document.get("slices", ())
            ),
            history=document.get("history", {}),
            indicators=tuple(document.get("indicators", ())),
            weights=document.get("weights", {}),
        )


_READABLE = (1, SCHEMA_VERSION)
_TIER_FIGURES = ("accuracy", "within_one", "too_high", "too_low", "majority", "referred")


def _metric_row(row: Mapping[str, Any], facts: Mapping[str, Any]) -> MetricRow:
    told = {"horizon_days": facts.get(f"{row['target']}_horizon_days", 0), **row}
    metrics, intervals = _numbers(row["metrics"]), _intervals(row.get("intervals", {}))
    return MetricRow(**{**told, "metrics": metrics, "intervals": intervals})


def _tier_row(row: Mapping[str, Any]) -> TierRow:
    return TierRow(**{**_numbers(row), "confusion": tuple(map(tuple, row["confusion"]))})


def _intervals(row: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    return {name: (low, high) for name, (low, high) in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: math.nan if value is None else value for key, value in row.items()}
