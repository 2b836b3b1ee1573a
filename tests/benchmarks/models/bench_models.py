"""Backtest every case, run the 12-month study again, and write the page: `make bench-models`.

    python -m tests.benchmarks.models.bench_models [--only WORD [--merge]]

Sources, snapshots and finished reports are kept below ``var/bench-models``: what was made from
the same data, recipe, scheme and code is not made again, so a run that was stopped goes on.
``--only`` runs the cases whose id holds the word and prints them without writing the page; with
``--merge`` they take the place of their like on it, and every case keeps the day of its measuring.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from features.manifest import file_hash
from features.parquet import atomic_path
from features.sources import Sources
from tests.benchmarks.models import study_12_months as study
from tests.benchmarks.models.bench_cases import (
    HERE,
    NEVER,
    ROOT,
    Case,
    Skipped,
    read_cases,
    shared_data,
    take_in,
)
from tests.benchmarks.models.bench_figure import draw
from tests.benchmarks.models.bench_page import page
from tests.benchmarks.models.bench_truths import against_truth
from tests.benchmarks.models.study_cohort import read_cohort
from tiering.policy import Scheme
from tiering.scheme import load_scheme
from training.pipeline import Material, backtest, prepare

STATE = ROOT / "var" / "bench-models"
FLAML = ROOT / "experiments" / "2026-11-flaml" / "result.json"
"""What the experiment that gives FLAML the same rows and seconds found, and when."""

_STUDIED = "online_retail_II"
_STUDY_CODE = ("study_12_months.py", "study_12_months.sql", "study_cohort.py")
_NOT_SHOWN = ("curves", "measured_on")


def run(out: Path, *, only: str = "", merge: bool = False, state: Path = STATE) -> dict[str, Any]:
    """Run the cases and the study; return what was found.

    It is written unless ``only`` is given without ``merge``.
    """
    scheme = load_scheme()
    results: dict[str, Any] = {
        "schema_version": 1,
        "cases": [],
        "truth": None,
        "study": None,
        "flaml": None,
        "skipped": dict(NEVER),
    }
    opened: dict[str, Sources] = {}
    for case in read_cases():
        if only not in case.id:
            continue
        try:
            sources = opened.get(case.data) or take_in(case.data, state / case.data)
        except Skipped as reason:
            results["skipped"][case.data] = str(reason)
            continue
        opened[case.data] = sources
        results["cases"].append(_backtested(case, sources, scheme, state, results))
    if _STUDIED in opened and only in "study":
        results["study"] = _studied(opened[_STUDIED], state)
    if only and merge:
        before = json.loads((out / "models.json").read_text("utf-8"))
        results = merged(before, results, [case.id for case in read_cases()])
    if merge or not only:
        results["flaml"] = _flaml()
        out.mkdir(parents=True, exist_ok=True)
        _write(out / "models.json", json.dumps(results, indent=1) + "\n")
        _write(out / "models.md", page(results))
        draw(results, out / "models.svg")
    return results


def merged(
    before: Mapping[str, Any], now: Mapping[str, Any], order: Sequence[str]
) -> dict[str, Any]:
    """Return earlier results with the cases of ``now`` in the place of their like.

    What ``now`` has not measured stays as it was; cases come in the given order of ids.
    """
    by_id = {case["id"]: case for case in (*before["cases"], *now["cases"])}
    measured = {case["data"] for case in by_id.values()}
    return {
        **now,
        "cases": [by_id[name] for name in order if name in by_id],
        "truth": now["truth"] or before["truth"],
        "study": now["study"] or before["study"],
        "skipped": {
            name: why
            for name, why in {**before["skipped"], **now["skipped"]}.items()
            if name not in measured
        },
    }


def _backtested(
    case: Case, sources: Sources, scheme: Scheme, state: Path, results: dict[str, Any]
) -> dict[str, Any]:
    folder = state / case.data
    _say(f"{case.id}: publish")
    material = prepare(sources, folder, case.recipe)
    report = _kept(
        folder / f"{case.slug}.json",
        _key(material, case, scheme),
        lambda: _timed(case, lambda: backtest(material, case.recipe, scheme).to_dict()),
    )
    if material.provenance.simulated:
        results["truth"] = _kept(
            folder / f"{case.slug}-truth.json",
            _key(material, case, scheme, HERE / "bench_truths.py"),
            lambda: against_truth(material, case.recipe, scheme),
        )
    return {
        "id": case.id,
        "data": case.data,
        "simulated": material.provenance.simulated,
        "recipe": case.recipe.id,
        "recipe_sha256": case.recipe.sha256,
        "measured_on": report.get("measured_on"),
        "report": {key: each for key, each in report.items() if key not in _NOT_SHOWN},
    }


def _studied(sources: Sources, state: Path) -> dict[str, Any]:
    path = shared_data() / _STUDIED / "transactions.parquet"
    code = _code(*(HERE / name for name in _STUDY_CODE))
    key = _digest(file_hash(path), code)

    def both() -> dict[str, Any]:
        _say("the 12-month study")
        cohort = read_cohort(path, sources)
        return {
            "published_seeds": study.run_study(cohort).to_dict(),
            "other_seeds": study.run_study(cohort, study.OTHER_SEEDS).to_dict(),
        }

    return _kept(state / _STUDIED / "study.json", key, both)


def _flaml() -> dict[str, Any]:
    """Return what the experiment with FLAML found; it is run on its own, not here."""
    if not FLAML.is_file():
        return {"skipped": f"there is no {FLAML.relative_to(ROOT)}."}
    return dict(json.loads(FLAML.read_text("utf-8")))


def _timed(case: Case, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    begun = time.perf_counter()
    found = work()
    _say(f"{case.id}: backtest, {time.perf_counter() - begun:.0f} s")
    return found | {"measured_on": str(datetime.now(UTC).date())}


def _kept(path: Path, key: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    if path.is_file():
        document = json.loads(path.read_text("utf-8"))
        if document.get("key") == key:
            return dict(document["found"])
    found = work()
    _write(path, json.dumps({"key": key, "found": found}))
    return json.loads(json.dumps(found))


def _key(material: Material, case: Case, scheme: Scheme, *beside: Path) -> str:
    # The whole manifest grows with the days of other cases; its origin does not.
    made_of = (material.manifest.origin().fingerprint(), case.recipe.sha256, scheme.sha256)
    return _digest(*made_of, _code(*beside))


def _code(*beside: Path) -> str:
    """Hash of the code that a figure depends on once the snapshots are published."""
    folders = (ROOT / "training", ROOT / "tiering")
    files = sorted(file for folder in folders for file in folder.rglob("*.py"))
    return _digest(*(file.read_text("utf-8") for file in (*files, *beside)))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as part:
        part.write_text(text, "utf-8")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="run the cases whose id holds this word")
    parser.add_argument(
        "--merge", action="store_true", help="write them in the place of their like on the page"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--state", type=Path, default=STATE)
    given = parser.parse_args()
    found = run(given.out, only=given.only, merge=given.merge, state=given.state)
    if given.only and not given.merge:
        sys.stdout.write(page(found))


if __name__ == "__main__":
    main()
