"""A bundle made elsewhere says the same here, bit for bit, one customer or many at a time."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from features.schema import FloatArray
from tests.training.golden import FOLDER, ROWS, said
from training.bundle import Bundle


@pytest.fixture(scope="module")
def golden() -> Bundle:
    return Bundle.load(FOLDER / "bundle")


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text("utf-8"))
    return document


@pytest.fixture(scope="module")
def customers(expected: dict[str, Any]) -> FloatArray:
    return np.array(expected["values"], dtype=np.float64)


def differing(found: dict[str, Any], expected: dict[str, Any], rows: slice) -> list[str]:
    wrong = []
    for name, value in expected.items():
        if name == "values":
            continue
        by_row = isinstance(value, list) and not name.endswith(".names")
        if found[name] != (value[rows] if by_row else value):
            wrong.append(name)
    return wrong


def test_all_at_once(golden: Bundle, expected: dict[str, Any], customers: FloatArray) -> None:
    assert len(customers) == ROWS
    assert differing(said(golden, customers), expected, slice(None)) == []


def test_one_at_a_time(golden: Bundle, expected: dict[str, Any], customers: FloatArray) -> None:
    for row in range(ROWS):
        found = said(golden, customers[row : row + 1])
        assert differing(found, expected, slice(row, row + 1)) == []


def test_among_many_others(golden: Bundle, expected: dict[str, Any], customers: FloatArray) -> None:
    many = np.tile(customers, (100, 1))
    scores, decisions = golden.decide(many)
    contributions = golden.contributions(many)
    for part in range(0, len(many), ROWS):
        rows = slice(part, part + ROWS)
        assert scores.ltv[rows].tolist() == expected["ltv"]
        assert scores.churn_probability[rows].tolist() == expected["churn_probability"]
        assert decisions.composite.score[rows].tolist() == expected["score"]
        for name, attribution in contributions.items():
            assert attribution.phi[rows].tolist() == expected[f"{name}.phi.quadrature-1"]


def test_a_changed_input_is_seen(
    golden: Bundle, expected: dict[str, Any], customers: FloatArray
) -> None:
    other = customers * (1 + 1e-9)
    assert "ltv" in differing(said(golden, other), expected, slice(None))


LESS = """
import json, sys
import numpy as np
from tests.training.golden import FOLDER, said
from training.bundle import Bundle
expected = json.loads((FOLDER / "expected.json").read_text("utf-8"))
found = said(Bundle.load(FOLDER / "bundle"), np.array(expected["values"], dtype=np.float64))
print(json.dumps([name for name, value in found.items() if value != expected[name]]))
"""


@pytest.mark.parametrize("kept", [0, 1])
def test_on_a_processor_with_less(kept: int) -> None:
    """NumPy picks its loops by processor; told to do without, it takes those of older ones."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    off = [name for name in __cpu_dispatch__[kept:] if __cpu_features__.get(name)]
    if not off:
        pytest.skip("this processor has nothing more to do without")
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LESS],
        capture_output=True,
        text=True,
        env={**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(off)},
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == []


@pytest.mark.parametrize("processor", ["x86-64", "x86-64-v2", "haswell"])
def test_explanations_compiled_for_another_processor(processor: str) -> None:
    """Vectors of another width, and an instruction that adds and multiplies at once or none."""
    if platform.machine() != "x86_64":
        pytest.skip("processors of another family")
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LESS],
        capture_output=True,
        text=True,
        env={**os.environ, "NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": ""},
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == []


COLD = """
import sys, time
from pathlib import Path
from training.bundle import Bundle
begun = time.perf_counter()
bundle = Bundle.load(Path(sys.argv[1]))
print(time.perf_counter() - begun)
print(" ".join(sorted(name.split(".")[0] for name in sys.modules)))
"""


def test_it_loads_within_a_second_without_mlflow() -> None:
    result = subprocess.run(
        [sys.executable, "-c", COLD, str(FOLDER / "bundle")],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    seconds, modules = result.stdout.splitlines()
    assert float(seconds) < 1.0
    assert {"mlflow", "sqlalchemy", "duckdb", "ibis", "pickle5"}.isdisjoint(modules.split())


def test_it_is_small_and_text() -> None:
    size = 0
    for path in FOLDER.rglob("*"):
        if path.is_file():
            size += path.stat().st_size
            assert "\x00" not in path.read_text("utf-8")
    assert size < 300_000
