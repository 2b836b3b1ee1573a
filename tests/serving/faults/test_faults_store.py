"""The database goes away while the service is asked, and comes back: 503 meanwhile, no loss."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.audit import verify
from serving.batch import run_batch
from serving.sealing import verify_runs
from serving.settings import Settings
from serving.store.session import Database
from tests.postgres import MISSING, running
from training.bundle import Bundle

OUTAGE_S = float(os.environ.get("TIERWISE_TEST_OUTAGE_S", "2"))
"""How long the database is down; `TIERWISE_TEST_OUTAGE_S=20` is the long test."""


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_the_database_goes_down_and_comes_back(
    tmp_path: Path, bundle_dir: Path, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    with running() as server:
        url = server.url(server.migrated())
        store = Database(url)
        run = run_batch(served_bundle, frame, store).run
        with store.read() as session:
            head = verify(session)
        settings = Settings(
            home=tmp_path,
            world="small",
            environment="test",
            bundle_dir=bundle_dir,
            database_url=url,
        )
        application = create_app(settings)
        with TestClient(application, raise_server_exceptions=False) as client:
            assert client.get("/v1/grades/c-0007").status_code == 200
            server.stop()
            down, last = time.monotonic(), dict[str, int]()
            # A slow machine may need longer for one round; what is kept is given a moment only.
            while time.monotonic() - down < OUTAGE_S or set(last.values()) != {503}:
                assert time.monotonic() - down < OUTAGE_S + 30, last
                for path in ("/v1/grades/c-0007", "/v1/grades?limit=3", "/v1/alerts"):
                    answer = client.get(path)
                    last[path] = answer.status_code
                    if answer.status_code == 200:  # for a moment, from memory, and right
                        assert path != "/v1/alerts"
                        assert run.run_id in answer.text
                        continue
                    assert answer.status_code == 503, (path, answer.text)
                    assert int(answer.headers["retry-after"]) > 0
                    assert answer.headers["content-type"] == "application/problem+json"
                assert client.get("/healthz").status_code == 200, "the process lives"
                assert client.get("/readyz").status_code == 503
                time.sleep(0.1)
            server.start()
            after = client.get("/v1/grades/c-0007")
            assert after.status_code == 200, "recovered by itself, at the first request"
            assert after.json()["run_id"] == run.run_id
            assert client.get("/readyz").status_code == 200
        application.state.database.dispose()
        with store.read() as session:
            # It may have grown: who looked at whom is recorded too.
            assert verify(session, head).size >= head.size
            assert verify_runs(session).grades == run.customers
        assert run_batch(served_bundle, frame, store, force=True).created
        store.dispose()
