"""Grade a population in a process of its own: ``python -m … CUSTOMERS THREADS ROUNDS``.

Prints JSON: the seconds of every round, those a row-by-row twin takes for a sample beside it, how
many customers of each round were found equal to the twin's, the processor's seconds, and the peak
memory of the process, input included.
"""

from __future__ import annotations

import json
import math
import sys
from time import perf_counter, process_time

import numpy as np

from features.schema import CATALOGUE, Dimension, FloatArray, describe, names
from tests.benchmarks.grading_twin import Twin
from tests.benchmarks.measure import peak_of
from tiering.assign import Decisions, decide
from tiering.scheme import Scheme, load_scheme, parse_scheme, scheme_text
from tiering.scores import Reference

EACH = 12
"""Indicators of each of the five dimensions: sixty together."""
SAMPLE = 2_000
"""Customers the twin grades; its time for all is extrapolated."""
UNKNOWN = 0.15
MEMBERS = 50_000
"""Customers of the reference population."""


def sixty() -> Scheme:
    """Return the default scheme with twelve indicators of the catalogue a dimension."""
    default = load_scheme()
    dimensions = [
        each.model_copy(
            update={
                "indicators": tuple(
                    each.indicators[0].model_copy(update={"name": name, "weight": 1 / EACH})
                    for name in names(Dimension(each.id))[:EACH]
                )
            }
        )
        for each in default.dimensions
    ]
    # Through its text, as a company's own would come, so that every rule of schemes is held.
    return parse_scheme(scheme_text(default.model_copy(update={"dimensions": tuple(dimensions)})))


def population(scheme: Scheme, n: int, seed: int) -> dict[str, FloatArray]:
    """Return ``n`` customers: skewed money and days, small counts, rates; 15 % unknown."""
    rng = np.random.default_rng(seed)
    values = {}
    for name in scheme.indicators:
        unit = describe(name).unit
        if unit in ("money", "days", "ratio"):
            column = rng.lognormal(4.0, 1.5, n)
        elif unit == "count":
            column = rng.poisson(3.0, n).astype(np.float64)
        else:
            column = rng.random(n) * (100.0 if unit == "score" else 1.0)
        column[rng.random(n) < UNKNOWN] = math.nan
        values[name] = column
    assert set(values) <= set(CATALOGUE)
    return values


def compare(decisions: Decisions, values: dict[str, FloatArray], twin: Twin) -> tuple[float, int]:
    """Time the twin on a sample and hold the arrays to it: seconds a row, and how many rows."""
    rows = np.random.default_rng(3).choice(len(decisions.tier), SAMPLE, replace=False)
    columns = np.stack([values[name][rows] for name in twin.scheme.indicators], axis=1)
    listed = columns.tolist()
    begun = perf_counter()
    graded = [twin.grade(row) for row in listed]
    seconds = perf_counter() - begun
    scored = decisions.composite
    for name, of in (
        ("points", scored.points),
        ("weight", scored.weight),
        ("dimension_score", scored.dimension_score),
        ("score", scored.score),
        ("missing_weight", scored.missing_weight),
        ("margin_up", decisions.margin_up),
        ("margin_down", decisions.margin_down),
    ):
        np.testing.assert_allclose(
            of[rows], [getattr(row, name) for row in graded], atol=1e-9, err_msg=name
        )
    assert [row.tier for row in graded] == decisions.tier[rows].tolist()
    assert [row.reasons for row in graded] == [decisions.reasons[row] for row in rows]
    return seconds / len(graded), len(graded)


def run(customers: int, threads: int, rounds: int) -> dict[str, object]:
    """Grade in pairs with the twin and return the figures."""
    scheme = sixty()
    reference = Reference.fit(population(scheme, MEMBERS, seed=1))
    values = population(scheme, customers, seed=2)
    before = peak_of("self")
    twin = Twin(scheme, reference)
    seconds, cpu, by_twin, equal = [], [], [], []
    for _ in range(rounds):
        begun, used = perf_counter(), process_time()
        decisions = decide(scheme, reference, values, threads=threads)
        seconds.append(perf_counter() - begun)
        cpu.append(process_time() - used)
        each, compared = compare(decisions, values, twin)
        by_twin.append(each * customers)
        equal.append(compared)
        del decisions
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "twin_seconds": by_twin,
        "equal": equal,
        "peak_mb": peak_of("self"),
        "peak_before_mb": before,
    }


if __name__ == "__main__":
    found = run(*map(int, sys.argv[1:]))
    sys.stdout.write(json.dumps(found) + "\n")
