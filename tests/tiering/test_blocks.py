"""Blocks and threads never show in the result, to the bit."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np
import pytest

from features.schema import FloatArray
from tiering import blocks
from tiering.assign import decide
from tiering.blocks import in_blocks
from tiering.composite import Composite, composite
from tiering.errors import UngradableError
from tiering.normalize import points
from tiering.scheme import Scheme, load_scheme, parse_scheme, scheme_text
from tiering.scores import Reference

DEFAULT = load_scheme()
STAGED = parse_scheme(
    scheme_text(DEFAULT)
    + """
[stages]
lifecycle = "six"
[stages.dormant.indicators.dynamic]
net_amount_momentum_30d = 0
net_amount_slope_6m = 0.5
order_days_30d = 0.25
declining_months = 0.25
[stages.dormant.dimensions]
value = 0.2
potential = 0.2
risk = 0.2
strategic = 0.2
dynamic = 0.2
"""
)


def values_of(n: int, seed: int) -> dict[str, FloatArray]:
    rng = np.random.default_rng(seed)
    values = {}
    for name in (*DEFAULT.indicators, "days_since_last_order"):
        column = np.round(rng.normal(size=n) * 3, 1)
        column[rng.random(n) < 0.4] = np.nan
        values[name] = column
    values["tenure_days"] = np.abs(rng.normal(size=n))
    values["days_since_last_order"] = rng.uniform(0, 900, n)
    return values


REFERENCE = Reference.fit(values_of(500, seed=0))


def test_blocks_cover_every_row_once_in_order() -> None:
    parts = in_blocks(10, lambda rows: (rows.start, rows.stop), rows=4, threads=2)
    assert parts == [(0, 4), (4, 8), (8, 10)]
    assert in_blocks(0, lambda rows: rows) == []


def test_one_block_or_one_thread_stays_in_the_calling_thread() -> None:
    here = threading.get_ident()
    for rows, threads in ((10, 2), (3, 1)):
        assert set(in_blocks(10, lambda _: threading.get_ident(), rows=rows, threads=threads)) == {
            here
        }
    assert here not in in_blocks(10, lambda _: threading.get_ident(), rows=5, threads=2)


def test_two_threads_where_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, threads in ((8, 2), (2, 2), (1, 1), (None, 1)):
        monkeypatch.setattr(blocks.os, "cpu_count", lambda cores=cores: cores)
        assert blocks.default_threads() == threads


@pytest.mark.parametrize("scheme", [DEFAULT, STAGED], ids=["own weights", "by stage"])
@pytest.mark.parametrize(("rows", "threads"), [(1, 2), (7, 1), (7, 2), (64, 3), (1000, 1)])
def test_blocks_and_threads_do_not_show(scheme: Scheme, rows: int, threads: int) -> None:
    values = values_of(150, seed=1)
    assert_same(
        composite(scheme, REFERENCE, values, rows=rows, threads=threads),
        whole(scheme, REFERENCE, values),
    )


def test_a_decision_of_many_blocks_is_that_of_one_row() -> None:
    values = values_of(2 * blocks.ROWS + 5, seed=2)
    many = decide(DEFAULT, REFERENCE, values, threads=2)
    for row in (0, blocks.ROWS - 1, blocks.ROWS, 2 * blocks.ROWS + 4):
        one = decide(DEFAULT, REFERENCE, {k: v[row : row + 1] for k, v in values.items()})
        assert one.composite.score[0] == many.composite.score[row]
        assert np.array_equal(one.composite.weight[0], many.composite.weight[row])
        assert one.tier[0] == many.tier[row]
        assert one.reasons[0] == many.reasons[row]


def test_equal_reasons_are_one_object() -> None:
    reasons = decide(DEFAULT, REFERENCE, values_of(2000, seed=3)).reasons
    assert len({id(row) for row in reasons}) == len(set(reasons)) > 1


def test_customers_without_data_are_told_of_all_blocks() -> None:
    values = values_of(10, seed=4)
    for column in values.values():
        column[[1, 8]] = np.nan
    with pytest.raises(UngradableError, match=r"2 of 10 .* first is row 1\.") as caught:
        composite(DEFAULT, REFERENCE, values, rows=3)
    assert caught.value.context == {"rows": [1, 8]}


def assert_same(found: Composite, expected: Mapping[str, FloatArray]) -> None:
    for name, array in expected.items():
        assert np.array_equal(getattr(found, name), array, equal_nan=True), name


def whole(
    scheme: Scheme, reference: Reference, values: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """All rows at once, as whole ``(n, k)`` arrays: what blocks must not differ from."""
    from tiering.composite import _stages
    from tiering.plan import own_weights, plan_of

    weighed = [i for d in scheme.dimensions for i in d.indicators]
    grid = np.stack([points(reference, i, values[i.name]) for i in weighed], axis=1)
    stage = _stages(plan_of(scheme, reference), values, len(grid))
    row = np.zeros(len(grid), dtype=np.intp) if stage is None else stage
    shares, inner = own_weights(scheme)
    known = ~np.isnan(grid)
    filled = np.where(known, grid, 0.0)
    member = np.repeat(
        np.arange(len(scheme.dimensions)), [len(d.indicators) for d in scheme.dimensions]
    )

    def summed(terms: FloatArray) -> FloatArray:
        total = np.zeros(len(terms))
        for j in range(terms.shape[1]):
            total = total + terms[:, j]
        return total

    def effective(here: FloatArray) -> tuple[FloatArray, FloatArray]:
        inside = np.where(here, inner[row], 0.0)
        outer = np.zeros((len(grid), len(scheme.dimensions)))
        for d in range(len(scheme.dimensions)):
            total = summed(inside[:, member == d])
            outer[:, d] = np.where(total > 0, shares[row, d], 0.0)
            inside[:, member == d] /= np.where(total > 0, total, 1.0)[:, None]
        total = summed(outer)
        outer /= np.where(total > 0, total, 1.0)[:, None]
        return inside * outer[:, member], inside

    weight, inside = effective(known)
    possible, _ = effective(
        np.broadcast_to([name in reference for name in scheme.indicators], grid.shape)
    )
    dimensions = range(len(scheme.dimensions))
    gone = np.stack([~(inside[:, member == d] > 0).any(axis=1) for d in dimensions], axis=1)
    scores = np.stack([summed((inside * filled)[:, member == d]) for d in dimensions], axis=1)
    return {
        "points": grid,
        "weight": weight,
        "dimension_score": np.where(gone, np.nan, np.clip(scores, 0.0, 100.0)),
        "score": np.clip(np.round(summed(weight * filled), 10), 0.0, 100.0),
        "missing_dimension": gone,
        "missing_weight": np.round(summed(np.where(known, 0.0, possible)), 10),
    }
