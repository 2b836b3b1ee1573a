from __future__ import annotations

from datetime import date, datetime, timedelta

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


def test_outcomes_equal_plain_sql(
    connection: BaseBackend, tmp_path_factory: pytest.TempPathFactory
) -> None:
    company = tiny.company(connection, tmp_path_factory.mktemp("company") / "sources", 60)
    connection.create_view("raw_orders", company.tables["orders"], overwrite=True)
    snapshot = Snapshot.at(DAY)
    expected = connection.con.execute(
        """
        SELECT c.customer_id, count(o.customer_id) FILTER (WHERE NOT o.is_return) = 0,
               CAST(coalesce(sum(o.net_amount), 0) AS DOUBLE)
        FROM (SELECT DISTINCT customer_id FROM raw_orders
              WHERE occurred_at < '2026-04-01' AND recorded_at < '2026-04-01'
                AND NOT is_return AND NOT is_cancelled) AS c
        LEFT JOIN raw_orders AS o ON o.customer_id = c.customer_id AND NOT o.is_cancelled
            AND o.occurred_at >= '2026-04-01' AND o.occurred_at < '2026-06-30'
        GROUP BY c.customer_id ORDER BY c.customer_id
        """
    ).fetchall()
    found = realised(company, snapshot, 90)
    columns = (found.customer_id.tolist(), found.churned.tolist(), found.net_value.tolist())
    assert list(zip(*columns, strict=True)) == expected
    assert 0.0 < found.churned.mean() < 1.0
