"""Portable functions: right to the last place or two, and the same bits on lesser processors."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from features.schema import FloatArray
from training.models import portable

FUNCTIONS: dict[str, tuple[Callable[[FloatArray], FloatArray], Callable[..., FloatArray]]] = {
    "exp": (portable.exp, np.exp),
    "log": (portable.log, np.log),
    "log1p": (portable.log1p, np.log1p),
    "expit": (portable.expit, special.expit),
    "softplus": (portable.softplus, lambda x: np.logaddexp(0.0, x)),
}
EDGES = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-320, 1e308, -800.0, 800.0, 0.5])


def spread() -> FloatArray:
    rng = np.random.default_rng(7)
    wide = np.exp(rng.uniform(-300, 300, 4000))
    return np.concatenate([rng.uniform(-40, 40, 4000), wide, rng.normal(0, 1e-9, 1000), EDGES])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_they_agree_with_the_usual_ones(name: str) -> None:
    ours, usual = FUNCTIONS[name]
    x = spread()
    with np.errstate(all="ignore"):
        expected, found = usual(x), ours(x)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=6e-16 if name != "softplus" else 2e-15)


@given(x=st.floats(1e-300, 1e300))
def test_log_is_within_two_units_of_the_truth(x: float) -> None:
    found = float(portable.log(np.array([x]))[0])
    with localcontext() as context:
        context.prec = 40
        truth = Decimal(x).ln()
        assert abs(Decimal(found) - truth) <= 2 * Decimal(math.ulp(float(truth)))


@given(x=st.floats(-700, 700))
def test_exp_is_within_two_units_of_the_truth(x: float) -> None:
    found = float(portable.exp(np.array([x]))[0])
    with localcontext() as context:
        context.prec = 40
        truth = Decimal(x).exp()
        assert abs(Decimal(found) - truth) <= 2 * Decimal(math.ulp(float(truth)))


DIGEST = """
import numpy as np
from tests.training.models.test_portable import digest
print(digest())
"""


def digest() -> str:
    """SHA-256 over the results of all functions."""
    x = np.concatenate([np.linspace(-745, 709, 50_001), np.linspace(1e-9, 3, 50_001)])
    parts = [function(x).tobytes() for function, _ in FUNCTIONS.values()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.mark.parametrize("kept", [0, 1])
def test_lesser_processors_give_the_same_bits(kept: int) -> None:
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    off = [name for name in __cpu_dispatch__[kept:] if __cpu_features__.get(name)]
    if not off:
        pytest.skip("this processor has nothing more to do without")
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DIGEST],
        capture_output=True,
        text=True,
        env={**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(off)},
        timeout=120,
        check=True,
    )
    assert result.stdout.strip() == digest()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_loops_and_plain_numpy_give_the_same_bits(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.concatenate([spread(), np.random.default_rng(3).integers(0, 2**63, 20_000).view(float)])
    with np.errstate(all="ignore"):
        compiled = FUNCTIONS[name][0](x)
        portable._loops.cache_clear()
        monkeypatch.setattr(portable, "available", lambda: False)
        plain = FUNCTIONS[name][0](x)
    portable._loops.cache_clear()
    known = ~np.isnan(plain)
    np.testing.assert_array_equal(np.isnan(compiled), ~known)
    np.testing.assert_array_equal(compiled[known].view(np.int64), plain[known].view(np.int64))
