"""#36, #37. Stages: total, sensible without data, and silence never brings anybody back to life."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import CATALOGUE, FloatArray
from tiering.lifecycles.lifecycle import Lifecycle
from tiering.lifecycles.lifecycle_file import PACKAGED, SILENCE, load_lifecycle, packaged_lifecycles

NAN = float("nan")
SIX, FOUR, AARRR = packaged_lifecycles()


def stage(policy: Lifecycle, **known: float) -> str:
    values = {name: np.array([value]) for name, value in known.items()}
    return policy.stages[policy.assign(values, 1)[0]].id


def labels(policy: Lifecycle) -> list[str]:
    return [stage.label_zh for stage in policy.stages]


REGULAR = {
    "tenure_days": 700.0,
    "days_since_last_order": 20.0,
    "recency_to_interval_ratio": 0.7,
    "repeat_count": 22.0,
    "order_days_365d": 12.0,
    "net_amount_growth_90d": 0.0,
    "net_amount_slope_6m": 0.0,
    "declining_months": 1.0,
}


def growth(quarter: float, half_year: float) -> dict[str, float]:
    return {"net_amount_growth_90d": quarter, "net_amount_slope_6m": half_year}


def silence(intervals: float, days: float) -> dict[str, float]:
    return {"recency_to_interval_ratio": intervals, "days_since_last_order": days}


def test_the_documents_stages() -> None:
    assert [s[:2] for s in labels(SIX)] == ["潜在", "新客", "成长", "成熟", "休眠", "流失"]
    assert [s[:2] for s in labels(FOUR)] == ["新客", "成长", "成熟", "衰退"]
    assert labels(AARRR) == ["获客", "激活", "留存", "变现", "推荐"]
    assert [policy.id for policy in packaged_lifecycles()] == ["six-stage", "four-stage", "aarrr"]
    stored = {
        f.name for f in (files("tiering") / "lifecycles").iterdir() if f.name.endswith(".toml")
    }
    assert stored == {f"{name}.toml" for name in PACKAGED}


def test_conditions_ask_for_indicators_that_exist() -> None:
    for policy in packaged_lifecycles():
        assert policy.indicators <= set(CATALOGUE)
    assert "churn_probability" not in SIX.indicators | FOUR.indicators | AARRR.indicators


@pytest.mark.parametrize(
    ("change", "six", "four", "aarrr"),
    [
        ({}, "mature", "mature", "revenue"),
        ({"tenure_days": 89.0}, "new", "new", "revenue"),
        ({"repeat_count": 0.0}, "new", "new", "activation"),
        ({"order_days_365d": 5.0}, "mature", "mature", "retention"),
        ({"gross_margin_rate_365d": -0.01}, "mature", "mature", "retention"),
        ({"gross_margin_rate_365d": 0.0}, "mature", "mature", "revenue"),
        ({"referral_count_730d": 1.0}, "mature", "mature", "referral"),
        ({"referral_count_730d": 0.0}, "mature", "mature", "revenue"),
        # 3 : 2 in the quarter, and the half-year agrees or is not known yet.
        (growth(0.2, 0.05), "growing", "growing", "revenue"),
        (growth(0.2, NAN), "growing", "growing", "revenue"),
        (growth(0.2, 0.04), "mature", "mature", "revenue"),
        (growth(0.19, 0.5), "mature", "mature", "revenue"),
        (growth(-0.3, -0.1), "mature", "declining", "revenue"),
        ({"declining_months": 3.0}, "mature", "declining", "revenue"),
        # Silence in the customer's own rhythm, in days at least, and whatever the rhythm.
        (silence(9.0, 59.0), "mature", "mature", "revenue"),
        (silence(3.0, 60.0), "dormant", "declining", "acquisition"),
        (silence(6.0, 180.0), "lost", "declining", "acquisition"),
        (silence(1.0, 365.0), "dormant", "declining", "acquisition"),
        (silence(2.0, 730.0), "lost", "declining", "acquisition"),
    ],
)  # fmt: skip
def test_stages_by_hand(change: dict[str, float], six: str, four: str, aarrr: str) -> None:
    known = REGULAR | change
    assert (stage(SIX, **known), stage(FOUR, **known), stage(AARRR, **known)) == (six, four, aarrr)


@pytest.mark.parametrize(
    ("days", "six"), [(10.0, "new"), (179.0, "new"), (180.0, "dormant"), (365.0, "lost")]
)
def test_a_single_purchase_has_no_rhythm(days: float, six: str) -> None:
    once = {"tenure_days": days, "days_since_last_order": days, "repeat_count": 0.0}
    assert stage(SIX, **once, recency_to_interval_ratio=NAN) == stage(SIX, **once) == six


def test_without_any_purchase_day_a_customer_is_a_prospect() -> None:
    for known in ({}, {"net_amount_365d": 500.0}, {"login_count_30d": 4.0}):
        assert stage(SIX, **known) == "prospect"
        assert stage(FOUR, **known) == "new"
        assert stage(AARRR, **known) == "acquisition"
    assert stage(SIX, tenure_days=100.0) == "new"


def test_orders_alone_are_enough() -> None:
    # Only AARRR's last step and the check of the margin need more than orders.
    beyond = {
        name
        for policy in packaged_lifecycles()
        for name in policy.indicators
        if not set(CATALOGUE[name].source) <= {"orders.net_amount", "orders.occurred_at"}
    }
    assert beyond == {"referral_count_730d", "gross_margin_rate_365d"}


values_of = st.one_of(
    st.just(NAN),
    st.floats(-2, 2),
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, 1.0, 3.0, 6.0, 60.0, 90.0, 180.0, 365.0, 730.0]),
)
EVERY = sorted({name for policy in packaged_lifecycles() for name in policy.indicators})
customer = st.fixed_dictionaries(dict.fromkeys(EVERY, values_of))


@given(customer)
def test_every_customer_has_exactly_one_stage(known: dict[str, float]) -> None:
    values = {name: np.array([value]) for name, value in known.items()}
    for policy in packaged_lifecycles():
        (place,) = policy.assign(values, 1).tolist()
        assert 0 <= place < len(policy.stages)


@given(customer, st.floats(0, 2000), st.floats(0, 50))
def test_a_longer_silence_never_leads_back(
    known: dict[str, float], days: float, intervals: float
) -> None:
    later = known | {
        "days_since_last_order": known["days_since_last_order"] + days,
        "recency_to_interval_ratio": known["recency_to_interval_ratio"] + intervals,
    }
    for policy in packaged_lifecycles():
        order = policy.precedence
        assert order.index(stage(policy, **later)) <= order.index(stage(policy, **known))


@given(
    orders=st.lists(st.integers(0, 400), min_size=1, max_size=12, unique=True),
    waits=st.lists(st.integers(1, 300), min_size=1, max_size=6),
)
def test_a_customer_who_stays_away_goes_dormant_then_lost_and_stays_so(
    orders: list[int], waits: list[int]
) -> None:
    # The same purchases looked at on later and later days: everything ages, not one column.
    first, last, repeats = min(orders), max(orders), len(orders) - 1
    gone = ("mature", "dormant", "lost")
    now, seen = last, []
    for wait in (0, *waits, 1000):
        now += wait
        since = float(now - last)
        known = {
            "tenure_days": float(now - first),
            "days_since_last_order": since,
            "repeat_count": float(repeats),
            "recency_to_interval_ratio": since * repeats / (last - first) if repeats else NAN,
        }
        seen.append(stage(SIX, **known))
    ranks = [gone.index(s) if s in gone else 0 for s in seen]
    assert ranks == sorted(ranks)
    assert seen[-1] == "lost"


def test_rows_do_not_know_each_other() -> None:
    rng = np.random.default_rng(3)
    values: dict[str, FloatArray] = {name: rng.normal(1, 200, 500) for name in EVERY}
    for column in values.values():
        column[rng.random(500) < 0.3] = np.nan
    for policy in packaged_lifecycles():
        together = policy.assign(values, 500)
        alone = [
            policy.assign({k: v[i : i + 1] for k, v in values.items()}, 1)[0] for i in range(500)
        ]
        assert together.tolist() == alone
        assert len(Counter(together.tolist())) > 1
        assert policy.assign({name: np.empty(0) for name in EVERY}, 0).shape == (0,)


def test_silence_is_what_the_rules_say_it_is() -> None:
    assert set(CATALOGUE) >= SILENCE
    assert load_lifecycle("six").sha256 == SIX.sha256 != FOUR.sha256


@pytest.mark.parametrize("name", PACKAGED)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_one_customer_is_placed_as_among_many(name: str, seed: int) -> None:
    policy = load_lifecycle(name)
    rng = np.random.default_rng(seed)
    limits = [
        condition.limit
        for stage in policy.stages
        for every in stage.conditions
        for condition in every
    ]
    values = {
        name: np.where(rng.random(30) < 0.2, np.nan, rng.choice(limits, 30))
        for name in sorted(policy.indicators)
        if rng.random() < 0.9
    }
    alone = [
        policy.assign({k: column[row : row + 1] for k, column in values.items()}, 1)
        for row in range(30)
    ]
    assert np.array_equal(np.concatenate(alone), policy.assign(values, 30))
    assert alone[0].dtype == np.intp
