from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from ibis.backends import BaseBackend

from features.backends import connect
from features.errors import SnapshotError
from features.publish import materialise, realised
from features.snapshot import Snapshot
from tests.features import tiny
from tests.features.tiny import order, sources

DAY = date(2026, 3, 31)
AS_OF = datetime(2026, 3, 31, 23, 59, 59, 999999)
TICK = timedelta(microseconds=1)
LAST = order("z", "2026-06-30", 1)


@pytest.fixture(scope="module")
def connection() -> BaseBackend:
    return connect(threads=1)


def test_the_horizon_begins_after_as_of_and_ends_with_its_last_microsecond(
    connection: BaseBackend,
) -> None:
    end = AS_OF + timedelta(days=30)
    rows = [
        LAST,
        order("at as_of", AS_OF, 8),
        order("first", "2026-01-01", 8),
        order("first", AS_OF + TICK, 10),
        order("last", "2026-01-01", 8),
        order("last", end, 20),
        order("too late", "2026-01-01", 8),
        order("too late", end + TICK, 40),
    ]
    found = realised(sources(connection, {"orders": rows}), Snapshot.at(DAY), 30)
    assert (found.as_of, found.horizon_days, len(found)) == (DAY, 30, 4)
    assert found.customer_id.tolist() == ["at as_of", "first", "last", "too late"]
    assert found.churned.tolist() == [True, False, False, True]
    assert found.net_value.tolist() == [0.0, 10.0, 20.0, 0.0]


def test_a_return_lowers_the_value_and_keeps_nobody(connection: BaseBackend) -> None:
    rows = [
        LAST,
        order("a", "2026-01-01", 8),
        order("a", "2026-04-02", -3, is_return=True),
        order("b", "2026-01-01", 8),
        order("b", "2026-04-02", 50, is_cancelled=True),
        order("c", "2026-01-01", 8),
        order("c", "2026-04-02", 0),
    ]
    found = realised(sources(connection, {"orders": rows}), Snapshot.at(DAY), 30)
    assert found.churned.tolist() == [True, True, False]
    assert found.net_value.tolist() == [-3.0, 0.0, 0.0]


def test_outcomes_are_what_happened_not_what_was_known(connection: BaseBackend) -> None:
    first = order("a", "2026-04-02", 50, order_id="O")
    rows = [
        LAST,
        order("a", "2026-01-01", 8),
        first,
        {**first, "net_amount": 70, "recorded_at": datetime(2026, 9, 1)},
    ]
    made = sources(connection, {"orders": rows}, versioned=["orders"])
    for known_at in (None, datetime(2026, 4, 10)):
        assert realised(made, Snapshot.at(DAY, known_at), 30).net_value.tolist() == [70.0]


def test_customers_are_those_of_the_indicators(connection: BaseBackend) -> None:
    rows = [
        LAST,
        order("b", "2026-01-01", 8),
        order("a", "2026-02-01", 8),
        order("newcomer", "2026-04-02", 8),
        order("only returns", "2026-02-01", -8, is_return=True),
        order("known late", "2026-02-01", 8, recorded_at=datetime(2026, 5, 1)),
    ]
    made = sources(connection, {"orders": rows})
    snapshot = Snapshot.at(DAY)
    assert realised(made, snapshot, 30).customer_id.tolist() == ["a", "b"]
    assert materialise(made, snapshot).customer_id.tolist() == ["a", "b"]


def test_a_horizon_must_be_over(connection: BaseBackend) -> None:
    made = sources(connection, {"orders": [LAST, order("a", "2026-01-01", 8)]})
    assert len(realised(made, Snapshot.at(DAY), 91)) == 1  # until 30 June, the last day
    with pytest.raises(SnapshotError, match="92 days after 2026-03-31 are not over") as caught:
        realised(made, Snapshot.at(DAY), 92)
    assert caught.value.context["last_day"] == "2026-06-30"


@pytest.mark.parametrize("horizon", [0, -7])
def test_a_horizon_has_a_length(connection: BaseBackend, horizon: int) -> None:
    made = sources(connection, {"orders": [LAST]})
    with pytest.raises(SnapshotError, match="has no outcome"):
        realised(made, Snapshot.at(date(2026, 6, 30)), horizon)


def contract(customer: str, ends: str, renewed: str | None = None, **more: object) -> tiny.Row:
    return {
        "contract_id": f"{customer}/{ends}",
        "customer_id": customer,
        "occurred_at": datetime(2025, 6, 1),
        "ends_at": datetime.fromisoformat(ends),
        "renewed_at": datetime.fromisoformat(renewed) if renewed else None,
    } | more


