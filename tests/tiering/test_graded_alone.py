"""One customer alone is graded as among many, to the bit, whatever the scheme."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import FloatArray
from tests.tiering.random_schemes import SPAN, random_scheme
from tiering import plan
from tiering.alone import decide_alone
from tiering.assign import Decisions, decide
from tiering.errors import UngradableError
from tiering.lifecycles.lifecycle_file import load_lifecycle
from tiering.plan import plan_of
from tiering.policy import Decider, Scheme
from tiering.scheme import load_scheme
from tiering.scores import Reference

N = 25
SIX = load_lifecycle("six")
DEFAULT = load_scheme()


def customers(scheme: Scheme, seed: int, n: int, missing: float) -> dict[str, FloatArray]:
    rng = np.random.default_rng(seed)
    names = (*sorted(SIX.indicators), *scheme.indicators, "net_amount_jump_365d")
    values = {}
    for name in dict.fromkeys(names):
        values[name] = np.round(rng.uniform(-SPAN, SPAN, n), int(rng.integers(0, 4)))
        if name != scheme.indicators[0]:
            values[name][rng.random(n) < missing] = np.nan
    return values


def bits(found: Decisions, row: int) -> dict[str, object]:
    """Everything that is said of a customer; numbers as bytes, one NaN for all NaN."""
    told: dict[str, object] = {"reasons": found.reasons[row]}
    for part in (found, found.composite):
        for field in fields(part):
            value = getattr(part, field.name)
            if isinstance(value, np.ndarray):
                one = np.where(np.isnan(value[row]), np.nan, value[row])
                told[field.name] = value.dtype, value[row].shape, one.tobytes()
    return told


@pytest.mark.parametrize("decider", ["score", "rules", "matrix", "combined"])
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    missing=st.sampled_from([0.0, 0.2, 0.8]),
    jump=st.sampled_from([None, 3.0]),
)
def test_alone_and_among_others(
    decider: Decider, seed: int, missing: float, jump: float | None
) -> None:
    drawn = random_scheme(seed, decider)
    referral = drawn.referral.model_copy(
        update={"band": 4.0, "max_jump_ratio": jump, "refer_flags": ("dormant",)}
    )
    scheme = drawn.model_copy(update={"referral": referral})
    population = customers(scheme, seed + 1, 200, missing)
    # Some indicators are unknown to the population, one has a single value.
    seen = {name: population[name] for name in scheme.indicators if len(name) % 3 or missing}
    seen[scheme.indicators[0]] = population[scheme.indicators[0]]
    seen[scheme.indicators[-1]] = np.full(200, 3.0)
    reference = Reference.fit(seen)
    values = customers(scheme, seed, N, missing)
    dormant = np.random.default_rng(seed).random(N) < 0.3
    together = decide(scheme, reference, values, flags={"dormant": dormant})
    for row in range(N):
        one = slice(row, row + 1)
        alone = decide(
            scheme,
            reference,
            {name: column[one] for name, column in values.items()},
            flags={"dormant": dormant[one]},
        )
        assert bits(alone, 0) == bits(together, row)
        for language in ("en", "zh"):
            assert alone.reason_texts(0, language) == together.reason_texts(row, language)
        known = {name: column.item(row) for name, column in values.items()}
        plain = decide_alone(scheme, reference, known, dormant=bool(dormant[row]))
        # repr: it tells every bit of a number, and NaN is NaN.
        assert repr(plain) == repr(together.of(row))


def test_nobody_is_graded_on_nothing() -> None:
    reference = Reference.fit({name: np.arange(9.0) for name in DEFAULT.indicators})
    nothing = {name: np.array([np.nan]) for name in DEFAULT.indicators}
    with pytest.raises(UngradableError, match="1 of 1 customers"):
        decide(DEFAULT, reference, nothing)
    with pytest.raises(UngradableError, match="1 of 1 customers"):
        decide_alone(DEFAULT, reference, dict.fromkeys(DEFAULT.indicators, np.nan), dormant=False)
    with pytest.raises(UngradableError, match="lack the indicators"):
        decide_alone(DEFAULT, reference, {"ltv": 1.0}, dormant=False)


def test_plans_in_use_are_kept_and_no_more() -> None:
    references = [Reference.fit({"ltv": np.arange(3.0)}) for _ in range(12)]
    plans = [plan_of(DEFAULT, reference) for reference in references]
    assert len(plan._KEPT) <= 8
    assert plan_of(DEFAULT, references[-1]) is plans[-1]
    again = plan_of(DEFAULT, references[0])
    assert again is not plans[0]
    assert again.reference is references[0]
    assert again.switched_off == tuple(n for n in DEFAULT.indicators if n != "ltv")
