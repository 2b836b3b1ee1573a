"""Contractual churn: will the contract that runs be renewed when it ends?

A contract can lapse on one day only, its end, so the hazard is zero before it and the chance
to lapse there: the chance to lapse within a horizon is that of the contract where its end lies
in the horizon, and 0 where it does not. So it never falls as the horizon grows. The chance
starts from the customer's own record of two years, shrunk to that of all (beta-binomial), and is
corrected by trees that also see how far away the end is; the sum is calibrated out of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaln

from features.schema import CATALOGUE, FloatArray
from training.errors import FitError
from training.models.boosting import Boosted, fit_boosted
from training.models.calibration import Platt, fit_platt
from training.recipe import ChurnTrees

DAYS_TO_END = "contract_days_to_end"
"""The indicator that says when the contract ends, and the input that the trees see of it."""

ENDED, RENEWAL_RATE = "contract_ended_count_730d", "contract_renewal_rate_730d"
"""The indicators of a customer's own record."""

BoolArray = npt.NDArray[np.bool_]

MIN_CONTRACTS = 50
# Lapses and renewals a customer's own record is held against, at least and at most.
_STRENGTH = (0.5, 500.0)


@dataclass(frozen=True, slots=True)
class Contracts:
    """One row for each customer and snapshot with a running contract that is not renewed yet.

    Attributes
    ----------
    columns, values
        ``(k,)`` names and ``(n, k)`` values of indicators; NaN means unknown.
    days_to_end
        ``(n,)`` days from the snapshot to the end of the contract, above 0.
    ended, renewed
        ``(n,)`` the customer's contracts that had ended by the snapshot, and how many of
        them had been renewed.
    lapsed
        ``(n,)`` 1.0 where the contract was not renewed, 0.0 where it was; NaN while open.
    """

    columns: tuple[str, ...]
    values: FloatArray
    days_to_end: FloatArray
    ended: FloatArray
    renewed: FloatArray
    lapsed: FloatArray

    def __len__(self) -> int:
        return len(self.days_to_end)

    @classmethod
    def of(cls, columns: Sequence[str], values: FloatArray, lapsed: FloatArray) -> Contracts:
        """Return one row for each of ``(n, k)`` customers, ``lapsed`` ``(n,)`` as published.

        Customers without such a contract have an unknown ``days_to_end``; :func:`ending` finds
        the others.
        """
        names = list(columns)
        days, ended, rate = (
            values[:, names.index(name)] for name in (DAYS_TO_END, ENDED, RENEWAL_RATE)
        )
        ended = np.nan_to_num(ended)
        renewed = np.rint(np.nan_to_num(rate) * ended)
        inputs = [i for i, name in enumerate(names) if CATALOGUE[name].model_input]
        told = tuple(names[i] for i in inputs)
        return cls(told, values[:, inputs], days, ended, renewed, lapsed)

    def where(self, mask: BoolArray) -> Contracts:
        """Return the rows where ``mask`` ``(n,)`` is true."""
        return Contracts(
            self.columns,
            self.values[mask],
            self.days_to_end[mask],
            self.ended[mask],
            self.renewed[mask],
            self.lapsed[mask],
        )

    def and_then(self, later: Contracts) -> Contracts:
        """Return these rows and later ones."""
        joined = (
            np.concatenate([getattr(self, name), getattr(later, name)])
            for name in ("values", "days_to_end", "ended", "renewed", "lapsed")
        )
        return Contracts(self.columns, *joined)

    def matrix(self) -> FloatArray:
        """Return what the trees see, ``(n, k + 1)``."""
        return np.column_stack([self.values, self.days_to_end])


