"""Published indicators and outcomes of many snapshot days, stacked for training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray, IndicatorFrame
from tiering import challenge
from training.errors import DatasetError
from training.recipe import Eligibility, TargetName

BoolArray = npt.NDArray[np.bool_]
DayArray = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """One row for each customer and snapshot day.

    All customers are kept, because the purchase model behind the baseline must see
    those who left as well; ``eligible`` marks the rows that trees learn from and
    metrics are counted on.

    Attributes
    ----------
    columns
        ``(k,)`` indicator names.
    values
        ``(n, k)`` float64; NaN means unknown.
    customer_id
        ``(n,)`` strings.
    as_of
        ``(n,)`` datetime64[D].
    churned
        ``(n,)`` 1.0 if no purchase day in the churn horizon, else 0.0; NaN while the
        horizon is not closed.
    net_value
        ``(n,)`` net spend in the LTV horizon, money; NaN while it is not closed.
    eligible
        ``(n,)`` whether the row meets the recipe's eligibility.
    more_churned, more_net_value
        The same outcomes over other horizons, ``(n,)`` by days.
    contribution
        ``(n,)`` net value less cost, rebates, service and receivables in the LTV horizon,
        money; NaN where unknown. Left out: unknown for everybody.
    contract_lapsed
        ``(n,)`` 1.0 where a contract that ended in the churn horizon was not renewed, 0.0
        where all were; NaN where none ended. Left out: unknown for everybody.
    """

    columns: tuple[str, ...]
    values: FloatArray
    customer_id: npt.NDArray[np.str_]
    as_of: DayArray
    churned: FloatArray
    net_value: FloatArray
    eligible: BoolArray
    more_churned: Mapping[int, FloatArray] = field(default_factory=dict)
    more_net_value: Mapping[int, FloatArray] = field(default_factory=dict)
    contribution: FloatArray = field(default_factory=lambda: np.empty(0))
    contract_lapsed: FloatArray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        for name in ("contribution", "contract_lapsed"):
            if len(getattr(self, name)) != len(self):
                object.__setattr__(self, name, np.full(len(self), np.nan))

    def __len__(self) -> int:
        return len(self.customer_id)

    def where(self, mask: BoolArray) -> TrainingSet:
        """Return the rows where ``mask`` ``(n,)`` is true."""
        return TrainingSet(
            self.columns,
            self.values[mask],
            self.customer_id[mask],
            self.as_of[mask],
            self.churned[mask],
            self.net_value[mask],
            self.eligible[mask],
            {days: outcome[mask] for days, outcome in self.more_churned.items()},
            {days: outcome[mask] for days, outcome in self.more_net_value.items()},
            self.contribution[mask],
            self.contract_lapsed[mask],
        )

    def over(self, target: TargetName, horizon_days: int) -> TrainingSet:
        """Return the set with the outcomes of another horizon in the place of one target's.

        Raises
        ------
        KeyError
            If that horizon was not loaded.
        """
        if target == "churn":
            return replace(self, churned=self.more_churned[horizon_days])
        return replace(self, net_value=self.more_net_value[horizon_days])

    def on(self, days: date | Iterable[date]) -> TrainingSet:
        """Return the rows of one or several snapshot days, in stored order; see :meth:`rows`."""
        return self.where(self.rows(days))

    def rows(self, days: date | Iterable[date]) -> BoolArray:
        """Return which rows are of one or several snapshot days, ``(n,)``.

        A mask costs a byte a row, a copy of the rows a kilobyte: what reads a large set once
        joins masks and takes what it needs of the columns.

        Raises
        ------
        DatasetError
            If a day has no row.
        """
        wanted = [days] if isinstance(days, date) else list(days)
        stamps = np.array(wanted, dtype="datetime64[D]")
        absent = sorted(set(stamps.tolist()) - set(np.unique(self.as_of).tolist()))
        if absent:
            raise DatasetError(
                f"The training set has no snapshot of {', '.join(map(str, absent))}.",
                hint="Publish every day of the origin plan before training.",
                days=[str(day) for day in absent],
            )
        return np.isin(self.as_of, stamps)

    def column(self, name: str) -> FloatArray:
        """Return one indicator, ``(n,)``."""
        return self.values[:, self.columns.index(name)]

    def some(self, rows: BoolArray, names: Sequence[str]) -> FloatArray:
        """Return some indicators of the rows where ``rows`` ``(n,)`` is true, in that order."""
        wanted = np.array([self.columns.index(name) for name in names], dtype=np.int64)
        return self.values[np.ix_(np.flatnonzero(rows), wanted)]


def eligible(values: FloatArray, columns: Sequence[str], rule: Eligibility) -> BoolArray:
    """Return which of ``(n, k)`` customers meet the recipe's eligibility, ``(n,)``.

    Bought within ``active_within_days`` and known for ``min_tenure_days``; unknown
    counts as not eligible.
    """
    at_since, at_tenure = columns.index("days_since_last_order"), columns.index("tenure_days")
    if len(values) == 1:  # numpy takes a microsecond for each step, however many there are
        since_of_one, tenure_of_one = values.item(0, at_since), values.item(0, at_tenure)
        known = since_of_one <= rule.active_within_days and tenure_of_one >= rule.min_tenure_days
        return np.array([known])
    since, tenure = values[:, at_since], values[:, at_tenure]
    with np.errstate(invalid="ignore"):
        return (since <= rule.active_within_days) & (tenure >= rule.min_tenure_days)


def challenged(values: FloatArray, columns: Sequence[str], rule: Eligibility) -> BoolArray:
    """Return which of ``(n, k)`` customers' spend jumped without an explanation, ``(n,)`` (#7)."""
    by_name = {name: values[:, index] for index, name in enumerate(columns)}
    return challenge.challenged(by_name, rule.max_jump_ratio, len(values))


