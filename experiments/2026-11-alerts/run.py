"""Are the twelve alerts warnings or noise: how many, of whom, and what came of them.

    python experiments/2026-11-alerts/run.py measure PUBLISHED RECIPE DAY
    python experiments/2026-11-alerts/run.py health PUBLISHED DAY
    python experiments/2026-11-alerts/run.py causes PUBLISHED COMPANY

PUBLISHED is a folder of published snapshots with outcomes of 90 days, RECIPE a packaged recipe,
DAY a snapshot: models learn from snapshots whose outcomes were known by then, alerts are raised on
that snapshot and the later ones. COMPANY is the folder of a simulated company with its truth. All
of them print Markdown; README.md says how the folders are made.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from features.parquet import read_frame, read_outcomes
from features.schema import FloatArray, IndicatorFrame
from serving.alerting import health_score
from tiering.alerts.catalogue import SEVERITIES
from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.alerts.causes import packaged_causes, split_causes
from tiering.alerts.raising import Alerts, Tiers, raise_alerts
from tiering.health import packaged_health, plain_health
from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.dataset import load_training_set
from training.evaluation.metrics import auc
from training.fitting import Provenance, fit_bundle
from training.models.health import HealthModel, fit_health
from training.models.health_scheme import load_health_scheme
from training.recipe import load_recipe
from training.splits import Fold, Origin

HORIZON = 90
ACTIVE_DAYS = 180
"""Days since the last order from which on a customer is gone, not at risk."""
FEWEST = 20
"""Alerts of regular customers, over all snapshots, below which a share says nothing."""

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


def measure(published: Path, recipe: str, day: date) -> None:
    """Count the alerts of each snapshot, and what came of the customers they were about."""
    bundle = fitted(published, recipe, day)
    catalogue = packaged_catalogue()
    lines: dict[str, Counter[str]] = {}
    totals: Counter[str] = Counter()
    before: dict[str, set[str]] = {}
    tested = [each for each in snapshots(published) if each.day >= day]
    for each in tested:
        alerts, tiers = raised(bundle, each.frame)
        halved = each.halved
        totals["customers"] += len(halved)
        for name, base in (("active", each.active), ("regular", each.regular)):
            totals[name] += int(base.sum())
            totals[f"{name} left"] += int((base & each.churned).sum())
            totals[f"{name} halved"] += int((base & halved).sum())
        for name, mask, top_tiers in _parts(alerts):
            told = lines.setdefault(name, Counter())
            ids = set(each.frame.customer_id[mask].tolist())
            regular = mask & each.regular
            asked = each.regular & (tiers.index < top_tiers)
            told.update(
                asked=int(asked.sum()),
                asked_left=int((asked & each.churned).sum()),
                asked_halved=int((asked & halved).sum()),
                raised=int(mask.sum()),
                new=len(ids - before[name]) if name in before else 0,
                waiting=max(int(mask.sum()) - catalogue.live_limit, 0),
                regular=int(regular.sum()),
                left=int((regular & each.churned).sum()),
                halved=int((regular & halved).sum()),
            )
            if name in catalogue.kinds:
                column = catalogue.kinds.index(name)
                told["unmeasured"] += int(alerts.unmeasured[:, column].sum())
            before[name] = ids
    _print_table(tested, lines, totals)


def _parts(alerts: Alerts) -> Iterator[tuple[str, BoolArray, int]]:
    """Yield each alert, and each of its colours where it has several; who is raised, and how
    many of the best tiers it is about."""
    everybody = 1_000
    for column, alert in enumerate(alerts.catalogue.alerts):
        scope = [level.top_tiers or everybody for level in alert.levels]
        yield alert.id, alerts.raised[:, column], max(scope)
        colours = list(dict.fromkeys(level.severity for level in alert.levels))
        for colour in colours if len(colours) > 1 else ():
            mask = alerts.severity[:, column] == SEVERITIES.index(colour)
            own = [
                s for s, level in zip(scope, alert.levels, strict=True) if level.severity == colour
            ]
            yield f"{alert.id}: {colour}", mask, max(own)


def _print_table(
    tested: list[Snapshot], lines: dict[str, Counter[str]], totals: Counter[str]
) -> None:
    days = len(tested)
    base = {key: totals[f"regular {key}"] / totals["regular"] for key in ("left", "halved")}
    print(
        f"{days} snapshots, {tested[0].day} to {tested[-1].day}, {totals['customers'] / days:,.0f} "
        f"customers each. {totals['active'] / days:,.0f} had bought within {ACTIVE_DAYS} days; of "
        f"those {totals['active left'] / totals['active']:.1%} left. "
        f"{totals['regular'] / days:,.0f} were regular; of those {base['left']:.1%} left and "
        f"{base['halved']:.1%} fell by half. A lift of 1 is the rate of all regular "
        "customers in the tiers the line is about.\n"
    )
    print("| alert | raised | new | waiting | not measurable | left | lift | halved | lift |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, told in lines.items():
        cells: list[str] = []
        for key in base:
            share = told[key] / told["regular"] if told["regular"] >= FEWEST else None
            usual = told[f"asked_{key}"] / max(told["asked"], 1)
            lift = "–" if share is None or not usual else f"{share / usual:.1f}"
            cells += ["–" if share is None else f"{share:.0%}", lift]
        whole = ":" not in name
        row = [
            name if whole else f"… {name.split(': ')[1]}",
            f"{told['raised'] / days:,.0f}",
            f"{told['new'] / max(days - 1, 1):,.0f}",
            f"{told['waiting'] / days:,.0f}" if whole else "",
            f"{told['unmeasured'] / totals['customers']:.0%}" if whole else "",
            *cells,
        ]
        print(f"| {' | '.join(row)} |")


def health(published: Path, day: date) -> None:
    """Compare three scores from 0 to 100 as what the bands are put on."""
    known = [s for s in snapshots(published) if s.day + timedelta(days=HORIZON) <= day]
    later = [s for s in snapshots(published) if s.day >= day]
    columns = known[0].frame.columns
    model = fit_health(
        load_health_scheme(),
        columns,
        np.concatenate([s.frame.values[s.active] for s in known]),
        np.concatenate([s.churned[s.active] for s in known]).astype(np.float64),
        HORIZON,
    )
    values = np.concatenate([s.frame.values[s.active] for s in later])
    left = np.concatenate([s.churned[s.active] for s in later])
    print("| score | AUC | red: share, left | orange | yellow | green |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, score in _health_scores(model, columns, values).items():
        bands = packaged_health().band(score)
        cells = [
            f"{(bands == band).mean():.0%}, {left[bands == band].mean():.0%}"
            if (bands == band).any()
            else "0%"
            for band in range(4)
        ]
        found = auc(left.astype(np.float64), -score)
        print(f"| {name} | {found:.3f} | {' | '.join(cells)} |")


def _health_scores(
    model: HealthModel, columns: tuple[str, ...], values: FloatArray
) -> dict[str, FloatArray]:
    told = model.score(columns, values)
    by_name = {name: values[:, i] for i, name in enumerate(columns)}
    return {
        "trained, as ranks": told.score,
        "trained, chance to stay": 100.0 * told.stays,
        "fixed scales, no model": plain_health(packaged_health(), by_name, len(values)).score,
    }


SHOCKED, SHOCK = "textiles", date(2025, 9, 1)
DECLINE_DAYS, UNTOUCHED_DAYS = 150, 240
"""Days over which an account fades before it leaves; days before which none of it shows."""


def causes(published: Path, company: Path) -> None:
    """Judge the split of causes by what was planted in the simulated company."""
    truth = pq.read_table(company / "truth" / "accounts.parquet").to_pydict()
    leaves = dict(zip(truth["customer_id"], truth["churn_day"], strict=True))
    industry = dict(zip(truth["customer_id"], truth["industry"], strict=True))
    policy = packaged_causes()
    named = [*(cause.id for cause in policy.causes), "undetermined"]
    planted = ["adjustment", "loss", "neither"]
    found = np.zeros((3, 3), dtype=np.int64)
    for each in snapshots(published):
        values = {name: each.frame.values[:, i] for i, name in enumerate(each.frame.columns)}
        told = split_causes(policy, values, len(each.frame))
        drop = each.regular & (values["net_amount_drop_2m"] >= 0.5)
        for row in np.flatnonzero(drop):
            customer = str(each.frame.customer_id[row])
            ahead = (leaves[customer] - each.day).days
            shocked = industry[customer] == SHOCKED and timedelta(30) <= each.day - SHOCK
            adjusts = shocked and ahead > UNTOUCHED_DAYS
            truly = 1 if ahead <= DECLINE_DAYS else 0 if adjusts else 2
            found[truly, told.cause[row]] += 1
    print(f"| planted | {' | '.join(named)} |")
    print("|---|---:|---:|---:|")
    for name, row in zip(planted, found, strict=True):
        print(f"| {name} | {' | '.join(map(str, row))} |")
    for place, name in enumerate(planted[:2]):
        right = found[place, place]
        print(
            f"\n{name}: precision {right / found[:2, place].sum():.0%} among drops with a planted "
            f"cause, {right / found[:, place].sum():.0%} among all; recall "
            f"{right / found[place].sum():.0%}."
        )


if __name__ == "__main__":
    command, folder, *more = sys.argv[1:]
    if command == "measure":
        measure(Path(folder), more[0], date.fromisoformat(more[1]))
    elif command == "health":
        health(Path(folder), date.fromisoformat(more[0]))
    else:
        causes(Path(folder), Path(more[0]))
