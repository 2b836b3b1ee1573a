"""Numbers as bytes: whatever goes in comes out, to the last bit."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from serving.errors import StoreError
from serving.nightly.ahead import ahead
from serving.nightly.tally import ExactSum
from serving.store.migrations.versions import revision_0006 as by_migration
from serving.store.numbers import NOTHING, UNKNOWN, Named, pack, unpack

TABLES = stnp.arrays(
    np.float64,
    stnp.array_shapes(min_dims=2, max_dims=2, max_side=20),
    elements=st.one_of(st.sampled_from([0.0, -0.0, np.nan]), st.floats(allow_infinity=False)),
)


@given(TABLES, st.sampled_from([UNKNOWN, NOTHING]))
def test_numbers_come_back_bit_by_bit(table: np.ndarray, absent: float) -> None:
    plain = np.where(np.isnan(table), np.nan, table)
    rows = pack(plain, absent)
    back = np.array([unpack(row, table.shape[1], absent) for row in rows])
    assert back.tobytes() == plain.tobytes()
    left_out = np.isnan(plain) if absent != absent else plain.view(np.int64) == 0
    width = (table.shape[1] + 7) // 8
    assert [len(row) for row in rows] == (width + 8 * (~left_out).sum(axis=1)).tolist()


@given(TABLES, st.sampled_from([UNKNOWN, NOTHING]))
def test_the_migration_writes_the_same_bytes(table: np.ndarray, absent: float) -> None:
    known = np.where(np.isnan(table), np.nan if absent != absent else 0.0, table)
    for row, blob in zip(known.tolist(), pack(known, absent), strict=True):
        told = [None if x != x else x for x in row]
        assert by_migration._pack(told, absent) == blob
        assert by_migration._unpack(blob, len(row), absent) == told


def test_bytes_of_another_length_are_refused() -> None:
    (blob,) = pack(np.array([[1.0, 2.0, np.nan]]), UNKNOWN)
    for wrong in (b"", blob[:-1], blob + b"\0", b"\x07" + blob[1:]):
        with pytest.raises(StoreError, match="damaged"):
            unpack(wrong, 3, UNKNOWN)


def test_named_numbers_are_a_mapping() -> None:
    (blob,) = pack(np.array([[1.5, np.nan, -0.0]]), UNKNOWN)
    named = Named(("a", "b", "c"), blob)
    assert named == {"a": 1.5, "b": None, "c": 0.0}
    assert str(named["c"]) == "-0.0"
    assert (named.get("b"), named.get("d"), len(named), [*named]) == (
        None,
        None,
        3,
        ["a", "b", "c"],
    )
    assert repr(named) == "{'a': 1.5, 'b': None, 'c': -0.0}"
    assert {**named, "b": 2.0} == {"a": 1.5, "b": 2.0, "c": 0.0}


MONEY = st.floats(min_value=-1e15, max_value=1e15)


@given(st.lists(st.lists(MONEY, max_size=30), max_size=6))
def test_a_sum_in_groups_is_the_sum_of_all(groups: list[list[float]]) -> None:
    total = ExactSum()
    for group in groups:
        total.add(group)
    assert total.value == math.fsum(x for group in groups for x in group)


def test_work_ahead_comes_in_order_and_ends_with_its_first_error() -> None:
    begun: list[int] = []

    def work(n: int) -> int:
        begun.append(n)
        if n == 7:
            raise ValueError("seven")
        return n * n

    assert list(ahead(work, range(5), workers=3)) == [0, 1, 4, 9, 16]
    assert list(ahead(work, ())) == []
    squares = ahead(work, itertools.count(), workers=2)
    assert [next(squares) for _ in range(7)] == [n * n for n in range(7)]
    with pytest.raises(ValueError, match="seven"):
        next(squares)
    assert max(begun) < 12
