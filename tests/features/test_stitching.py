"""Stitched pieces and one joined query are two ways to the same file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from features import press
from features.backends import aside, connect
from features.frame import DIMENSIONS
from features.history import History
from features.publish import indicators_name, publish
from features.schema import CATALOGUE
from features.snapshot import Snapshot
from features.sources import Sources
from features.stitching import pattern, stitched
from tests.features import tiny
from tests.features.tiny import order, sources

DAYS = (date(2025, 9, 30), date(2026, 6, 30), date(2026, 9, 30))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return tiny.company(connect(threads=2), tmp_path_factory.mktemp("company") / "sources", 60)


def files(out: Path) -> Mapping[str, bytes]:
    return {name: (out / name).read_bytes() for name in map(indicators_name, DAYS)}


def test_more_customers_than_memory_should_hold_give_the_same_bytes(
    company: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(company, tmp_path / "stitched", DAYS, ())
    monkeypatch.setattr(press, "LIMIT", 10)
    monkeypatch.setattr(press, "stitched", None)
    publish(company, tmp_path / "joined", DAYS, ())
    assert files(tmp_path / "stitched") == files(tmp_path / "joined")


def test_every_mapped_indicator_comes_from_one_piece(company: Sources) -> None:
    with History(company, [Snapshot.at(DAYS[0])]) as history:
        history.at(Snapshot.at(DAYS[0]))
        cut = pattern(history)
        assert cut.assessed is not None
        taken = [name for columns in (*cut.pieces.values(), cut.assessed[1]) for name in columns]
        unmapped = {n for d in DIMENSIONS.values() for n in d(history.tables).unmapped}
    assert len(taken) == len(set(taken))
    assert set(taken) == set(CATALOGUE) - unmapped
    assert all(cut.pieces.values())  # no piece runs for nothing


def test_missing_values_follow_the_catalogue() -> None:
    link = connect(threads=1)
    rows = {"orders": [order("b", "2026-03-21", 50), order("a", "2026-08-01", 5)], "tickets": []}
    then, later = Snapshot.at(date(2026, 3, 31)), Snapshot.at(date(2026, 9, 30))
    with History(sources(link, rows), [then, later]) as history, aside(link) as session:
        history.at(later)
        cut = pattern(history).turned(history.beside(then))
        found = stitched(cut, history.customers(), session)
    assert found["customer_id"].to_pylist() == ["b"]  # a had bought nothing yet
    assert found["net_amount_90d"].to_pylist() == [50.0]
    assert found["open_ticket_count"].to_pylist() == [0.0]  # zero: the table exists
    assert found["csat_mean_365d"].to_pylist() == [None]
    assert found["overdue_amount"].to_pylist() == [None]  # no invoices at all
