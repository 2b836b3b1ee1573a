"""Certify automatic grading on every data set and write the page: `make bench-certified`.

    python -m tests.benchmarks.certified.bench_certified [--only WORD] [--out docs/benchmarks]

Grades of the origins are kept below ``var/bench-certified``; a second run takes a minute.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from features.parquet import atomic_path
from tests.benchmarks.certified.bench_rows import CASES, DEFINITIONS, Judgement, judged_rows
from tests.benchmarks.certified.bench_runs import (
    COMPARED,
    ISSUES,
    Stand,
    certified_runs,
    compared,
    other_calibrations,
    stand_at,
)
from tests.benchmarks.certified.bench_truth import summed_up
from tests.benchmarks.certified.certified_figure import draw
from tests.benchmarks.certified.certified_page import page
from tests.benchmarks.models.bench_cases import ROOT, Skipped, take_in
from tiering.certification.search import Promise
from tiering.scheme import load_scheme
from training.evaluation.certification import CALIBRATION_ORIGINS

STATE = ROOT / "var" / "bench-certified"
RESAMPLES, FUTURES = 200, 400
TEST_ORIGINS = 10
"""At most so many of the latest origins are tested on."""


def run(out: Path, *, only: str = "", state: Path = STATE) -> dict[str, Any]:
    """Run all cases; return, and unless ``only`` is given write, what was found."""
    scheme, promise = load_scheme(), Promise()
    results: dict[str, Any] = {
        "schema_version": 1,
        "promise": {
            "level": promise.level,
            "delta": promise.delta,
            "margin": promise.margin,
            "least": promise.least,
            "calibration_origins": CALIBRATION_ORIGINS,
        },
        "resamples": RESAMPLES,
        "tier_ids": [tier.id for tier in scheme.tiers],
        "band": scheme.referral.band,
        "cases": [],
        "skipped": {},
    }
    for name, case in CASES.items():
        if only not in name:
            continue
        try:
            sources = take_in(case.data, state / case.data)
        except Skipped as reason:
            results["skipped"][name] = str(reason)
            continue
        sys.stderr.write(f"{name}: grade\n")
        judged = judged_rows(case, sources, scheme, state)
        sys.stderr.write(f"{name}: certify\n")
        results["cases"].append(examined(judged, promise, scheme.referral.band))
        sys.stderr.write(f"{name}: done\n")
    if not only:
        out.mkdir(parents=True, exist_ok=True)
        _write(out / "certified.json", json.dumps(_short(results), indent=1) + "\n")
        _write(out / "certified.md", page(results))
        draw(results, out / "certified.svg")
    return results


def examined(judged: Judgement, promise: Promise, band: float) -> dict[str, Any]:
    """Return all figures of one case."""
    found: dict[str, Any] = {
        "case": judged.case,
        "simulated": judged.simulated,
        "horizon_days": judged.horizon_days,
        "definitions": {},
    }
    likely: dict[str, dict[int, Any]] = {}
    for definition in DEFINITIONS:
        stands = _stands(judged, definition)
        by_issue = {
            issue: [certified_runs(stand, issue, promise, RESAMPLES) for stand in stands]
            for issue in ISSUES
        }
        likely[definition] = {stand.at: stand.likely for stand in stands}
        found["definitions"][definition] = {"issues": by_issue}
        if definition == COMPARED:
            found["rivals"] = [
                compared(stand, row["auto"], row["errors"] / row["selected"], band)
                for stand, row in zip(stands, by_issue["scheme"], strict=True)
                if row["selected"]
            ]
            found["at_level"] = [
                compared(stand, float("nan"), promise.level, band) for stand in stands
            ]
            found["other_calibrations"] = [
                other_calibrations(stand, promise, RESAMPLES) for stand in stands
            ]
    if judged.simulated:
        tested = sorted(likely[DEFINITIONS[0]])
        found["truth"] = summed_up(judged, tested, likely, FUTURES)
    return found


def _stands(judged: Judgement, definition: str) -> list[Stand]:
    tried = (stand_at(judged, at, definition) for at in range(len(judged.rows)))
    return [stand for stand in tried if stand is not None][-TEST_ORIGINS:]


def _short(content: Any) -> Any:
    """Return the results with five decimals, and the runs of an origin as their quantiles."""
    if isinstance(content, float):
        return None if np.isnan(content) else round(content, 5)
    if isinstance(content, dict):
        return {
            key: _quantiles(value) if key in ("runs_auto", "runs_risk") else _short(value)
            for key, value in content.items()
        }
    if isinstance(content, list):
        return [_short(value) for value in content]
    return content


def _quantiles(runs: list[float]) -> dict[str, Any]:
    shares = (0.0, 0.025, 0.25, 0.5, 0.75, 0.975, 1.0)
    found = np.quantile(runs, shares).tolist()
    return {
        "runs": len(runs),
        "mean": round(float(np.mean(runs)), 5),
        "above_0": sum(run > 0 for run in runs),
        "above_0.05": sum(run > 0.05 for run in runs),
        "quantiles": {str(share): round(at, 5) for share, at in zip(shares, found, strict=True)},
    }


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as part:
        part.write_text(text, "utf-8")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="run the cases whose name holds this word")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--state", type=Path, default=STATE)
    given = parser.parse_args()
    found = run(given.out, only=given.only, state=given.state)
    if given.only:
        sys.stdout.write(page(found))


if __name__ == "__main__":
    main()
