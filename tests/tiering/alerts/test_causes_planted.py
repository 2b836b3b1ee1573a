"""The split of causes against what is planted in the simulated company (#85)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from features.backends import connect
from features.door.ingest import ingest
from features.publish import materialise
from features.snapshot import Snapshot
from features.sources import open_sources
from tests.features.simulated import whole
from tiering.alerts.causes import packaged_causes, split_causes

DAY, SHOCKED = date(2025, 11, 30), "textiles"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str | None]]:
    """What the split names, by planted cause, for regular customers whose spend halved."""
    tables = whole(7, 2_500)
    connection = connect(threads=1)
    raw = {
        name: connection.create_table(f"raw_{name}", table)
        for name, table in tables.items()
        if "/" not in name
    }
    folder: Path = tmp_path_factory.mktemp("sources")
    ingest(raw, folder, connection=connection, world="b2b", currency="CNY", simulated=True)
    frame = materialise(open_sources(folder, connection), Snapshot.at(DAY))
    values = {name: frame.values[:, i] for i, name in enumerate(frame.columns)}
    told = split_causes(packaged_causes(), values, len(frame))
    truth = tables["truth/accounts"].to_pydict()
    leaves = dict(zip(truth["customer_id"], truth["churn_day"], strict=True))
    industry = dict(zip(truth["customer_id"], truth["industry"], strict=True))
    found: dict[str, list[str | None]] = {"adjustment": [], "loss": []}
    halved = (values["net_amount_drop_2m"] >= 0.5) & (values["active_month_share_12m"] >= 0.5)
    for row in np.flatnonzero(halved):
        customer = str(frame.customer_id[row])
        ahead = (leaves[customer] - DAY).days
        cause = told.of(int(row))
        name = None if cause is None else cause.id
        if ahead <= 150:
            found["loss"].append(name)
        elif industry[customer] == SHOCKED and ahead > 240:
            found["adjustment"].append(name)
    return found


def test_the_planted_cause_is_mostly_named_and_seldom_the_other(
    planted: dict[str, list[str | None]],
) -> None:
    """#85: simulated; 90 days into the textile shock, with accounts fading before churn."""
    for cause, other in (("adjustment", "loss"), ("loss", "adjustment")):
        named = planted[cause]
        assert len(named) >= 10
        assert named.count(cause) >= 0.35 * len(named)
        assert named.count(other) <= 0.25 * len(named)
    right = sum(planted[cause].count(cause) for cause in planted)
    named_at_all = sum(name is not None for names in planted.values() for name in names)
    assert right >= 0.8 * named_at_all
