"""Snapshots with what came of them, and the alerts that a model of that day raises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from features.parquet import read_frame, read_outcomes
from features.schema import FloatArray, IndicatorFrame
from serving.nightly.watching import health_score
from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.alerts.raising import Alerts, Tiers, raise_alerts
from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.dataset import load_training_set
from training.fitting import Provenance, fit_bundle
from training.recipe import load_recipe
from training.splits import Fold, Origin

HORIZON = 90
ACTIVE_DAYS = 180
"""Days since the last order from which on a customer is gone, not at risk."""
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A frame with what came in the 90 days after it, ``(n,)`` each."""

    day: date
    frame: IndicatorFrame
    churned: BoolArray
    net: FloatArray

    @property
    def active(self) -> BoolArray:
        """Whether the customer is still one."""
        return self.frame.column("days_since_last_order") < ACTIVE_DAYS

    @property
    def regular(self) -> BoolArray:
        """Whether there is something to lose: active, and bought in half of the months."""
        return self.active & (self.frame.column("active_month_share_12m") >= 0.5)

    @property
    def halved(self) -> BoolArray:
        """Whether the next 90 days brought less than half of a usual quarter."""
        known = np.minimum(self.frame.column("tenure_days") + 1.0, 365.0)
        usual = self.frame.column("net_amount_365d") * HORIZON / np.maximum(known, HORIZON)
        return self.net < 0.5 * usual


def snapshots(published: Path) -> Iterator[Snapshot]:
    """Yield the snapshots whose outcomes are known, oldest first."""
    for path in sorted((published / "indicators").glob("*.parquet")):
        outcome = published / "outcomes" / f"{path.stem}-{HORIZON}d.parquet"
        if not outcome.is_file():
            continue
        frame, later = read_frame(path), read_outcomes(outcome)
        assert (frame.customer_id == later.customer_id).all()
        yield Snapshot(
            frame.as_of, frame, np.asarray(later.churned, dtype=np.bool_), later.net_value
        )


def fitted(published: Path, recipe_name: str, day: date) -> Bundle:
    """Fit all models on what was known on a day."""
    packaged = load_recipe(recipe_name)
    recipe = packaged.model_copy(
        update={
            "churn": packaged.churn.model_copy(
                update={"horizon_days": HORIZON, "more_horizons_days": ()}
            ),
            "ltv": packaged.ltv.model_copy(update={"horizon_days": HORIZON}),
            "demand": None,
        }
    )
    known = [each.day for each in snapshots(published) if each.day + timedelta(days=HORIZON) <= day]
    calibration = known[-1]
    folds = [
        Fold(
            target=target,
            horizon_days=HORIZON,
            test_day=day,
            train_days=tuple(known),
            calibration_day=calibration,
            fit_days=tuple(d for d in known if d + timedelta(days=HORIZON) <= calibration),
        )
        for target in ("churn", "ltv")
    ]
    data = load_training_set(published, [*known, day], HORIZON, HORIZON, recipe.eligibility)
    about = Provenance("experiment", "", True, "0" * 64, "experiment")
    return fit_bundle(data, Origin(day, folds[0], folds[1]), recipe, load_scheme(), about)


def raised(bundle: Bundle, frame: IndicatorFrame) -> tuple[Alerts, Tiers]:
    """Raise the alerts of a frame as the nightly batch does."""
    order = [frame.columns.index(name) for name in bundle.columns]
    values = frame.values[:, order]
    scores, decisions = bundle.decide(values)
    by_name = {name: frame.values[:, i] for i, name in enumerate(frame.columns)}
    by_name |= {"churn_probability": scores.churn_probability, "ltv": scores.ltv}
    by_name["health_score"] = health_score(bundle, by_name, values, len(frame))
    ids = tuple(tier.id for tier in bundle.scheme.tiers)
    tiers = Tiers(bundle.scheme.id, ids, np.asarray(decisions.tier))
    return raise_alerts(packaged_catalogue(), by_name, tiers, len(frame)), tiers
