"""Months, repurchase and use of a few customers, against numbers worked out by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from features.dimensions.dynamic import dynamic
from features.snapshot import Snapshot
from tests.features.one_dimension import Values, measure
from tests.features.tiny import Row, order

NOW = Snapshot.at(date(2026, 6, 30))


def ago(days: int, hours: int = 12) -> datetime:
    return NOW.as_of - timedelta(days=days, hours=hours)


def contact(customer: str, days: int, kind: str | None, number: int = 0) -> Row:
    return {
        "interaction_id": f"{customer}/{days}/{kind}/{number}",
        "customer_id": customer,
        "occurred_at": ago(days),
        "kind": kind,
    }


def months(customer: str, *latest_first: float) -> list[Row]:
    return [order(customer, ago(30 * k + 7), amount) for k, amount in enumerate(latest_first)]


ORDERS = [
    *months("star", 60, 50, 40, 30, 20, 10),
    *months("pause", 60, 50, 40, 40, 20, 10),
    *months("falling", 10, 20, 30, 40, 50, 60),
    *months("newcomer", 20, 10),
    order("one", ago(200), 5),
    order("again", ago(300), 5),
    order("again", ago(210), 5),  # 90 days later
    order("again", ago(119), 5),  # 91 days later
    order("again", ago(90), 5),
    order("again", ago(89), 5),
    order("again", ago(89), 5, order_id="second of the day"),
    order("young", ago(89), 5),
    order("young", ago(1), 5),
]
CONTACTS = [
    # Twelve weeks: the latest is that of age 0 to 6, the last that of 77 to 83.
    *(contact("star", 7 * week, "login", number) for week in range(12) for number in range(40)),
    contact("pause", 0, "login"),
    contact("pause", 6, "login"),
    contact("pause", 83, "login"),
    contact("pause", 84, "login"),
    # Bought for the first time 89 days ago, so there are twelve weeks to look at.
    contact("young", 7, "login"),
    # Downloads drop before purchases do (#27).
    *(contact("falling", 31 + n, "download") for n in range(9)),
    contact("falling", 29, "download"),
    contact("falling", 3, "call"),
    contact("falling", 89, "visit"),
    contact("falling", 90, "mail"),
    contact("falling", 4, "meeting"),
    contact("falling", 5, None),
]


@pytest.fixture(scope="module")
def found() -> dict[str, Values]:
    return measure(dynamic, {"orders": ORDERS, "interactions": CONTACTS}, NOW)[0]


def test_months_in_a_row(found: dict[str, Values]) -> None:
    rising = {who: values["growing_months"] for who, values in found.items()}
    falling = {who: values["declining_months"] for who, values in found.items()}
    assert (rising["star"], rising["pause"], rising["falling"]) == (5, 2, 0)
    assert (falling["star"], falling["pause"], falling["falling"]) == (0, 0, 5)
    assert rising["one"] == 0
    assert rising["young"] == 1  # from nothing in the month before, though not in the first
    assert rising["newcomer"] == 1  # the first month is where it begins, no rise


def test_a_drop_is_that_of_the_better_of_two_months() -> None:
    """#76: half of usual in both months is a drop of 0.5, one good month is none."""
    usual = (100, 100, 100)
    amounts = {
        "halved": (40, 50, *usual),
        "once": (40, 100, *usual),
        "less": (70, 69, *usual),
        "gone": (0, 0, 30, 0, 0),
        "grown": (150, 160, *usual),
        "asleep": (0, 0, 0, 0, 0),
        "young": (0, 0, 100, 100),
    }
    orders = [line for who, latest_first in amounts.items() for line in months(who, *latest_first)]
    orders = [line for line in orders if line["net_amount"]]
    orders += [order(who, ago(400), 7) for who in amounts if who != "young"]
    found = measure(dynamic, {"orders": orders}, NOW)[0]
    drops = {who: values["net_amount_drop_2m"] for who, values in found.items()}
    assert drops == {
        "halved": 0.5, "once": 0.0, "less": 0.3, "gone": 1.0, "grown": 0.0,
        "asleep": None, "young": None,
    }  # fmt: skip


def test_repurchase_within_90_days(found: dict[str, Values]) -> None:
    rates = {who: values["repurchase_rate_90d"] for who, values in found.items()}
    # Days 300, 210, 119 and 90 are old enough; the second waited for 91 days.
    assert rates["again"] == 0.75
    assert rates["one"] == 0.0
    assert rates["young"] is None


def test_weeks_with_a_login(found: dict[str, Values]) -> None:
    shares = {who: values["login_week_share_12w"] for who, values in found.items()}
    assert shares["star"] == 1.0
    assert shares["pause"] == pytest.approx(2 / 12)
    assert shares["young"] == pytest.approx(1 / 12)
    assert shares["falling"] == 0.0


def test_weeks_begin_with_the_first_purchase() -> None:
    logins = [contact("a", days, "login") for days in (1, 15, 22)]
    rows = {"orders": [order("a", ago(20), 5)], "interactions": logins}
    (found,) = measure(dynamic, rows, NOW)
    assert found["a"]["login_week_share_12w"] == pytest.approx(2 / 3)


def test_contacts_by_kind(found: dict[str, Values]) -> None:
    falling = found["falling"]
    assert falling["document_download_count_30d"] == 1
    assert falling["document_download_change_30d"] == pytest.approx((1 - 9) / 10)
    assert (falling["login_count_30d"], falling["login_change_30d"]) == (0, None)
    assert falling["interaction_count_90d"] == 2
    assert found["star"]["login_count_30d"] == 5 * 40


def test_without_kinds_what_depends_on_them_is_unknown() -> None:
    rows = {"orders": [order("a", ago(20), 5)], "interactions": [contact("a", 3, "login")]}
    (found,) = measure(dynamic, rows, NOW, unmapped=["interactions.kind"])
    unknown = {name for name, value in found["a"].items() if value is None}
    assert {"login_count_30d", "login_week_share_12w", "interaction_count_90d"} <= unknown
    assert found["a"]["interaction_change_30d"] == 1.0
