"""A simulated order log and the recipe its small bundle is fitted with."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np

from features.schema import CATALOGUE, FloatArray, IndicatorFrame
from training.dataset import TrainingSet, eligible
from training.recipe import parse_recipe
from training.splits import Fold, Origin

CUSTOMERS = 320
HORIZON = 60
START = date(2023, 1, 1)
FIT_DAYS = tuple(date(2024, 1, 1) + timedelta(days=HORIZON * k) for k in range(3))
SERVED_DAY = FIT_DAYS[-1] + timedelta(days=HORIZON)
COLUMNS = tuple(CATALOGUE)

Later = Callable[[int, float], IndicatorFrame]
"""Makes a frame of so many days later, with amounts of such a share."""

_TREES = """
    rounds = 25
    learning_rate = 0.1
    num_leaves = 7
    min_data_in_leaf = 10
    lambda_l2 = 1.0
    feature_fraction = 1.0
    bagging_fraction = 1.0
"""
RECIPE = textwrap.dedent(
    f"""
    id = "small"
    seed = 7
    churn.horizon_days = {HORIZON}
    ltv.horizon_days = {HORIZON}
    eligibility.active_within_days = 240
    eligibility.min_tenure_days = 0
    origins.step_days = {HORIZON}
    origins.min_history_days = 90
    origins.train_origins = 3
    backtest.origins = 4
    backtest.step_days = {HORIZON}
    btyd.model = "mbgnbd"
    btyd.penalty = 0.01
    baseline.btyd_weight = 0.5
    baseline.order_value_share = 0.01
    baseline.min_observed_days = 30
    lightgbm.threads = 1
    intervals.nominal = 0.8
    intervals.classes = 3
    intervals.bias_shrinkage = 0.5
    stress.scenarios = []

    [lightgbm.churn]{_TREES}
    [lightgbm.ltv]{_TREES}
    tweedie_power = 1.5

    [gates]
    min_churn_auc = 0.5
    max_churn_ece = 1.0
    max_churn_brier_ratio = 9.0
    max_ltv_mae_ratio = 9.0
    max_ltv_rmse_ratio = 9.0
    min_ltv_spearman = -1.0
    min_ltv_normalised_gini = -1.0
    min_interval_coverage = 0.0
    max_interval_coverage = 1.0
    max_score_psi = 9.0
    max_metric_regression = 1.0
    min_stress_unchanged_share = 0.0
    min_origins = 1
    """
)


class OrderLog:
    """Purchase days and amounts of simulated customers, looked at on any day."""

    def __init__(self, n: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.customer_id = np.array([f"c-{i:04d}" for i in range(n)])
        self.day: list[FloatArray] = []
        self.amount: list[FloatArray] = []
        for _ in range(n):
            first = rng.integers(0, 240)
            gaps = rng.exponential(rng.gamma(2.0, 18.0) + 3.0, 80).cumsum().round()
            days = np.unique(np.concatenate([[first], first + gaps]))
            days = days[: 1 + rng.geometric(0.06)]
            self.day.append(days)
            self.amount.append(np.round(rng.gamma(4.0, rng.gamma(3.0, 8.0), len(days)) + 1.0, 2))

    def frame(self, as_of: date) -> IndicatorFrame:
        """Return indicators; some customers lack a whole dimension, all lack invoices."""
        now = (as_of - START).days
        known = [i for i in range(len(self.day)) if self.day[i][0] <= now]
        values = np.full((len(known), len(COLUMNS)), np.nan)
        for row, i in enumerate(known):
            seen = self.day[i] <= now
            for name, value in _indicators(self.day[i][seen], self.amount[i][seen], now).items():
                values[row, COLUMNS.index(name)] = value
            if i % 11 == 0:
                for name in (
                    "net_amount_growth_90d",
                    "order_days_growth_90d",
                    "category_count_180d",
                ):
                    values[row, COLUMNS.index(name)] = np.nan
        return IndicatorFrame(as_of, self.customer_id[known], COLUMNS, values)

    def training_set(self, days: tuple[date, ...]) -> TrainingSet:
        """Return frames with what happened in the horizon after each day."""
        rule = parse_recipe(RECIPE).eligibility
        frames = [self.frame(day) for day in days]
        churned, net = [], []
        for frame in frames:
            now = (frame.as_of - START).days
            for customer in frame.customer_id:
                i = int(customer.split("-")[1])
                ahead = (self.day[i] > now) & (self.day[i] <= now + HORIZON)
                churned.append(float(not ahead.any()))
                net.append(float(self.amount[i][ahead].sum()))
        values = np.concatenate([f.values for f in frames])
        return TrainingSet(
            columns=COLUMNS,
            values=values,
            customer_id=np.concatenate([f.customer_id for f in frames]),
            as_of=np.concatenate([np.full(len(f), np.datetime64(f.as_of, "D")) for f in frames]),
            churned=np.array(churned),
            net_value=np.array(net),
            eligible=eligible(values, COLUMNS, rule),
        )


def _indicators(days: FloatArray, amounts: FloatArray, now: int) -> dict[str, float]:
    def total(lower: int, upper: int = 0) -> float:
        return float(amounts[(days > now - lower) & (days <= now - upper)].sum())

    def count(lower: int, upper: int = 0) -> int:
        return int(((days > now - lower) & (days <= now - upper)).sum())

    def change(a: float, b: float) -> float:
        return (a - b) / (abs(a) + abs(b)) if a or b else np.nan

    since, tenure = now - days[-1], now - days[0]
    year = count(365)
    return {
        "net_amount_30d": total(30),
        "net_amount_90d": total(90),
        "net_amount_180d": total(180),
        "net_amount_365d": total(365),
        "net_amount_total": float(amounts.sum()),
        "order_days_365d": year,
        "average_order_value_365d": total(365) / year if year else np.nan,
        "repeat_order_value_mean": float(amounts[1:].mean()) if len(days) > 1 else np.nan,
        "net_amount_growth_90d": change(total(90), total(180, 90)),
        "order_days_growth_90d": change(count(90), count(180, 90)),
        "category_count_180d": count(180) % 5,
        "days_since_last_order": since,
        "recency_to_interval_ratio": (
            since * (len(days) - 1) / (days[-1] - days[0]) if len(days) > 1 else np.nan
        ),
        "tenure_days": tenure,
        "active_month_share_12m": len({int((now - d) // 30) for d in days if now - d < 360}) / 12,
        "order_days_30d": count(30),
        "order_days_90d": count(90),
        "net_amount_momentum_30d": change(total(30), total(120, 30) / 3),
        "repeat_count": len(days) - 1,
        "last_order_age_days": days[-1] - days[0],
    }


def origin() -> Origin:
    """Return what a bundle of the day of service learns from."""
    return Origin(
        SERVED_DAY,
        *(
            Fold(
                target=target,
                horizon_days=HORIZON,
                test_day=SERVED_DAY,
                train_days=FIT_DAYS,
                calibration_day=FIT_DAYS[-1],
                fit_days=FIT_DAYS[:-1],
            )
            for target in ("churn", "ltv")
        ),
    )
