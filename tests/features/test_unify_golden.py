from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from features.contract import CONTRACT
from features.identity.golden import BEGINNING, golden_records

COLUMNS = CONTRACT["customers"].column_names


def version(customer: str, recorded: int | None, **fields: Any) -> dict[str, Any]:
    """Return a row; times are days of January 2026."""
    at = None if recorded is None else datetime(2026, 1, recorded)
    return dict.fromkeys(COLUMNS) | {"customer_id": customer, "recorded_at": at} | fields


def test_the_most_complete_record_decides_and_the_others_fill() -> None:
    rows = golden_records(
        "M",
        [
            version("a", 1, name="A", industry="steel", region="Berlin", size="S"),
            version("b", 1, name="B Ltd", industry="tools", owner="li"),
        ],
    )
    assert len(rows) == 1
    assert tuple(rows[0]) == COLUMNS
    told = {k: v for k, v in rows[0].items() if v is not None}
    assert told == {
        "customer_id": "M", "recorded_at": datetime(2026, 1, 1), "name": "A", "aliases": "B Ltd",
        "industry": "steel", "region": "Berlin", "size": "S", "owner": "li",
    }  # fmt: skip


def test_among_the_equally_complete_the_last_recorded_decides_then_the_smallest_id() -> None:
    later = [version("a", 1, size="S"), version("b", 2, size="L")]
    assert [row["size"] for row in golden_records("M", later)] == ["S", "L"]
    equal = [version("b", 1, size="L"), version("a", 1, size="S")]
    assert [row["size"] for row in golden_records("M", equal)] == ["S"]


def test_a_time_knows_nothing_of_what_was_recorded_later() -> None:
    rows = golden_records(
        "M",
        [
            version("a", 5, name="Old", created_at=datetime(2026, 1, 4)),
            version("a", 9, name="New", created_at=datetime(2026, 1, 4)),
            version("b", 7, name="B", created_at=datetime(2026, 1, 2), size="L"),
        ],
    )
    assert [(r["recorded_at"].day, r["name"], r["aliases"], r["created_at"].day) for r in rows] == [
        (5, "Old", None, 4),
        (7, "B", "Old", 2),
        (9, "B", "New;Old", 2),
    ]


def test_what_has_no_time_was_known_from_the_beginning() -> None:
    (alone,) = golden_records("M", [version("a", None, name="A"), version("b", None, size="L")])
    assert (alone["recorded_at"], alone["name"], alone["size"]) == (None, "A", "L")
    first, second = golden_records("M", [version("a", None, name="A"), version("b", 3, size="L")])
    assert (first["recorded_at"], first["size"]) == (BEGINNING, None)
    assert (second["recorded_at"], second["size"]) == (datetime(2026, 1, 3), "L")


FIELDS = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from("abc"),
        "recorded_at": st.none() | st.integers(1, 5).map(lambda day: datetime(2026, 1, day)),
        "name": st.none() | st.sampled_from(["N1", "N2"]),
        "aliases": st.none() | st.sampled_from(["N1;N3", "N4"]),
        "size": st.none() | st.sampled_from("SL"),
        "acquisition_cost": st.none() | st.just(Decimal("1.5000")),
    }
)


@given(
    st.lists(FIELDS, min_size=1, unique_by=lambda r: (r["customer_id"], r["recorded_at"])),
    st.randoms(),
)
def test_the_order_of_versions_changes_nothing_and_later_ones_change_no_past(
    fields: list[dict[str, Any]], random: Any
) -> None:
    versions = [dict.fromkeys(COLUMNS) | row for row in fields]
    rows = golden_records("M", versions)
    shuffled = list(versions)
    random.shuffle(shuffled)
    assert golden_records("M", shuffled) == rows
    times = [row["recorded_at"] or BEGINNING for row in rows]
    assert times == sorted(set(times))
    for cut in {v["recorded_at"] or BEGINNING for v in versions}:
        known = [v for v in versions if (v["recorded_at"] or BEGINNING) <= cut]
        past = [row for row in rows if (row["recorded_at"] or BEGINNING) <= cut]
        assert golden_records("M", known)[-1] | {"recorded_at": 0} == past[-1] | {"recorded_at": 0}
