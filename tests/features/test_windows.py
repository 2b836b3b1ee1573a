from __future__ import annotations

from datetime import datetime, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pytest
from ibis.backends import BaseBackend

from features.backends import connect
from features.windows import (
    age_days,
    aged,
    change,
    falls_in_a_row,
    ratio,
    relative_slope,
    variation,
    within,
)


@pytest.fixture(scope="module")
def connection() -> BaseBackend:
    return connect(threads=1)


def run(connection: BaseBackend, **values: object) -> dict[str, object]:
    """Evaluate scalar expressions."""
    row = ibis.memtable(pa.table({"one": [1]})).select(**values)
    result: dict[str, object] = connection.to_pyarrow(row).to_pylist()[0]
    return result


@pytest.mark.parametrize(
    "as_of",
    [
        datetime(2026, 3, 1, 23, 59, 59, 999999),
        datetime(2026, 3, 1, 0, 0),
        datetime(2026, 3, 1, 9, 30),
    ],
    ids=["end of day", "midnight", "morning"],
)
def test_age_and_window_agree_to_the_microsecond(connection: BaseBackend, as_of: datetime) -> None:
    tick = timedelta(microseconds=1)
    starts = [as_of - timedelta(days=d) for d in (0, 1, 29, 30, 31, 59, 60, 61, 365)]
    moments = [m for start in starts for m in (start - tick, start, start + tick) if m <= as_of]
    table = ibis.memtable(pa.table({"moment": pa.array(moments, pa.timestamp("us"))}))
    age = age_days(table.moment, as_of)
    result = connection.to_pyarrow(
        table.mutate(
            age=age,
            window=within(table.moment, as_of, 30),
            earlier=within(table.moment, as_of, 30, ending=30),
            aged_window=aged(age, 30),
            aged_earlier=aged(age, 30, ending=30),
        )
    ).to_pylist()
    for row in result:
        whole_days = (as_of - row["moment"]) // timedelta(days=1)
        assert row["age"] == whole_days
        assert row["window"] == row["aged_window"] == (whole_days < 30)
        assert row["earlier"] == row["aged_earlier"] == (30 <= whole_days < 60)


def test_a_moment_after_as_of_is_in_no_window(connection: BaseBackend) -> None:
    as_of = datetime(2026, 3, 1, 23, 59, 59, 999999)
    late = ibis.literal(as_of + timedelta(microseconds=1), type="timestamp(6)")
    assert run(connection, found=within(late, as_of, 30)) == {"found": False}


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [(3, 1, 0.5), (0, 5, -1.0), (5, 0, 1.0), (-2, 2, -1.0), (2, 2, 0.0), (0, 0, None)],
)
def test_change_is_bounded_and_symmetric(
    connection: BaseBackend, now: int, before: int, expected: float | None
) -> None:
    a, b = ibis.literal(now), ibis.literal(before)
    found = run(connection, there=change(a, b), back=change(b, a))
    assert found["there"] == expected
    assert found["back"] == (None if expected is None else -expected)


def test_change_counts_a_missing_side_as_nothing(connection: BaseBackend) -> None:
    assert run(connection, x=change(ibis.literal(4), ibis.null("int64"))) == {"x": 1.0}


def test_ratio_of_nothing_is_unknown(connection: BaseBackend) -> None:
    found = run(
        connection,
        good=ratio(ibis.literal(1), ibis.literal(4)),
        none=ratio(ibis.literal(1), ibis.literal(0)),
    )
    assert found == {"good": 0.25, "none": None}


def test_slope_and_variation_equal_the_textbook(connection: BaseBackend) -> None:
    amounts = [120.0, 80.0, 0.0, 310.5, 42.0, 77.7]
    columns = [ibis.literal(a) for a in amounts]
    found = run(connection, slope=relative_slope(columns), cv=variation(columns))
    slope = np.polyfit(np.arange(6), amounts, 1)[0]
    assert found["slope"] == pytest.approx(slope / np.mean(amounts), rel=1e-12)
    assert found["cv"] == pytest.approx(np.std(amounts) / np.mean(amounts), rel=1e-12)


@pytest.mark.parametrize("amounts", [[0.0] * 6, [-5.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
def test_slope_and_variation_are_unknown_without_spend(
    connection: BaseBackend, amounts: list[float]
) -> None:
    columns = [ibis.literal(a) for a in amounts]
    found = run(connection, slope=relative_slope(columns), cv=variation(columns))
    assert found == {"slope": None, "cv": None}


@pytest.mark.parametrize(
    ("oldest_first", "falls"),
    [
        ([6, 5, 4, 3, 2, 1], 5),
        ([1, 2, 3, 4, 5, 6], 0),
        ([9, 1, 8, 7, 7, 6], 1),
        ([1, 2, 9, 8, 7, 6], 3),
        ([5, 5, 5, 5, 5, 5], 0),
    ],
)
def test_falls_are_counted_back_from_the_latest_month(
    connection: BaseBackend, oldest_first: list[int], falls: int
) -> None:
    columns = [ibis.literal(a) for a in oldest_first]
    assert run(connection, n=falls_in_a_row(columns)) == {"n": falls}
