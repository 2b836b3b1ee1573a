"""Stress: what the report counts, and that a fragile model is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from features.backends import connect
from features.schema import IndicatorFrame
from features.snapshot import Snapshot
from features.sources import Sources, ingest, open_sources
from features.worlds import b2b
from training.bundle import Bundle
from training.evaluation.scenario import DirectionCheck, Scenario, load_scenario
from training.evaluation.stress import StressReport, compare, run_stress

Values = npt.NDArray[np.float64]


def scenario(**check: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "id": "test",
            "title_en": "Test",
            "title_zh": "测试",
            "perturbation": {"kind": "drop_orders", "share": 0.3},
            "check": [check],
        }
    )


NOT_UP = {"measure": "score", "of": "mean", "expect": "not_up"}


@pytest.fixture
def calm(bundle: Bundle, values: Values) -> IndicatorFrame:
    ids = np.array([f"c{i:05d}" for i in range(len(values))])
    return IndicatorFrame(date(2025, 6, 30), ids, bundle.columns, values)


def changed(frame: IndicatorFrame, change: Callable[[Values], Values], name: str) -> IndicatorFrame:
    values = frame.values.copy()
    column = frame.columns.index(name)
    values[:, column] = change(values[:, column])
    return replace(frame, values=values)


def test_nothing_changed_means_nothing_moves(bundle: Bundle, calm: IndicatorFrame) -> None:
    found = compare(scenario(**NOT_UP, among="touched"), bundle, calm, calm)
    assert (found.customers, found.gone, found.touched) == (len(calm), 0, 0)
    assert found.unchanged_share == found.unchanged_touched == 1.0
    assert found.psi == 0.0
    assert (found.share_up, found.share_down, found.mean_change) == (0.0, 0.0, 0.0)
    assert found.checks[0].passed
    assert found.checks[0].n == 0


def test_counts_by_hand(bundle: Bundle, calm: IndicatorFrame) -> None:
    """The first ten customers vanish, the next twenty spent a tenth of what they did."""
    worse = calm.values[10:].copy()
    worse[:20, calm.columns.index("net_amount_365d")] *= 0.1
    touched = calm.values[10:30, calm.columns.index("net_amount_365d")] > 0
    stressed = replace(calm, customer_id=calm.customer_id[10:], values=worse)
    found = compare(scenario(**NOT_UP), bundle, calm, stressed)
    assert (found.customers, found.gone, found.touched) == (
        len(calm) - 10,
        10,
        touched.sum(),
    )
    before = bundle.decide(calm.values[10:])[1]
    after = bundle.decide(worse)[1]
    kept = before.tier == after.tier
    assert found.unchanged_share == kept.mean()
    assert found.unchanged_touched == kept[:20][touched].mean()
    change = after.composite.score - before.composite.score
    assert found.mean_change == change.mean() < 0
    assert found.share_down == (change < -1e-6).mean()
    cells = np.array(found.migration)
    assert cells.sum() == found.customers
    assert np.trace(cells) == kept.sum()


@pytest.mark.parametrize(
    ("expect", "tolerance", "passed"),
    [
        ("down", 0.0, True),
        ("not_up", 0.0, True),
        ("up", 0.0, False),
        ("not_down", 0.0, False),
        ("not_down", 100.0, True),
        ("down", 100.0, False),
    ],
)
@pytest.mark.parametrize("of", ["mean", "median"])
def test_directions(
    bundle: Bundle, calm: IndicatorFrame, of: str, expect: str, tolerance: float, passed: bool
) -> None:
    stressed = changed(calm, lambda spent: spent * 0.1, "net_amount_365d")
    check = {"measure": "dimension.value", "of": of, "expect": expect, "tolerance": tolerance}
    found = compare(scenario(**check), bundle, calm, stressed)
    assert found.checks[0].passed is passed
    assert found.checks[0].value < 0


def test_each_customer_counts(bundle: Bundle, calm: IndicatorFrame) -> None:
    half = np.arange(len(calm)) % 2 == 0
    stressed = changed(calm, lambda spent: spent * np.where(half, 0.1, 10.0), "net_amount_365d")
    check = {"measure": "dimension.value", "of": "each", "expect": "not_up"}
    strict = compare(scenario(**check, max_share=0.0), bundle, calm, stressed).checks[0]
    loose = compare(scenario(**check, max_share=0.9), bundle, calm, stressed).checks[0]
    assert not strict.passed
    assert loose.passed
    assert 0.2 < strict.value == loose.value <= 0.5


def test_a_fragile_model_is_found_out(bundle: Bundle, calm: IndicatorFrame) -> None:
    """A model that likes customers the better the less they spend breaks the check."""

    class Fragile(Bundle):
        def score(self, values, seen=None):  # type: ignore[no-untyped-def]
            spent = values[:, self.columns.index("net_amount_365d")]
            return replace(Bundle.score(self, values, seen), ltv=1e6 / (1.0 + spent))

    fragile = Fragile(**{name: getattr(bundle, name) for name in bundle.__dataclass_fields__})
    stressed = changed(calm, lambda spent: spent * 0.5, "net_amount_365d")
    check = scenario(measure="ltv", of="mean", among="touched", expect="not_up")
    assert compare(check, bundle, calm, stressed).checks[0].passed
    assert not compare(check, fragile, calm, stressed).checks[0].passed


def taken_in(folder: Path, *names: str) -> Sources:
    """A small simulated company, with all tables or those named."""
    connection = connect(threads=1)
    world = b2b.tables(connection, n_accounts=60)
    tables = {name: world.tables[name] for name in names or world.tables}
    ingest(
        tables,
        folder,
        connection=connection,
        world="b2b",
        currency=world.currency,
        simulated=True,
    )
    return open_sources(folder, connection)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return taken_in(tmp_path_factory.mktemp("b2b") / "sources")


def test_the_packaged_scenarios_run_on_events(sources: Sources, bundle: Bundle) -> None:
    told = []
    names = ["demand_minus_30", "payments_plus_30"]
    report = run_stress(
        sources,
        Snapshot.at(sources.info.last_day - timedelta(days=90)),
        bundle,
        [load_scenario(name) for name in names],
        progress=lambda *what: told.append(what),
    )
    demand, payments = report.scenarios
    assert demand.touched > 0
    assert demand.mean_change < 0
    # the risk of late payers falls in their measured indicators; orders are as they were
    assert 0 < payments.touched < payments.customers
    assert payments.gone == 0
    assert told[-1] == ("stress", 2, 2)
    assert StressReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    flat = report.flat()
    assert flat["stress.demand_minus_30.unchanged_share"] == demand.unchanged_share
    assert flat["stress.payments_plus_30.failed_directions"] == float(
        sum(not check.passed for check in payments.checks)
    )


def test_a_scenario_without_its_table_is_skipped_with_the_reason(
    tmp_path: Path, bundle: Bundle
) -> None:
    orders = taken_in(tmp_path / "sources", "orders")
    report = run_stress(
        orders,
        Snapshot.at(orders.info.last_day),
        bundle,
        [load_scenario("payments_plus_30")],
    )
    assert report.scenarios[0].skipped == "the sources have no table invoices"
    assert report.flat() == {}


def test_the_text_of_a_check_is_its_name_in_the_report() -> None:
    check = DirectionCheck(**NOT_UP)
    assert check.text == "mean score of all customers: not up"
