"""Grading a million customers by sixty indicators, against a loop over customers in Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.benchmarks.grading_runs import SAMPLE
from tests.benchmarks.measure import ROOT, Figure, Footprint, Ledger

pytestmark = pytest.mark.bench

AREA = "Grading"
SIZES = (100_000, 300_000, 1_000_000)
ROUNDS = 3


def run(customers: int, threads: int, rounds: int = ROUNDS) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.grading_runs"]
    result = subprocess.run(
        [*command, *map(str, (customers, threads, rounds))],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout.strip().split("\n")[-1])
    return found


def test_grading(ledger: Ledger) -> None:
    """1 M customers x 60 indicators with breakdown; times and peaks are told, not judged."""
    runs = {(size, 2): run(size, 2) for size in SIZES}
    runs[SIZES[-1], 1] = run(SIZES[-1], 1)
    for (size, threads), found in runs.items():
        several = f"{threads} thread{'s' if threads > 1 else ''}"
        used = min(found["cpu_seconds"])
        # each round graded as the twin does, row by row, or its process would have failed
        assert found["equal"] == [SAMPLE] * ROUNDS, (size, several)
        for measured in ("seconds", "twin_seconds", "cpu_seconds"):
            assert len(found[measured]) == ROUNDS, (size, several, measured)
            assert min(found[measured]) > 0.0, (size, several, measured)
        ledger.figures.append(
            Figure(
                AREA,
                f"`decide`, {size:,} customers, {several} ({used:.1f} s of processor)",
                "row by row in Python, extrapolated",
                size,
                "customers",
                tuple(found["seconds"]),
                tuple(found["twin_seconds"]),
            )
        )
        if found["peak_mb"] is not None:
            assert found["peak_mb"] >= found["peak_before_mb"] > 0.0
            ledger.footprints.append(
                Footprint(
                    f"`decide`, {size:,} customers × 60 indicators, {several}",
                    found["peak_mb"],
                    "the same process with the values read, before grading",
                    found["peak_before_mb"],
                )
            )
