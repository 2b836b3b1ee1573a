"""Columns added up by their owners: in order, and the same for one row and for many."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.models.blocks import add_columns, blocks


@given(owner=st.lists(st.integers(0, 4), max_size=20), seed=st.integers(0, 99))
def test_each_owner_gets_its_columns_in_their_order(owner: list[int], seed: int) -> None:
    columns = np.random.default_rng(seed).normal(size=(3, len(owner))) * 1e3
    found, expected = np.ones((3, 5)), np.ones((3, 5))
    add_columns(found, columns, owner)
    for column, place in enumerate(owner):
        expected[:, place] += columns[:, column]
    assert np.array_equal(found, expected)


def test_blocks_cover_all_rows() -> None:
    assert [(part.start, part.stop) for part in blocks(5, 2)] == [(0, 2), (2, 4), (4, 5)]
