from __future__ import annotations

import ibis
import numpy as np
import pyarrow as pa
import pytest
from ibis.backends import BaseBackend

from features.backends import connect
from features.windows import (
    aged,
    change,
    falls_in_a_row,
    ratio,
    relative_slope,
    variation,
    window_days,
)


@pytest.fixture(scope="module")
def connection() -> BaseBackend:
    return connect(threads=1)


def run(connection: BaseBackend, **values: object) -> dict[str, object]:
    """Evaluate scalar expressions."""
    row = ibis.memtable(pa.table({"one": [1]})).select(**values)
    result: dict[str, object] = connection.to_pyarrow(row).to_pylist()[0]
    return result


def test_a_window_holds_the_ages_from_its_end_to_before_its_start(
    connection: BaseBackend,
) -> None:
    table = ibis.memtable(pa.table({"age": [-1, 0, 29, 30, 59, 60]}))
    found = connection.to_pyarrow(
        table.select(last=aged(table.age, 30), before=aged(table.age, 30, ending=30))
    ).to_pydict()
    assert found["last"] == [False, True, True, False, False, False]
    assert found["before"] == [False, False, False, True, True, False]


@pytest.mark.parametrize(("window", "days"), [("90d", 90), ("12m", 360), ("all", 1_000_000)])
def test_a_window_of_the_catalogue_has_days(window: str, days: int) -> None:
    assert window_days(window) == days


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
