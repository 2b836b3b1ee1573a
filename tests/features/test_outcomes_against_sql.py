"""Every outcome equals hand-written SQL over the raw tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from ibis.backends import BaseBackend

from features.backends import connect
from features.parquet import Outcomes, strings
from features.publish import materialise, realised
from features.snapshot import Snapshot
from features.sources import Sources
from tests.features import random_rows, tiny

OUTCOMES = ("churned", "net_value", "contribution", "contract_lapsed")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    connection: BaseBackend = connect(threads=2)
    return tiny.named(tiny.company(connection, tmp_path_factory.mktemp("company") / "sources"))


def check(sources: Sources, snapshot: Snapshot, days: int, grace: int = 0) -> Outcomes:
    found = realised(sources, snapshot, days, grace_days=grace)
    text = (tiny.ORACLES / "outcomes.sql").read_text("utf-8")
    asked = {"as_of": snapshot.as_of, "known_at": snapshot.known_at, "days": days, "grace": grace}
    table = sources.connection.con.execute(text, asked).to_arrow_table()
    assert found.customer_id.tolist() == strings(table, "customer_id").tolist()
    for name in OUTCOMES:
        want = np.array([np.nan if v is None else float(v) for v in table[name].to_pylist()])
        np.testing.assert_allclose(getattr(found, name), want, rtol=1e-9, atol=1e-9, err_msg=name)
    return found


@pytest.mark.parametrize(("day", "days"), [(date(2025, 6, 30), 90), (date(2026, 3, 31), 180)])
def test_simulated_company(company: Sources, day: date, days: int) -> None:
    found = check(company, Snapshot.at(day), days)
    for name in OUTCOMES:  # each has been compared on numbers that differ
        assert len(np.unique(getattr(found, name))) > 1, name
    assert (found.contribution[found.net_value > 0] < 0).any()


def test_a_grace_is_counted_the_same(company: Sources) -> None:
    check(company, Snapshot.at(date(2026, 3, 31)), 200, grace=60)


def test_a_year_ahead_is_the_indicator_of_a_year_later(company: Sources) -> None:
    day, known_at = date(2025, 9, 30), datetime(2027, 1, 1)
    found = realised(company, Snapshot.at(day), 365)
    later = materialise(company, Snapshot.at(day + timedelta(days=365), known_at))
    wanted = later.values[:, later.columns.index("contribution_365d")]
    same = np.isin(later.customer_id, found.customer_id)
    assert later.customer_id[same].tolist() == found.customer_id.tolist()
    np.testing.assert_allclose(found.contribution, wanted[same], rtol=1e-12, atol=1e-9)


# Not traced: the tests above run the same lines.
@pytest.mark.no_cover
@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(rows=random_rows.tables(datetime(2026, 6, 30, 23, 59, 59, 999999)))
def test_random_edges(rows: dict[str, list[tiny.Row]]) -> None:
    ends = [
        tiny.order(name, day, 1) for name, day in (("ann", "2020-01-01"), ("dee", "2026-06-30"))
    ]
    rows = {**rows, "orders": [*rows["orders"], *ends]}
    made = tiny.sources(connect(threads=1), rows, versioned=random_rows.VERSIONED)
    for days, grace in ((30, 0), (90, 10)):
        check(made, Snapshot.at(date(2026, 3, 31)), days, grace)


def test_what_the_source_lacks_is_unknown(company: Sources) -> None:
    snapshot = Snapshot.at(date(2026, 3, 31))
    whole = realised(company, snapshot, 30)
    columns = {name: set(given) for name, given in company.info.columns.items()}
    for lost, outcome in (
        ("orders.cost", "contribution"),
        ("contracts.renewed_at", "contract_lapsed"),
    ):
        table, _, column = lost.partition(".")
        fewer = {**columns, table: columns[table] - {column}}
        info = replace(company.info, columns={n: tuple(c) for n, c in fewer.items()})
        found = realised(replace(company, info=info), snapshot, 30)
        assert np.isnan(getattr(found, outcome)).all()
        assert not np.isnan(getattr(whole, outcome)).all()
        assert found.net_value.tolist() == whole.net_value.tolist()