def test_a_contract_lapses_at_its_end_unless_it_is_renewed(connection: BaseBackend) -> None:
    rows = [
        contract("renewed", "2026-04-10", "2026-04-10T18:00"),
        contract("renewed early", "2026-04-10", "2026-03-01"),
        contract("renewed late", "2026-04-10", "2026-04-13"),
        contract("let go", "2026-04-10"),
        contract("one of two", "2026-04-10", "2026-04-01"),
        contract("one of two", "2026-04-20"),
        contract("ends at as_of", "2026-03-31"),
        contract("ends on the last day", "2026-04-30T23:00"),
        contract("ends later", "2026-05-01"),
        contract("known late", "2026-04-10", recorded_at=datetime(2026, 4, 1)),
        contract("signed later", "2026-04-10", occurred_at=datetime(2026, 4, 1)),
    ]
    buyers = {str(row["customer_id"]) for row in rows} | {"no contract"}
    orders = [LAST, *(order(name, "2026-01-01", 8) for name in buyers)]
    made = sources(connection, {"orders": orders, "contracts": rows})

    def fates(days: int, grace: int = 0) -> dict[str, float]:
        found = realised(made, Snapshot.at(DAY), days, grace_days=grace)
        told = zip(found.customer_id.tolist(), found.contract_lapsed.tolist(), strict=True)
        return {name: lapsed for name, lapsed in told if lapsed == lapsed}

    expected = {
        "renewed": 0.0,
        "renewed early": 0.0,
        "renewed late": 1.0,
        "let go": 1.0,
        "one of two": 1.0,
        "ends on the last day": 1.0,
    }
    assert fates(30) == expected
    assert fates(30, grace=3) == expected | {"renewed late": 0.0}
    # 70 days after 30 April the data is over: whoever has not renewed may still do so
    assert fates(30, grace=70) == {
        "renewed": 0.0,
        "renewed early": 0.0,
        "renewed late": 0.0,
        "let go": 1.0,
        "one of two": 1.0,
    }


def test_a_contract_is_known_before_and_judged_in_the_end(connection: BaseBackend) -> None:
    put_off = contract("put off", "2026-04-10")
    rows = [
        put_off,
        {**put_off, "ends_at": datetime(2026, 12, 1), "recorded_at": datetime(2026, 4, 9)},
        contract("cut short", "2026-04-20"),
        {
            **contract("cut short", "2026-04-20"),
            "ends_at": datetime(2026, 4, 2),
            "recorded_at": datetime(2026, 4, 3),
        },
    ]
    orders = [LAST, *(order(name, "2026-01-01", 8) for name in ("put off", "cut short"))]
    made = sources(
        connection, {"orders": orders, "contracts": rows}, versioned=["contracts", "orders"]
    )
    found = realised(made, Snapshot.at(DAY), 30)
    assert found.customer_id.tolist() == ["cut short", "put off"]
    assert found.contract_lapsed.tolist() == [1.0, 0.0]


def test_contribution_takes_off_rebate_cost_service_and_waiting(connection: BaseBackend) -> None:
    rows = [
        LAST,
        order("a", "2026-01-01", 8, cost=1),
        order("a", "2026-04-05", 1000, cost=600, rebate=50, discount=99),
        order("a", "2026-04-06", -100, cost=-60, rebate=-5, is_return=True),
        order("b", "2026-01-01", 8, cost=1),
        order("b", "2026-04-05", 500),
        order("c", "2026-01-01", 8, cost=1),
    ]
    tickets = [
        {
            "ticket_id": f"T{number}",
            "customer_id": customer,
            "occurred_at": datetime(2026, 3, 1),
            "resolved_at": datetime.fromisoformat(resolved),
            "service_cost": cost,
        }
        for number, (customer, resolved, cost) in enumerate(
            [("a", "2026-03-31", 7), ("a", "2026-04-30T12:00", 20), ("a", "2026-05-01", 9),
             ("c", "2026-04-02", 30)]
        )
    ]  # fmt: skip
    invoices = [
        {
            "invoice_id": f"I{number}",
            "customer_id": "a",
            "occurred_at": datetime.fromisoformat(issued),
            "due_at": datetime(2026, 5, 1),
            "paid_at": datetime.fromisoformat(paid) if paid else None,
            "amount": amount,
        }
        for number, (issued, paid, amount) in enumerate(
            [("2026-01-01", "2026-01-11", 300), ("2026-04-10", "2026-05-20", 100),
             ("2026-05-01", None, 999)]
        )
    ]  # fmt: skip
    made = sources(connection, {"orders": rows, "tickets": tickets, "invoices": invoices})
    found = realised(made, Snapshot.at(DAY), 30)
    dso = (300 * 10 + 100 * 20) / 400  # the second is unpaid when the horizon ends
    profit = 900 - (600 - 60) - 50  # a return gives no rebate back, as in the indicator
    assert found.contribution.tolist() == pytest.approx(
        [profit - 20 - 900 * dso / 365 * 0.08, np.nan, -30.0], nan_ok=True
    )
