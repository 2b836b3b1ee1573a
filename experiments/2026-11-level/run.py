"""Print what the level of churn was wrong by at each origin, and what could be known of it.

    .venv/bin/python experiments/2026-11-level/run.py --state var/bench-models --case "180 days"

Cases are those of ``make bench-models``; missing snapshots are published below ``--state``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from features.schema import FloatArray
from tests.benchmarks.models.bench_cases import Case, read_cases, take_in
from training.dataset import learned_from
from training.evaluation.metrics import brier, ece, log_loss
from training.evaluation.tables import markdown
from training.models.churn import fit_churn
from training.models.lesson import Lessons
from training.models.nowcast import carried
from training.models.threads import single_threaded_algebra
from training.pipeline import prepare

_DRAWS = 200


def main() -> None:
    """Print two tables a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=Path("var/bench-models"))
    parser.add_argument("--case", default="", help="word in the id of the cases to run")
    options = parser.parse_args()
    for case in read_cases():
        if options.case in case.id:
            _study(case, options.state)


def _study(case: Case, state: Path) -> None:
    material = prepare(take_in(case.data, state / case.data), state / case.data, case.recipe)
    data = learned_from(material.data, case.recipe.eligibility)
    silent = case.recipe.regression.model_copy(update={"recent_share": 0.0})
    recipe = case.recipe.model_copy(update={"regression": silent})
    lessons = Lessons(data, recipe)
    rows, real, parts = [], [], {name: [] for name in ("plain", "carried", "level", "slope")}
    for origin in material.plan.backtest:
        with single_threaded_algebra():
            model = fit_churn(data, origin.churn, recipe, lessons)
        today = material.data.on(origin.day)
        today = today.where(today.eligible)
        margin, _ = model.correction.margin(today.columns, today.values)
        expected, actual = float(expit(margin).mean()), float(today.churned.mean())
        error, found = logit(actual) - logit(expected), 0.0
        if case.recipe.regression.recent_share > 0.0:
            found = carried(data, origin.churn, lessons.past, case.recipe.regression.recent_share)
        line = LogisticRegression(C=1e9).fit(margin[:, None], today.churned)
        parts["plain"].append(expit(margin))
        parts["carried"].append(_with_mean(margin, float(expit(logit(expected) + found))))
        parts["level"].append(_with_mean(margin, actual))
        parts["slope"].append(line.predict_proba(margin[:, None])[:, 1])
        real.append(today.churned)
        shown = (error, found, line.coef_[0, 0])
        told = (f"{expected:.3f}", f"{actual:.3f}", *(f"{each:+.3f}" for each in shown))
        rows.append([str(origin.day), f"{len(today):,}", *told])
    label = np.concatenate(real)
    pooled = {name: np.concatenate(each) for name, each in parts.items()}
    header = ["origin", "n", "expected", "real", "log-odds missed", "carried", "slope"]
    console = Console(width=160)
    console.print(f"## {case.id}\n", markdown([header, *rows]), sep="\n", highlight=False)
    figures = [["level", "ECE", "log loss", "Brier"]]
    for name, p in pooled.items():
        values = (ece(label, p), log_loss(label, p), brier(label, p))
        figures.append([name, *(f"{value:.4f}" for value in values)])
    rng, perfect = np.random.default_rng(0), pooled["level"]
    noise = [
        ece((rng.random(len(label)) < perfect).astype(np.float64), perfect) for _ in range(_DRAWS)
    ]
    figures.append(["noise alone", f"{np.mean(noise):.4f}", "", ""])
    console.print(markdown(figures), highlight=False)


def _with_mean(margin: FloatArray, mean: float) -> FloatArray:
    level = brentq(lambda level: float(expit(margin + level).mean()) - mean, -30.0, 30.0)
    return np.asarray(expit(margin + level), dtype=np.float64)


if __name__ == "__main__":
    main()
