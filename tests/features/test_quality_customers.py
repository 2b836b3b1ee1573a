from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from features.quality.assess import quality
from features.quality.follow_up import as_csv
from features.quality.report import QualityReport
from tests.factories import Row
from tests.features.quality_world import SNAPSHOT, ago, bought, world

FULL: Row = {
    "name": "Acme", "industry": "steel", "region": "north", "size": "large", "owner": "ann",
    "phone": "1",
}  # fmt: skip


def flags(report: QualityReport) -> dict[str, tuple[str, ...]]:
    return {customer.customer_id: customer.flags for customer in report.follow_up}


@pytest.mark.parametrize(
    ("lacking", "flagged"),
    [(("industry", "region"), False), (("industry", "region", "phone"), True)],
)
def test_more_than_30_percent_missing_is_flagged(
    tmp_path: Path, lacking: tuple[str, ...], flagged: bool
) -> None:
    # Eight attributes are asked: two missing are 25 %, three are 37.5 %.
    people = [
        {"customer_id": "full", **FULL},
        {"customer_id": "c1", **FULL, **dict.fromkeys(lacking)},
    ]
    met = [{"customer_id": name, "occurred_at": ago(1)} for name in ("full", "c1")]
    opened = world(
        tmp_path / "s",
        customers=people,
        orders=[*bought("full", (1, 5)), *bought("c1", (1, 5))],
        interactions=met,
    )
    report = quality(opened, SNAPSHOT)
    assert flags(report) == ({"c1": ("incomplete",)} if flagged else {})
    assert report.customers.missing_counts[len(lacking)] == 1
    assert report.customers.missing["industry"] == 0.5
    assert report.customers.industry_missing == 0.5
    assert report.customers.not_given == ()
    if flagged:
        assert report.follow_up[0].missing == ("industry", "region", "contact")
        assert report.follow_up[0].missing_share == 3 / 8


def test_a_contact_person_is_a_contact_until_he_leaves(tmp_path: Path) -> None:
    people = [{"customer_id": name, "name": "n"} for name in ("stays", "leaves", "left", "nobody")]
    contacts = [
        {"customer_id": "stays", "occurred_at": ago(9), "left_at": None},
        {"customer_id": "leaves", "occurred_at": ago(9), "left_at": ago(-3)},
        {"customer_id": "left", "occurred_at": ago(9), "left_at": ago(3)},
    ]
    report = quality(world(tmp_path / "s", customers=people, contacts=contacts), SNAPSHOT)
    lacking = {c.customer_id for c in report.follow_up if "contact" in c.missing}
    assert lacking == {"left", "nobody", "c0"}


def test_what_no_source_gives_is_asked_of_nobody(tmp_path: Path) -> None:
    report = quality(world(tmp_path / "s", orders=bought("a", (1, 5))), SNAPSHOT)
    assert list(report.customers.missing) == ["order"]
    assert report.customers.industry_missing is None
    assert report.customers.not_given[:2] == ("name", "industry")
    assert report.follow_up == ()


def test_customers_without_orders_are_counted_not_lost(tmp_path: Path) -> None:
    people = [
        {"customer_id": "buys", "name": "b", "created_at": ago(50)},
        {"customer_id": "looks", "name": "l", "created_at": ago(50)},
        {"customer_id": "later", "name": "x", "created_at": ago(-30)},
    ]
    orders = [*bought("buys", (1, 5)), *bought("unlisted", (1, 5))]
    report = quality(world(tmp_path / "s", customers=people, orders=orders), SNAPSHOT)
    who = report.customers
    assert (who.customers, who.with_orders, who.without_orders, who.unlisted) == (3, 2, 1, 1)
    assert "unlisted" in flags(report)["unlisted"]
    assert report.tables["customers"].visible == 2


def silent(tmp_path: Path, **signs: list[Row]) -> QualityReport:
    """Return the report of ten customers, the largest of whom last bought 365 days ago."""
    orders = bought("big", (700, 900.0), (365, 900.0))
    orders += [row for i in range(9) for row in bought(f"s{i}", (3, 5.0 + i))]
    return quality(world(tmp_path / "s", orders=orders, **signs), SNAPSHOT)


def test_a_valuable_customer_without_a_sign_of_life_is_a_zombie(tmp_path: Path) -> None:
    report = silent(tmp_path)
    assert flags(report) == {"big": ("zombie",)}
    assert report.follow_up[0].last_seen == ago(365).date()


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("interactions", {"occurred_at": ago(364)}),
        ("tickets", {"occurred_at": ago(364)}),
        ("invoices", {"occurred_at": ago(500), "due_at": ago(470), "paid_at": ago(364)}),
    ],
)
def test_any_sign_of_life_will_do(tmp_path: Path, table: str, row: Row) -> None:
    raised = flags(silent(tmp_path, **{table: [{"customer_id": "big", **row}]}))
    assert "zombie" not in raised.get("big", ())


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("interactions", {"occurred_at": ago(365)}),
        ("invoices", {"occurred_at": ago(500), "due_at": ago(470), "paid_at": ago(-3)}),
    ],
)
def test_an_old_or_future_sign_will_not(tmp_path: Path, table: str, row: Row) -> None:
    assert "zombie" in flags(silent(tmp_path, **{table: [{"customer_id": "big", **row}]}))["big"]


def test_a_small_silent_customer_is_no_zombie(tmp_path: Path) -> None:
    orders = [*bought("small", (400, 1.0)), *bought("a", (3, 50.0)), *bought("b", (3, 60.0))]
    assert flags(quality(world(tmp_path / "s", orders=orders), SNAPSHOT)) == {}


def test_the_list_is_safe_in_a_spreadsheet_and_whole(tmp_path: Path) -> None:
    people = [
        {"customer_id": "=1+1", "name": "@cmd", "owner": None, "industry": None},
        {"customer_id": "ok", "name": 'quo"te, comma', "owner": None, "industry": "steel"},
        {"customer_id": "held", "name": "h", "owner": "ann", "industry": "steel"},
    ]
    orders = [*bought("=1+1", (2, 7.25)), *bought("ok", (2, 5)), *bought("gone", (2, 9))]
    report = quality(world(tmp_path / "s", customers=people, orders=orders), SNAPSHOT)
    rows = list(csv.DictReader(io.StringIO("".join(as_csv(report.follow_up)))))
    assert [row["customer_id"] for row in rows] == ["gone", "'=1+1"]
    assert rows[0]["flags"] == "unlisted;incomplete"
    assert rows[0]["missing"] == "name;industry;owner"
    assert rows[0]["missing_share"] == "0.75"
    assert (rows[1]["name"], rows[1]["net_amount"]) == ("'@cmd", "7.2500")
    assert rows[1]["last_seen"] == ago(2).date().isoformat()
