"""A small bundle with every companion, and customers who have what they look at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from features.schema import FloatArray, IndicatorFrame
from tests.serving.order_log import HORIZON, RECIPE
from training.bundle import Bundle
from training.models.churn import ChurnModel
from training.models.companions import Companions
from training.models.economics import ContributionModel
from training.models.health import fit_health
from training.models.health_scheme import load_health_scheme
from training.models.renewal import Contracts, RenewalModel, fit_renewal
from training.recipe import ChurnTrees, parse_recipe

SHORT, LONG = 30, 120
"""Days of churn's other horizons; the longer one is the end of the longest contract seen."""
_TREES = ChurnTrees(
    rounds=20,
    learning_rate=0.1,
    num_leaves=4,
    min_data_in_leaf=20,
    lambda_l2=5.0,
    feature_fraction=1.0,
    bagging_fraction=1.0,
)


def rich_frame(frame: IndicatorFrame) -> IndicatorFrame:
    """Give most customers costs, service, contacts and a contract; the last one nothing at all."""
    rng = np.random.default_rng(3)
    values, n = frame.values.copy(), len(frame)
    spend = frame.column("net_amount_365d")
    made = {
        "contribution_365d": spend * rng.uniform(-0.1, 0.5, n),
        "acquisition_cost": rng.uniform(0.0, 300.0, n),
        "csat_mean_365d": rng.uniform(30.0, 100.0, n),
        "complaint_count_180d": rng.poisson(0.7, n).astype(np.float64),
        "on_time_collection_rate_365d": rng.random(n),
        "max_overdue_days": rng.uniform(0.0, 120.0, n),
        "interaction_count_90d": rng.poisson(2.0, n).astype(np.float64),
        "login_week_share_12w": rng.random(n),
        "contract_days_to_end": rng.integers(1, 200, n).astype(np.float64),
        "contract_ended_count_730d": rng.poisson(1.5, n).astype(np.float64),
        "contract_renewal_rate_730d": rng.random(n),
    }
    for name, column in made.items():
        unknown = rng.random(n) < 0.25
        values[:, frame.columns.index(name)] = np.where(unknown, np.nan, column)
    values[:, frame.columns.index("acquisition_cost")][:5] = 0.0
    return replace(frame, values=values)


def rich_bundle(bundle: Bundle, frame: IndicatorFrame) -> Bundle:
    """Return the bundle with churn over three horizons, demand and everything else."""
    values, rng = frame.values, np.random.default_rng(5)
    correction = bundle.churn.correction
    scheme = load_health_scheme()
    looked_at = [each.name for each in scheme.indicators]
    at = [frame.columns.index(name) for name in looked_at]
    left = (rng.random(len(frame)) < 0.4).astype(np.float64)
    recipe = f"{RECIPE}\n[demand]\nhorizon_days = {SHORT}\n".replace(
        "intervals.classes", "intervals.levels = [0.95, 0.5]\nintervals.classes"
    )
    return replace(
        bundle,
        ltv=replace(bundle.ltv, others=(replace(bundle.ltv.intervals, nominal=0.95),)),
        recipe=parse_recipe(recipe),
        companions=Companions(
            more_churn=(
                ChurnModel(replace(correction, horizon_days=SHORT, level=correction.level + 0.4)),
                ChurnModel(replace(correction, horizon_days=LONG, level=correction.level - 0.3)),
            ),
            demand=replace(
                bundle.ltv,
                correction=replace(
                    bundle.ltv.correction,
                    horizon_days=SHORT,
                    level=bundle.ltv.correction.level - 0.7,
                ),
            ),
            contribution=ContributionModel(0.2, (300.0, 900.0), (0.3, 0.2, 0.15), 500.0, 1.1, 200),
            health=fit_health(scheme, looked_at, values[:, at], left, HORIZON),
            renewal=_renewal(frame.columns, values, rng),
        ),
    )


def _renewal(
    columns: tuple[str, ...], values: FloatArray, rng: np.random.Generator
) -> RenewalModel:
    lapsed = (rng.random(len(values)) < 0.3).astype(np.float64)
    due = np.isfinite(values[:, columns.index("contract_days_to_end")])
    contracts = Contracts.of(columns, values, lapsed).where(due)
    return fit_renewal(contracts, contracts, _TREES, seed=1, threads=1)
