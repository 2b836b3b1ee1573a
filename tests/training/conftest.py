"""A small world with a known law, as the training set the loader would make of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

from features.schema import CATALOGUE, FloatArray
from tiering.certification.certificate import certify
from tiering.certification.search import Promise
from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.dataset import TrainingSet, eligible
from training.evaluation.certification import Graded, trial_of
from training.fitting import Provenance, fit_bundle
from training.models.certified import GOVERNING, CertifiedTiers
from training.models.tier_confidence import fit_tier_confidence
from training.models.tier_view import shares_of, tier_view
from training.recipe import Recipe, parse_recipe
from training.splits import OriginPlan, plan_origins

# A property is not false because the machine is busy.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

FIRST, LAST = date(2024, 1, 1), date(2025, 6, 30)
CUSTOMERS = 400
COLUMNS = tuple(CATALOGUE)


def small_recipe() -> Recipe:
    """The default recipe with short horizons and few, small trees on one thread."""
    text = (files("training") / "recipes" / "default.toml").read_text("utf-8")
    section = ""
    lines = []
    new = {
        ("churn", "horizon_days"): 60,
        ("ltv", "horizon_days"): 60,
        ("origins", "min_history_days"): 120,
        ("regression", "recent_share"): 0.0,  # takes a purchase model for every past day
        ("lightgbm", "threads"): 1,
        ("lightgbm.churn", "rounds"): 25,
        ("lightgbm.churn", "min_data_in_leaf"): 30,
        ("lightgbm.ltv", "rounds"): 25,
        ("lightgbm.ltv", "min_data_in_leaf"): 30,
    }
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        key = (section, line.split(" = ")[0])
        lines.append(f"{key[1]} = {new[key]}" if key in new else line)
    return parse_recipe("\n".join(lines), origin="small")


class World:
    """Customers who buy by a Poisson process until they leave; some days carry returns."""

    def __init__(self, seed: int = 11, customers: int = CUSTOMERS) -> None:
        rng = np.random.default_rng(seed)
        span = (LAST - FIRST).days
        self.events: list[tuple[FloatArray, FloatArray]] = []
        for _ in range(customers):
            rate = rng.gamma(1.2, 1 / 25)
            spend = rng.lognormal(3.5, 0.8)
            day = float(rng.integers(0, span // 2))
            days, amounts = [day], [spend * rng.lognormal(0, 0.4)]
            leave = rng.beta(1.0, 9.0)
            while rng.random() > leave:
                day = float(np.ceil(day + rng.exponential(1 / rate)))
                if day > span:
                    break
                days.append(day)
                amounts.append(spend * rng.lognormal(0, 0.4))
            self.events.append((np.array(days), np.array(amounts)))

    def at(self, day: date, horizon: int) -> tuple[FloatArray, FloatArray, FloatArray, list[str]]:
        """Indicators ``(n, k)``, churned, net value (NaN if not closed) and ids of one day."""
        now = float((day - FIRST).days)
        closed = day + timedelta(days=horizon) <= LAST
        rows, churned, value, ids = [], [], [], []
        for number, (days, amounts) in enumerate(self.events):
            seen = days <= now
            if not seen.any():
                continue
            rows.append(self._row(days[seen], amounts[seen], now))
            later = (days > now) & (days <= now + horizon)
            churned.append(float(not later.any()) if closed else np.nan)
            value.append(float(amounts[later].sum()) if closed else np.nan)
            ids.append(f"c{number:05d}")
        return np.array(rows), np.array(churned), np.array(value), ids

    @staticmethod
    def _row(days: FloatArray, amounts: FloatArray, now: float) -> FloatArray:
        known: dict[str, float] = {}
        for window in (30, 90, 180, 365):
            inside = days > now - window
            known[f"net_amount_{window}d"] = float(amounts[inside].sum())
            known[f"order_days_{window}d"] = float(inside.sum())
        known["net_amount_total"] = float(amounts.sum())
        known["days_since_last_order"] = now - days[-1]
        known["tenure_days"] = now - days[0]
        known["repeat_count"] = len(days) - 1.0
        known["last_order_age_days"] = days[-1] - days[0]
        if len(days) > 1:
            known["repeat_order_value_mean"] = float(amounts[1:].mean())
        return np.array([known.get(name, np.nan) for name in COLUMNS])


def world_set(world: World, plan: OriginPlan, recipe: Recipe) -> TrainingSet:
    """The training set of a plan's days."""
    horizon = recipe.churn.horizon_days
    parts = [(day, *world.at(day, horizon)) for day in plan.days]
    values = np.concatenate([part[1] for part in parts])
    return TrainingSet(
        columns=COLUMNS,
        values=values,
        customer_id=np.concatenate([np.array(part[4], dtype=np.str_) for part in parts]),
        as_of=np.concatenate(
            [np.full(len(part[4]), part[0], dtype="datetime64[D]") for part in parts]
        ),
        churned=np.concatenate([part[2] for part in parts]),
        more_churned={
            days: np.concatenate([world.at(day, days)[1] for day in plan.days])
            for days in recipe.churn.more_horizons_days
        },
        more_net_value={30: np.concatenate([world.at(day, 30)[2] for day in plan.days])},
        net_value=np.concatenate([part[3] for part in parts]),
        eligible=eligible(values, COLUMNS, recipe.eligibility),
    )


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Short horizons, small trees."""
    return small_recipe()


@pytest.fixture(scope="session")
def plan(recipe: Recipe) -> OriginPlan:
    """Origins of the small world."""
    return plan_origins(FIRST, LAST, recipe)


@pytest.fixture(scope="session")
def data(recipe: Recipe, plan: OriginPlan) -> TrainingSet:
    """The small world's training set."""
    return world_set(World(), plan, recipe)


@pytest.fixture(scope="session")
def bundle(data: TrainingSet, recipe: Recipe, plan: OriginPlan) -> Bundle:
    """A bundle fitted to the small world."""
    provenance = Provenance("small", "EUR", True, "0" * 64, "test")
    return fit_bundle(data, plan.final, recipe, load_scheme(), provenance)


@pytest.fixture(scope="session")
def values(data: TrainingSet, plan: OriginPlan) -> npt.NDArray[np.float64]:
    """Indicators of the day of service, ``(n, k)``."""
    return data.on(plan.serve_day).values


@pytest.fixture(scope="session")
def certified(bundle: Bundle, values: FloatArray) -> Bundle:
    """Return the bundle with a certificate on grades that noise moves a little."""
    scores, decisions = bundle.decide(values)
    tier, tiers = decisions.tier.astype(np.int64), len(bundle.scheme.tiers)
    cuts = np.array(bundle.scheme.cuts[:-1], dtype=np.float64)
    shares = shares_of(tier, tiers)
    view = tier_view(tier, decisions.composite, scores, bundle.reference, cuts, shares)
    rng = np.random.default_rng(1)
    every = np.concatenate([np.arange(len(view))] * (1 + 3_000 // len(view)))
    many = view.where(every)
    later = many.score + rng.normal(0.0, 2.0, len(many))
    right = (later[:, None] < cuts).sum(axis=1).astype(np.int64)
    model = fit_tier_confidence([(many, right)], definition=GOVERNING, seed=1)
    graded = Graded(np.datetime64("2026-01-31"), many, right, np.ones(len(many), dtype=np.bool_))
    found = certify(trial_of(model, [graded]), Promise(), definition=GOVERNING, model=model.digest)
    return replace(
        bundle,
        certified=CertifiedTiers({GOVERNING: model}, {GOVERNING: found}, cuts, shares),
    )
