"""A store from before lifecycle stages: upgraded with its rows, and served as before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.batch import run_batch
from serving.domain.grade import Run
from serving.settings import Settings
from serving.store.session import Database
from tests.blank_store import blank_store
from training.bundle import Bundle


@pytest.fixture
def old(
    tmp_path: Path, settings: Settings, served_bundle: Bundle, frame: IndicatorFrame
) -> tuple[Settings, Run]:
    """A store at revision 0001 with a run, grades, explanations, cases and events."""
    mine = settings.model_copy(update={"home": tmp_path})
    store = blank_store(mine.database)
    run = run_batch(served_bundle, frame, store).run
    store.downgrade("0001")
    assert store.revision() == "0001"
    store.dispose()
    with create_engine(mine.database).connect() as connection:
        rows = connection.execute(text("SELECT * FROM grade")).mappings().all()
        assert len(rows) == run.customers
        assert not {"stage", "stages"} & set(rows[0])
        runs = connection.execute(text("SELECT * FROM run")).mappings().all()
        assert "lifecycles" not in runs[0]
        indexes = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'index'"))
        assert "ix_grade_run_stage_score" not in indexes.scalars().all()
    return mine, run


def test_an_old_store_is_upgraded_and_still_serves(
    old: tuple[Settings, Run], client: TestClient
) -> None:
    mine, run = old
    application = create_app(mine)
    with TestClient(application, raise_server_exceptions=False) as upgraded:
        assert application.state.database.is_current()
        page = upgraded.get("/v1/grades?limit=500").json()
        assert page["total"] == run.customers
        assert page["run_id"] == run.run_id
        for grade in page["items"]:
            assert grade["lifecycle"] == []
        # Beside the stages, and what is a run's own, nothing is different.
        before = client.get("/v1/grades/c-0007").json()
        after = upgraded.get("/v1/grades/c-0007").json()
        own = {"grade_id", "run_id", "lifecycle", "confidence", "tenure", "policy", "referral"}
        assert {k: v for k, v in after.items() if k not in own} == {
            k: v for k, v in before.items() if k not in own
        }
        account = upgraded.get("/v1/grades/c-0007/explanation").json()
        total = account["base"] + sum(e["contribution"] for e in account["contributions"])
        assert total == pytest.approx(account["score"], abs=1e-9)
        refused = upgraded.get("/v1/grades?stage=mature")
        assert refused.status_code == 422
        assert "no stages" in refused.json()["errors"][0]["detail"]
        html = {"accept": "text/html"}
        portfolio = upgraded.get("/?stage=mature", headers=html).text
        assert 'name="stage"' not in portfolio
        assert "All tiers" in portfolio
        customer = upgraded.get("/customers/c-0007", headers=html).text
        assert "Lifecycle stage" not in customer
        # A what-if is graded by today's policies, on a store of yesterday too.
        told = upgraded.post("/v1/grades:simulate", json={"customer_id": "c-0007"}).json()
        assert len(told["grade"]["lifecycle"]) == 3
    application.state.database.dispose()


def test_the_next_batch_gives_everybody_a_stage(
    old: tuple[Settings, Run], served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    mine, first = old
    store = Database(mine.database)
    store.upgrade()
    # The same grades under the same fingerprint: only a forced batch, or one whose
    # fingerprint was made without policies, writes them anew.
    with store.write() as session:
        session.execute(text("UPDATE run SET fingerprint = :old"), {"old": "0" * 64})
    second = run_batch(served_bundle, frame, store)
    assert second.created
    assert second.run.run_id != first.run_id
    with create_engine(mine.database).connect() as connection:
        counted = dict(
            connection.execute(text("SELECT run_id, count(stage) FROM grade GROUP BY run_id")).all()
        )
        kept = connection.execute(text("SELECT lifecycles FROM run ORDER BY finished_at"))
        policies = [len(json.loads(document)) for document in kept.scalars()]
    assert counted == {first.run_id: 0, second.run.run_id: len(frame)}
    assert policies == [0, 3]
    store.dispose()
