"""Indicators of value and risk computed by hand: what is unknown, what is 0, what counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from features.dimensions.risk import risk
from features.dimensions.risk_relation import CREDIT_SCORES
from features.dimensions.value import value
from features.snapshot import Snapshot
from tests.features.one_dimension import Values, measure
from tests.features.tiny import Row

NOON = datetime(2025, 12, 31, 12)
SNAPSHOT = Snapshot.at(NOON.date())


def ago(days: int) -> datetime:
    return NOON - timedelta(days=days)


def line(customer: str, days: int, amount: float, **more: object) -> Row:
    moment = ago(days)
    number = f"{customer}{days}{sorted(more.items(), key=str)}{amount}"
    one = {"order_id": number, "customer_id": customer, "occurred_at": moment}
    return one | {"net_amount": amount, "rebate": 0, "cost": amount / 2} | more


Indicators = dict[str, Values]


def by_indicator(measured: Mapping[str, Values]) -> Indicators:
    """Turn values by customer and indicator round, and round them."""
    customers = sorted(measured)
    return {
        name: {customer: _rounded(measured[customer][name]) for customer in customers}
        for name in measured[customers[0]]
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def value_of(tables: Mapping[str, Sequence[Row]], *, unmapped: Sequence[str] = ()) -> Indicators:
    return by_indicator(measure(value, tables, SNAPSHOT, unmapped=unmapped)[0])


def risk_of(tables: Mapping[str, Sequence[Row]]) -> Indicators:
    return by_indicator(measure(risk, tables, SNAPSHOT)[0])


@pytest.fixture(scope="module")
def money() -> Indicators:
    """One customer a case; nobody but `won` has tickets, invoices or an acquisition cost."""
    orders = [
        line("lapsed", 700, 500),
        line("loss", 20, 100, cost=130),
        line("profit", 10, 300, cost=100, rebate=20),
        line("returned", 30, 80, cost=60),
        line("returned", 25, -80, cost=-60, is_return=True),
        line("unpriced", 10, 300, cost=None),
        line("won", 400, 1_000, cost=200),
        line("won", 5, 100, cost=40),
    ]
    served = {"ticket_id": "t", "customer_id": "won", "occurred_at": ago(40)}
    billed = {"invoice_id": "i", "customer_id": "won", "occurred_at": ago(73), "due_at": ago(40)}
    tables: dict[str, list[Row]] = {
        "orders": orders,
        "tickets": [served | {"resolved_at": ago(2), "service_cost": 25}],
        "invoices": [billed | {"amount": 999}],
        "customers": [{"customer_id": "won", "acquisition_cost": 215}],
    }
    return value_of(tables)


def test_profit_is_shared_among_those_who_earn_it(money: Indicators) -> None:
    # 180 and 60 are earned; the loss of 30 takes nothing from them.
    assert money["profit_share_365d"] == {
        "lapsed": 0,
        "loss": 0,
        "profit": 0.75,
        "returned": 0,
        "unpriced": None,
        "won": 0.25,
    }


def test_profit_contribution_is_net_of_rebates(money: Indicators) -> None:
    assert money["profit_contribution_rate_365d"] == {
        "lapsed": None,
        "loss": -0.3,
        "profit": 0.6,
        "returned": None,
        "unpriced": None,
        "won": 0.6,
    }
    assert money["rebate_rate_365d"]["profit"] == pytest.approx(20 / 300, abs=1e-6)
    assert money["rebate_rate_365d"]["lapsed"] is None


def test_contribution_takes_service_and_receivables_off(money: Indicators) -> None:
    # 60 of profit, 25 of service; 100 of net amount wait a fifth of a year at 8 %.
    assert money["contribution_365d"] == {
        "lapsed": 0,
        "loss": -30,
        "profit": 180,
        "returned": 0,
        "unpriced": None,
        "won": 60 - 25 - 1.6,
    }
    assert money["service_cost_rate_365d"] == {
        "lapsed": None,
        "loss": 0,
        "profit": 0,
        "returned": None,
        "unpriced": 0,
        "won": 0.25,
    }


def test_payback_counts_all_years(money: Indicators) -> None:
    everybody = money["acquisition_payback_ratio"]
    assert everybody.pop("won") == 4  # 860 of 215
    assert set(everybody.values()) == {None}


def test_a_source_without_rebates_has_no_indicator_that_subtracts_them() -> None:
    tables = {"orders": [line("a", 5, 100)]}
    frame = value_of(tables, unmapped=["orders.rebate"])
    silent = ("rebate_rate_365d", "profit_contribution_rate_365d", "contribution_365d")
    assert [frame[name] for name in silent] == [{"a": None}] * 3
    assert frame["gross_margin_rate_365d"] == {"a": 0.5}


def test_an_order_ten_times_its_size_stands_out_and_its_explanation_beside_it() -> None:
    usual = [line(c, days, 100) for c in ("a", "b") for days in (760, 600, 500, 300, 200, 100)]
    jump = [line("a", 30, 800), line("a", 30, 900)]  # one purchase day
    told = {"assessment_id": "x", "customer_id": "a", "occurred_at": ago(3), "value": 1.0}
    frame = risk_of({"orders": usual + jump, "assessments": [told | {"kind": "jump_explained"}]})
    assert frame["largest_order_ratio_730d"] == {"a": 17, "b": 1}
    assert frame["net_amount_jump_365d"] == {"a": 10, "b": 1.5}
    assert frame["jump_explained_365d"] == {"a": 1, "b": None}


def test_the_largest_day_is_whole_however_late_its_records_came() -> None:
    early = [line("a", days, 100) for days in (40, 70, 80, 90, 100)]
    late = [line("a", 40, 700, recorded_at=ago(-3)), line("a", 40, 1, recorded_at=ago(-40))]
    snapshots = [Snapshot(SNAPSHOT.as_of, ago(-days)) for days in (1, 10, 60)]
    frames = measure(risk, {"orders": early + late}, *snapshots)
    found = [by_indicator(frame)["largest_order_ratio_730d"]["a"] for frame in frames]
    assert found == [1, 8, 8.01]


def test_four_other_purchase_days_make_a_usual_one() -> None:
    four = [line("four", days, 10) for days in (1, 2, 3, 4)]
    five = [line("five", days, 10) for days in (1, 2, 3, 4, 500)]
    newcomer = {"five": 1, "four": None}
    frame = risk_of({"orders": four + five})
    assert frame["largest_order_ratio_730d"] == newcomer
    assert frame["net_amount_jump_365d"] == dict.fromkeys(newcomer)


def test_contact_persons_are_unknown_rather_than_steady_where_there_are_none() -> None:
    people = [
        {"customer_id": "a", "occurred_at": ago(900), "left_at": ago(100), "approval_levels": 2.0},
        {"customer_id": "a", "occurred_at": ago(90), "approval_levels": 4.0},
        {"customer_id": "a", "occurred_at": ago(80), "left_at": ago(70)},
        {"customer_id": "b", "occurred_at": ago(1_500), "left_at": ago(800)},
    ]
    contacts = [{"contact_id": f"p{i}"} | person for i, person in enumerate(people)]
    frame = risk_of({"orders": [line(c, 5, 100) for c in "abc"], "contacts": contacts})
    assert frame["contact_change_count_730d"] == {"a": 2, "b": 0, "c": None}
    assert frame["contact_tenure_days"] == {"a": 90, "b": None, "c": None}
    assert frame["approval_level_count"] == {"a": 4, "b": None, "c": None}


def test_a_streak_of_low_ratings_ends_at_a_good_one() -> None:
    ratings: dict[str, list[tuple[int, float | None]]] = {
        "ended": [(9, 10), (8, 20), (7, 80)],
        "half": [(9, 10), (8, 80), (7, 79.9), (6, None), (5, 0)],
        "low": [(400, 50), (9, 60), (8, 70)],
        "none": [(5, None)],
    }
    tickets = [
        # The one opened first is resolved last: the order is that of resolution.
        {"ticket_id": f"{customer}{days}", "customer_id": customer, "csat": rating}
        | {"occurred_at": ago(500 - days), "resolved_at": ago(days)}
        for customer, rated in ratings.items()
        for days, rating in rated
    ]
    frame = risk_of({"orders": [line(c, 5, 100) for c in ratings], "tickets": tickets})
    assert frame["low_csat_streak"] == {"ended": 0, "half": 2, "low": 3, "none": 0}


def test_the_oldest_open_complaint_counts() -> None:
    """#86: what waits for a solution; a solved complaint and an open question do not."""
    complaints = {"a": [(9, None), (3, None)], "b": [(9, 1)], "c": []}
    tickets = [
        {"ticket_id": f"{customer}{days}", "customer_id": customer, "is_complaint": True}
        | {"occurred_at": ago(days), "resolved_at": None if done is None else ago(done)}
        for customer, opened in complaints.items()
        for days, done in opened
    ]
    asked = {"ticket_id": "q", "customer_id": "c", "is_complaint": False, "occurred_at": ago(20)}
    frame = risk_of({"orders": [line(c, 5, 100) for c in complaints], "tickets": [*tickets, asked]})
    assert frame["complaint_open_days"] == {"a": 9, "b": 0, "c": 0}


def test_credit_grades_fall_in_even_steps() -> None:
    scores = list(CREDIT_SCORES.values())
    assert len(scores) == 30
    assert scores == sorted(scores, reverse=True)
    assert (scores[0], scores[-1]) == (100, 0)
    grades = {"a": "AAA", "b": " bb+ ", "c": "D", "d": "A++", "e": "好", "f": ""}
    accounts = [{"customer_id": c, "credit_grade": grade} for c, grade in grades.items()]
    frame = risk_of({"orders": [line(c, 5, 100) for c in grades], "customers": accounts})
    assert frame["credit_grade_score"] == {
        "a": 100,
        "b": 63,
        "c": 0,
        "d": None,
        "e": None,
        "f": None,
    }
