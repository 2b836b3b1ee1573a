"""Whatever sound scheme: total, monotone, blind to order and company, and it adds up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import Direction, FloatArray, describe
from tests.tiering.random_schemes import SPAN, random_scheme
from tiering.assign import Decisions, decide
from tiering.lifecycles.lifecycle_file import load_lifecycle
from tiering.policy import Decider, Scheme
from tiering.scheme import parse_scheme, scheme_text
from tiering.scores import Reference

N = 60
SIX = load_lifecycle("six")
SEEDS = st.integers(0, 2**32 - 1)
pytestmark = pytest.mark.parametrize("decider", ["score", "rules", "matrix", "combined"])


def customers(scheme: Scheme, seed: int, n: int = N) -> dict[str, FloatArray]:
    rng = np.random.default_rng(seed)
    values = {name: rng.uniform(-SPAN, SPAN, n) for name in sorted(SIX.indicators)}
    for name in scheme.indicators:
        values[name] = np.round(rng.uniform(-SPAN, SPAN, n), int(rng.integers(0, 3)))
    for name in values:
        if name != scheme.indicators[0]:
            values[name][rng.random(n) < 0.2] = np.nan
    return values


def graded(scheme: Scheme, seed: int) -> tuple[Reference, dict[str, FloatArray], Decisions]:
    population = customers(scheme, seed + 1, 300)
    reference = Reference.fit({name: population[name] for name in scheme.indicators})
    values = customers(scheme, seed)
    return reference, values, decide(scheme, reference, values)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_every_customer_has_a_tier_and_the_breakdown_adds_up(decider: Decider, seed: int) -> None:
    scheme = random_scheme(seed, decider)
    _, _, found = graded(scheme, seed)
    assert ((found.tier >= 0) & (found.tier < len(scheme.tiers))).all()
    assert (found.best <= found.tier).all()
    scored = found.composite
    assert ((scored.score >= 0) & (scored.score <= 100)).all()
    terms = np.where(scored.weight > 0, scored.weight * scored.points, 0.0)
    np.testing.assert_allclose(terms.sum(axis=1), scored.score, rtol=0, atol=1e-9)
    np.testing.assert_allclose(scored.weight.sum(axis=1), 1.0, rtol=0, atol=1e-12)
    for margin in (found.margin_up, found.margin_down):
        assert (margin[~np.isnan(margin)] >= 0).all()
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, step=st.floats(0, 2 * SPAN))
def test_a_better_value_never_costs_a_tier(decider: Decider, seed: int, step: float) -> None:
    scheme = random_scheme(seed, decider)
    reference, values, before = graded(scheme, seed)
    stage = SIX.assign(values, N)
    for name in scheme.indicators:
        way = describe(name).direction
        if way is Direction.NEUTRAL:
            continue
        better = values | {name: values[name] + step * int(way)}
        after = decide(scheme, reference, better)
        same = SIX.assign(better, N) == stage if scheme.stages else np.ones(N, dtype=bool)
        assert (after.tier <= before.tier)[same].all(), name
        assert (after.composite.score >= before.composite.score - 1e-9)[same].all(), name


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_order_and_company_do_not_matter(decider: Decider, seed: int) -> None:
    scheme = random_scheme(seed, decider)
    reference, values, together = graded(scheme, seed)
    order = np.random.default_rng(seed).permutation(N)
    shuffled = decide(scheme, reference, {k: v[order] for k, v in values.items()})
    for one, many in zip(facts(shuffled), facts(together), strict=True):
        np.testing.assert_array_equal(one, many[order])
    for row in range(0, N, 13):
        alone = decide(scheme, reference, {k: v[row : row + 1] for k, v in values.items()})
        for one, many in zip(facts(alone), facts(together), strict=True):
            np.testing.assert_array_equal(one, many[row : row + 1])
        assert alone.reasons == [together.reasons[row]]


def facts(found: Decisions) -> list[np.ndarray]:
    segment = found.tier if found.segment is None else found.segment
    return [
        found.tier, found.best, found.margin_up, found.margin_down, found.confidence,
        found.referred, segment, found.composite.score, found.composite.points,
        found.composite.weight, found.composite.dimension_score,
    ]  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_written_and_read_it_is_the_same(decider: Decider, seed: int) -> None:
    scheme = random_scheme(seed, decider)
    assert parse_scheme(scheme_text(scheme)).sha256 == scheme.sha256
