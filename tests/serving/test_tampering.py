"""Every column of every row an audit covers, edited; rows taken away, added, swapped, cut off."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from features.schema import IndicatorFrame
from serving.batch import run_batch
from serving.store.session import Database
from tests.serving.tampering import tamperings, try_all
from training.bundle import Bundle


def test_every_way_of_tampering_is_found(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    few = replace(frame, customer_id=frame.customer_id[:30], values=frame.values[:30])
    for days in (0, 30):
        later = replace(few, as_of=few.as_of + timedelta(days=days))
        run_batch(served_bundle, later, database)
    tried, missed = try_all(database, len(tamperings()), seed=5)
    assert missed == []
    assert sum(tried.values()) == len(tamperings()) >= 80
