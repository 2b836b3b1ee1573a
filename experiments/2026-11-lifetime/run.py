"""Long horizons, contribution, health and renewal against what came and what is true.

    python experiments/2026-11-lifetime/run.py prepare var/lifetime      # simulated company
    python experiments/2026-11-lifetime/run.py truth var/lifetime
    python experiments/2026-11-lifetime/run.py contribution var/lifetime
    python experiments/2026-11-lifetime/run.py renewal var/lifetime
    python experiments/2026-11-lifetime/run.py health var/lifetime/published b2b 180
    python experiments/2026-11-lifetime/run.py health PUBLISHED journey 30
    python experiments/2026-11-lifetime/run.py cdnow PUBLISHED

PUBLISHED is a folder of published snapshots: of CDNOW weekly with outcomes of 91, 182 and 273
days, of the Complete Journey every five days with outcomes of 30 days.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from company import HORIZONS, expected, prepare
from judging import Pairs, report_chances, report_values
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from features.parquet import read_frame, read_outcomes
from features.schema import FloatArray
from training.dataset import TrainingSet, learned_from, load_training_set
from training.models.baseline import baseline
from training.models.economics import fit_contribution
from training.models.health import fit_health
from training.models.health_scheme import load_health_scheme
from training.models.lifetime import LifetimeTerms, lifetime
from training.models.ltv import LtvModel, fit_ltv
from training.models.renewal import Contracts, ending, fit_renewal
from training.recipe import ChurnTrees, Recipe, load_recipe
from training.splits import Fold

ORIGINS = (date(2025, 10, 31), date(2026, 1, 31), date(2026, 4, 30))
RENEWAL_ORIGINS = (date(2025, 10, 31), date(2025, 12, 31), date(2026, 2, 28), date(2026, 4, 30))
RENEWAL_TREES = ChurnTrees(
    rounds=150,
    learning_rate=0.03,
    num_leaves=7,
    min_data_in_leaf=60,
    lambda_l2=10.0,
    feature_fraction=0.4,
    bagging_fraction=0.7,
)


def days_of(published: Path) -> list[date]:
    """Return the published snapshot days."""
    return sorted(date.fromisoformat(p.stem) for p in (published / "indicators").glob("*.parquet"))


def near_term(
    published: Path, origin: date, horizon: int, recipe: Recipe, limit: int
) -> tuple[LtvModel, TrainingSet, FloatArray]:
    """Fit the value model as it would have been fitted at an origin, and predict it."""
    closed = [d for d in days_of(published) if d + timedelta(days=horizon) <= origin][-limit:]
    data = load_training_set(published, [*closed, origin], horizon, horizon, recipe.eligibility)
    last = closed[-1]
    before = tuple(d for d in closed if d + timedelta(days=horizon) <= last) or tuple(closed[:-1])
    fold = Fold("ltv", horizon, origin, tuple(closed), last, before)
    model = fit_ltv(learned_from(data, recipe.eligibility), fold, recipe)
    now = data.on(origin)
    now = now.where(now.eligible)
    return model, now, model.predict(now.columns, now.values)


def values_at(
    model: LtvModel, now: TrainingSet, near: FloatArray, near_days: int, horizon: int
) -> dict[str, FloatArray]:
    """Return what each way of looking ahead expects over a horizon, without discount."""
    purchase = model.correction.purchase
    recipe = load_recipe("default")
    plain = baseline(purchase, now.columns, now.values, horizon, recipe.baseline)
    terms = LifetimeTerms((horizon,), 0.0)
    found = lifetime(purchase, now.columns, now.values, near, near_days, terms)
    return {
        "corrected x purchase model": found.at(horizon),
        "near term scaled": near * horizon / near_days,
        "purchase model": plain.btyd_value,
        "run-rate": plain.run_rate,
    }


def cdnow(published: Path) -> None:
    """Compare with what came 91, 182 and 273 days later (real)."""
    recipe = load_recipe("cdnow")
    recipe = recipe.model_copy(update={"ltv": recipe.ltv.model_copy(update={"horizon_days": 91})})
    for origin in (date(1997, 8, 26), date(1997, 9, 16), date(1997, 9, 30)):
        model, now, near = near_term(published, origin, 91, recipe, 12)
        for horizon in (91, 182, 273):
            came = outcome(published, origin, horizon, now, "net_value")
            found = values_at(model, now, near, 91, horizon)
            report_values(
                f"cdnow {origin} {horizon}d", {name: [(came, p)] for name, p in found.items()}
            )


def outcome(published: Path, day: date, horizon: int, now: TrainingSet, name: str) -> FloatArray:
    """Return an outcome in the order of the customers of a set."""
    found = read_outcomes(published / "outcomes" / f"{day}-{horizon}d.parquet")
    place = {customer: i for i, customer in enumerate(found.customer_id.tolist())}
    return np.asarray(getattr(found, name)[[place[c] for c in now.customer_id.tolist()]])


def truth(folder: Path) -> None:
    """Compare with the expectation of who knows all but the day of leaving (simulated)."""
    recipe = load_recipe("b2b")
    recipe = recipe.model_copy(update={"ltv": recipe.ltv.model_copy(update={"horizon_days": 90})})
    pairs: dict[tuple[int, bool], Pairs] = defaultdict(lambda: defaultdict(list))
    for origin in ORIGINS:
        model, now, near = near_term(folder / "published", origin, 90, recipe, 10)
        for growing in (True, False):
            true = expected(folder, now.customer_id.tolist(), origin, growing=growing)
            for horizon in HORIZONS:
                for name, p in values_at(model, now, near, 90, horizon).items():
                    pairs[horizon, growing][name].append((true[horizon], p))
    for (horizon, growing), found in sorted(pairs.items()):
        report_values(f"{horizon}d {'growing' if growing else 'level'}", found)


def contribution(folder: Path) -> None:
    """Compare with the contribution that came (simulated)."""
    recipe = load_recipe("b2b")
    recipe = recipe.model_copy(update={"ltv": recipe.ltv.model_copy(update={"horizon_days": 90})})
    published, pairs = folder / "published", defaultdict(list)
    for origin in ORIGINS:
        _, now, near = near_term(published, origin, 90, recipe, 10)
        last = max(d for d in days_of(published) if d + timedelta(days=90) <= origin)
        frame = read_frame(published / "indicators" / f"{last}.parquet")
        closed = read_outcomes(published / "outcomes" / f"{last}-90d.parquet")
        left, spent = (
            frame.values[:, frame.columns.index(name)]
            for name in ("contribution_365d", "net_amount_365d")
        )
        model = fit_contribution(left, spent, closed.contribution, closed.net_value)
        left, spent = now.column("contribution_365d"), now.column("net_amount_365d")
        came = outcome(published, origin, 90, now, "contribution")
        net = outcome(published, origin, 90, now, "net_value")
        own = np.clip(np.nan_to_num(left) / np.where(spent > 0, spent, 1.0), -2.0, 1.0)
        found = {
            "value x shrunken rate": model.predict(near, left, spent),
            "value x one rate": near * model.population_rate,
            "last year scaled": np.nan_to_num(left) * 90 / 365,
            "true net x shrunken rate": model.predict(net, left, spent),
            "true net x own rate": net * own,
            "true net x one rate": net * model.population_rate,
        }
        known = np.isfinite(came)
        for name, p in found.items():
            pairs[name].append((came[known], p[known]))
    report_values("contribution 90d", pairs)


def renewal(folder: Path, horizon: int = 180) -> None:
    """Compare with the contracts that lapsed (simulated)."""
    published, pairs = folder / "published", defaultdict(list)

    def due(day: date) -> Contracts:
        frame = read_frame(published / "indicators" / f"{day}.parquet")
        told = read_outcomes(published / "outcomes" / f"{day}-{horizon}d.parquet")
        every = Contracts.of(frame.columns, frame.values, told.contract_lapsed)
        found = every.where(ending(frame.columns, frame.values, horizon))
        return found.where(np.isfinite(found.lapsed))

    def joined(days: list[date]) -> Contracts:
        first, *others = map(due, days)
        for other in others:
            first = first.and_then(other)
        return first

    for origin in RENEWAL_ORIGINS:
        closed = [d for d in days_of(published) if d + timedelta(days=horizon) <= origin]
        before = [d for d in closed if d + timedelta(days=horizon) <= closed[-1]]
        model = fit_renewal(joined(before), due(closed[-1]), RENEWAL_TREES, seed=1, threads=1)
        learned, now = joined(closed), due(origin)
        logistic = make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True),
            QuantileTransformer(n_quantiles=100),
            LogisticRegression(C=0.05, max_iter=500),
        ).fit(learned.matrix(), learned.lapsed)
        for name, p in {
            "ours": model.lapse(now),
            "logistic": logistic.predict_proba(now.matrix())[:, 1],
            "own record": model.record.rate(now.ended, now.renewed),
            "base rate": np.full(len(now), learned.lapsed.mean()),
        }.items():
            pairs[name].append((now.lapsed, p))
    report_chances(f"renewal {horizon}d", pairs)


def health(published: Path, recipe: str, horizon: int) -> None:
    """Compare with who stayed, each origin judged by weights of the days before it."""
    rule, scheme = load_recipe(recipe).eligibility, load_health_scheme()
    step = 6 if recipe == "journey" else 3 if horizon < 365 else 1
    days = days_of(published)
    judged = [d for d in days if (published / "outcomes" / f"{d}-{horizon}d.parquet").is_file()]
    parts = []
    for origin in judged[::-1][: 4 * step : step]:
        closed = [d for d in days if d + timedelta(days=horizon) <= origin]
        closed = closed[::-1][:: 6 if recipe == "journey" else 1][:6]
        data = load_training_set(published, [*closed, origin], horizon, horizon, rule)
        past = data.on(closed)
        past = past.where(past.eligible & np.isfinite(past.churned))
        now = data.on(origin)
        now = now.where(now.eligible)
        model = fit_health(scheme, past.columns, past.values, past.churned, horizon)
        found = model.score(now.columns, now.values)
        known = np.isfinite(found.score)
        parts.append((1.0 - now.churned[known], found.stays[known]))
        print(origin, {i.name: round(w, 3) for i, w in
                       zip(scheme.indicators, model.weights, strict=True)})  # fmt: skip
    report_chances(f"health {recipe} {horizon}d stays", {"healthy": parts})


if __name__ == "__main__":
    what, place, *more = sys.argv[1:]
    if what == "health":
        health(Path(place), more[0], int(more[1]))
    else:
        steps = {f.__name__: f for f in (prepare, cdnow, truth, contribution, renewal)}
        steps[what](Path(place))