def ending(columns: Sequence[str], values: FloatArray, horizon_days: int) -> BoolArray:
    """Say which of ``(n, k)`` customers' contracts are due within the horizon, ``(n,)``."""
    days = values[:, list(columns).index(DAYS_TO_END)]
    return np.asarray(np.nan_to_num(days, nan=np.inf) <= horizon_days)


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """Lapses of a customer before, shrunk to those of all.

    Attributes
    ----------
    base_rate
        Share of all contracts that lapse, 0 to 1.
    strength
        Contracts of its own at which a customer's record weighs half.
    """

    base_rate: float
    strength: float

    def rate(self, ended: FloatArray, renewed: FloatArray) -> FloatArray:
        """Return the chance to lapse ``(n,)`` by the record alone, strictly within 0 and 1."""
        lapses = ended - renewed + self.strength * self.base_rate
        return np.asarray(lapses / (ended + self.strength), dtype=np.float64)

    def log_odds(self, ended: FloatArray, renewed: FloatArray) -> FloatArray:
        """Return the log-odds of :meth:`rate`."""
        rate = self.rate(ended, renewed)
        return np.asarray(np.log(rate) - np.log1p(-rate), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class RenewalModel:
    """The record of lapses, its correction and its calibration."""

    record: OwnRecord
    boosted: Boosted
    calibration: Platt

    def lapse(self, contracts: Contracts) -> FloatArray:
        """Return the chance ``(n,)`` that the contract lapses at its end."""
        margin = self.record.log_odds(contracts.ended, contracts.renewed)
        return self.calibration.probability(margin + self.boosted.margin(contracts.matrix()))

    def lapse_within(
        self, columns: Sequence[str], values: FloatArray, horizon_days: int
    ) -> FloatArray:
        """Return the chance of lapse of customers ``(n, k)``, ``(n,)``; NaN without a contract
        that ends within the horizon."""
        due = ending(columns, values, horizon_days)
        found = np.full(len(values), np.nan)
        found[due] = self.lapse(Contracts.of(columns, values, found).where(due))
        return found

    def within(self, contracts: Contracts, horizons_days: Sequence[int]) -> FloatArray:
        """Return the chance ``(n, m)`` to lapse within horizons, non-decreasing in them."""
        ends = contracts.days_to_end[:, None] <= np.asarray(horizons_days, dtype=np.float64)
        return np.asarray(np.where(ends, self.lapse(contracts)[:, None], 0.0))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict without the trees."""
        return {
            "base_rate": self.record.base_rate,
            "strength": self.record.strength,
            "calibration": self.calibration.to_dict(),
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any], boosted: Boosted) -> RenewalModel:
        """Read :meth:`to_dict` and join it with its trees."""
        record = OwnRecord(document["base_rate"], document["strength"])
        return cls(record, boosted, Platt.from_dict(document["calibration"]))


def fit_renewal(
    earlier: Contracts,
    latest: Contracts,
    trees: ChurnTrees,
    *,
    seed: int,
    threads: int,
    level_share: float = 1.0,
) -> RenewalModel:
    """Fit on closed snapshots: calibrate on the latest one, then learn from all.

    Parameters
    ----------
    earlier
        Contracts whose outcome had closed by the snapshot of ``latest``.
    latest
        Contracts of a later snapshot that has closed as well.
    level_share
        Share of the latest snapshot's error of level that is carried; see ``fit_platt``.

    Raises
    ------
    FitError
        If either has too few contracts, or all of the earlier ones lapsed or none did.
    """
    earlier = earlier.where(np.isfinite(earlier.lapsed))
    latest = latest.where(np.isfinite(latest.lapsed))
    lapses = int(earlier.lapsed.sum())
    if len(earlier) < MIN_CONTRACTS or not 0 < lapses < len(earlier):
        raise FitError(
            f"Renewal cannot be learned from {len(earlier)} contracts of which {lapses} lapsed.",
            hint=f"It takes {MIN_CONTRACTS} that have ended, some renewed and some not; "
            "publish more days or a longer horizon.",
            contracts=len(earlier),
            lapsed=lapses,
        )
    trial_record, trial = _fit(earlier, trees, seed, threads)
    margin = trial_record.log_odds(latest.ended, latest.renewed) + trial.margin(latest.matrix())
    calibration = fit_platt(margin, latest.lapsed, level_share=level_share)
    record, boosted = _fit(earlier.and_then(latest), trees, seed, threads)
    return RenewalModel(record, boosted, calibration)


def _fit(
    contracts: Contracts, trees: ChurnTrees, seed: int, threads: int
) -> tuple[OwnRecord, Boosted]:
    record = fit_record(contracts.ended, contracts.renewed, contracts.lapsed)
    boosted = fit_boosted(
        contracts.matrix(),
        (*contracts.columns, DAYS_TO_END),
        contracts.lapsed,
        record.log_odds(contracts.ended, contracts.renewed),
        trees,
        objective="binary",
        seed=seed,
        threads=threads,
    )
    return record, boosted


def fit_record(ended: FloatArray, renewed: FloatArray, lapsed: FloatArray) -> OwnRecord:
    """Fit the shrinkage by how well a record ``(n,)`` foretells the next outcome ``(n,)``.

    The base rate is that of the outcomes: all who are judged had a contract, most of them
    no record.
    """
    from scipy.optimize import minimize_scalar  # heavy, and only fitting takes it

    # One lapse and one renewal more keep both possible.
    base = float((lapsed.sum() + 1.0) / (len(lapsed) + 2.0))
    before = ended - renewed

    def loss(log_strength: float) -> float:
        a, b = np.exp(log_strength) * base, np.exp(log_strength) * (1.0 - base)
        now = betaln(a + before + lapsed, b + renewed + 1.0 - lapsed)
        return -float(np.sum(now - betaln(a + before, b + renewed)))

    found = minimize_scalar(loss, bounds=np.log(_STRENGTH), method="bounded")
    return OwnRecord(base, float(np.exp(found.x)))
