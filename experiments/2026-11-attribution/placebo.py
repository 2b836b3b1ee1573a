"""The study at our own cuts on published snapshots where nobody was served by tier: a placebo.

    .venv/bin/python experiments/2026-11-attribution/placebo.py PUBLISHED [PUBLISHED ...]

Each argument is a folder of published snapshots (``var/journey/published``). Customers are graded
by the default scheme without predictions; gradings are 90 days apart and pooled, each customer a
cluster. Besides the scheme's cuts every second point from 35 to 80 is looked at.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import numpy as np
from company import HORIZON, grade

from features.manifest import Manifest
from features.parquet import read_outcomes
from training.attribution.discontinuity import jump
from training.attribution.study import Observed, study_cut
from training.errors import FitError
from training.evaluation.tables import markdown

CUTS = (75.0, 60.0, 45.0)
GRID = np.arange(35.0, 81.0, 2.0)


def observe(published: Path) -> tuple[Observed, float]:
    """Pool gradings 90 days apart; return them and the mean spend in 90 days."""
    days = sorted(date.fromisoformat(p.stem) for p in (published / "indicators").glob("*.parquet"))
    closed = [d for d in days if (published / "outcomes" / f"{d}-{HORIZON}d.parquet").is_file()]
    chosen = [closed[-1]]
    for day in closed[::-1]:
        if (chosen[-1] - day).days >= HORIZON:
            chosen.append(day)
    reference, ids, parts = None, [], []
    for number, day in enumerate(chosen[::-1]):
        frame, score, reference = grade(published, day, reference)
        after = read_outcomes(published / "outcomes" / f"{day}-{HORIZON}d.parquet")
        before = frame.column("net_amount_90d")
        alive = frame.column("days_since_last_order") < 365
        settled = (before, frame.column("tenure_days"), frame.column("order_days_365d"))
        columns = (np.full(len(frame), float(number)), score, after.net_value - before, *settled)
        ids.append(frame.customer_id[alive])
        parts.append([column[alive] for column in columns])
    grading, score, growth, before, tenure, orders = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    observed = Observed(
        customer=np.unique(np.concatenate(ids), return_inverse=True)[1],
        grading=grading.astype(np.int64),
        score=score,
        growth=growth,
        before={"net_amount_90d": before, "tenure_days": tenure, "order_days_365d": orders},
    )
    return observed, float(before.mean())


def main() -> None:
    """Print one row a world and cut, and how often the grid finds something."""
    table = [
        [
            "world",
            "cut",
            "customers near",
            "jump, of mean spend",
            "p",
            "bunching p",
            "least p settled before",
        ]
    ]
    found = []
    for folder in map(Path, sys.argv[1:]):
        manifest = Manifest.load(folder)
        name = f"{manifest.world} ({'simulated' if manifest.simulated else 'real'})"
        observed, spend = observe(folder)
        for cut, low, high in zip(CUTS, (60.0, 45.0, 0.0), (101.0, 75.0, 60.0), strict=True):
            try:
                study = study_cut(observed, cut, low=low, high=high, simulated=manifest.simulated)
            except FitError as error:
                table.append([name, f"{cut:g}", str(error), "–", "–", "–", "–"])
                continue
            at = study.jump
            share, low_share, high_share = (v / spend for v in (at.estimate, at.lower, at.upper))
            table.append(
                [
                    name,
                    f"{cut:g}",
                    f"{at.n_left:,} + {at.n_right:,}",
                    f"{share:+.0%} ({low_share:+.0%} to {high_share:+.0%})",
                    f"{at.p_value:.2f}",
                    f"{study.density.p_value:.2f}" if study.density else "–",
                    f"{min(check.holm for check in study.balance):.2f}",
                ]
            )
        p_values = []
        for cut in GRID:
            try:
                at = jump(observed.score - cut, observed.growth, cluster=observed.customer)
            except FitError:
                continue
            p_values.append(at.p_value)
        found.append(
            f"{name}: {sum(p < 0.05 for p in p_values)} of {len(p_values)} cuts on the grid"
        )
    print(markdown(table))
    print("\n".join(found))


if __name__ == "__main__":
    main()
