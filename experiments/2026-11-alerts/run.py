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
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from snapshots import ACTIVE_DAYS, HORIZON, BoolArray, Snapshot, fitted, raised, snapshots

from features.schema import FloatArray
from tiering.alerts.catalogue import SEVERITIES
from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.alerts.causes import packaged_causes, split_causes
from tiering.alerts.raising import Alerts
from tiering.health import packaged_health, plain_health
from training.evaluation.metrics import auc
from training.models.health import HealthModel, fit_health
from training.models.health_scheme import load_health_scheme

FEWEST = 20
"""Alerts of regular customers, over all snapshots, below which a share says nothing."""


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