def learned_from(data: TrainingSet, rule: Eligibility) -> TrainingSet:
    """Return the set with challenged rows no longer eligible: what models may learn from.

    Models are judged on ``data`` itself: a jump that nobody explained must not become a
    pattern, but its customer has to be graded, so the figures must say how well.
    """
    return replace(data, eligible=data.eligible & ~challenged(data.values, data.columns, rule))


def load_training_set(
    published_dir: Path,
    days: Sequence[date],
    churn_horizon_days: int,
    ltv_horizon_days: int,
    eligibility: Eligibility,
    *,
    more_churn_days: Sequence[int] = (),
    more_ltv_days: Sequence[int] = (),
) -> TrainingSet:
    """Read the published frames of ``days`` and the outcomes that are closed.

    Parameters
    ----------
    more_churn_days, more_ltv_days
        Other horizons whose outcomes are read beside.

    Raises
    ------
    DatasetError
        If a frame is missing, frames differ in their columns, or outcomes do not
        belong to the customers of their frame.
    """
    if not days:
        raise DatasetError("No snapshot days were asked for.", hint="Plan origins first.")
    frames = [_frame(published_dir, day) for day in sorted(set(days))]
    columns = frames[0].columns
    for frame in frames:
        if frame.columns != columns:
            raise DatasetError(
                f"The frame of {frame.as_of} has other columns than that of {frames[0].as_of}.",
                hint="Publish all days again with one version of the catalogue.",
                day=str(frame.as_of),
            )

    def told(name: str, horizon: int) -> FloatArray:
        return np.concatenate([_outcome(published_dir, frame, horizon, name) for frame in frames])

    values = np.concatenate([frame.values for frame in frames])
    return TrainingSet(
        columns=columns,
        values=values,
        customer_id=np.concatenate([frame.customer_id for frame in frames]),
        as_of=np.concatenate([np.full(len(f), f.as_of, dtype="datetime64[D]") for f in frames]),
        churned=told("churned", churn_horizon_days),
        net_value=told("net_value", ltv_horizon_days),
        eligible=eligible(values, columns, eligibility),
        more_churned={days: told("churned", days) for days in more_churn_days},
        more_net_value={days: told("net_value", days) for days in more_ltv_days},
        contribution=told("contribution", ltv_horizon_days),
        contract_lapsed=told("contract_lapsed", churn_horizon_days),
    )


def _frame(published_dir: Path, day: date) -> IndicatorFrame:
    path = published_dir / "indicators" / f"{day}.parquet"
    if not path.is_file():
        raise DatasetError(
            f"There is no published frame of {day}.",
            hint="Run `tierwise features publish` for the days of the origin plan.",
            day=str(day),
        )
    from features.parquet import read_frame  # pyarrow: a loaded bundle has no need of it

    return read_frame(path)


def _outcome(
    published_dir: Path, frame: IndicatorFrame, horizon_days: int, name: str
) -> FloatArray:
    """One outcome of a frame's customers ``(n,)``, NaN where the horizon is not closed."""
    path = published_dir / "outcomes" / f"{frame.as_of}-{horizon_days}d.parquet"
    if not path.is_file():
        return np.full(len(frame), np.nan)
    from features.parquet import read_outcomes

    outcomes = read_outcomes(path)
    if not np.array_equal(outcomes.customer_id, frame.customer_id):
        raise DatasetError(
            f"Outcomes of {frame.as_of} over {horizon_days} days are of other customers than "
            "the frame of that day.",
            hint="Publish that day again.",
            day=str(frame.as_of),
            horizon_days=horizon_days,
        )
    return np.asarray(getattr(outcomes, name), dtype=np.float64)
