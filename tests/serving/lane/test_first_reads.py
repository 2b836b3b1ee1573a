"""Reads that are not kept: what the short way answers is what the endpoint would."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.batch import BatchResult
from serving.lane import first_reads
from serving.settings import Settings
from serving.store.session import Database
from tests.blank_store import blank_store

OWN = {"x-request-id", "date"}


@pytest.fixture
def unkept(settings: Settings, graded: BatchResult) -> TestClient:
    application = create_app(settings.model_copy(update={"answer_cache_mb": 0}))
    return TestClient(application, raise_server_exceptions=False)


def answers(
    client: TestClient, address: str, monkeypatch: pytest.MonkeyPatch, **headers: str
) -> list[tuple[int, dict[str, str], bytes]]:
    """Return the answer of the short way, and that of the endpoint."""
    found = []
    for short in (True, False):
        with monkeypatch.context() as patch:
            if not short:
                patch.setattr(first_reads, "_asked", lambda scope: None)
            answer = client.get(address, headers=headers)
        kept = {k: v for k, v in answer.headers.items() if k not in OWN}
        body = answer.content.replace(answer.headers["x-request-id"].encode(), b"")
        found.append((answer.status_code, kept, body))
    return found


@pytest.mark.parametrize(
    ("tail", "status"),
    [
        ("c-0007", 200),
        ("c-0007/explanation", 200),
        ("nobody", 404),
        ("nobody/explanation", 404),
        ("%E5%AE%A2%22%0A", 404),
        ("c-0007%2Fexplanation", 200),
        ("explanation", 404),
        ("/explanation", 404),
        ("c-0007/", 404),
        ("c-0007?lang=en", 422),
        ("c-0007/explanation?lang=en", 200),
        ("c-0007/history", 200),
        ("a/b/explanation", 404),
    ],
)
def test_the_short_way_answers_as_the_endpoint(
    unkept: TestClient, tail: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    short, long = answers(unkept, f"/v1/grades/{tail}", monkeypatch)
    assert short == long
    assert short[0] == status


def test_every_customer_and_every_encoding(
    unkept: TestClient, frame: IndicatorFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, customer in enumerate(frame.customer_id[:40]):
        tail = "/explanation" if number % 2 else ""
        asked = {"accept-encoding": "gzip" if number % 3 else "identity"}
        short, long = answers(unkept, f"/v1/grades/{customer}{tail}", monkeypatch, **asked)
        assert short == long


def test_plain_reads_do_not_reach_the_endpoint(
    unkept: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = unkept.app.build_middleware_stack()  # type: ignore[attr-defined]
    while not isinstance(found, first_reads.FirstReads):
        found = found.__dict__.get("_app") or found.__dict__["app"]
    unkept.app.middleware_stack = found  # type: ignore[attr-defined]
    monkeypatch.setattr(found, "_app", None)
    # Nobody has said who is asking: the endpoint would be asked, and is not there.
    assert unkept.get("/v1/grades/c-0007").status_code == 500


def test_a_store_that_is_away_is_said_in_the_same_words(
    tmp_path: Path, bundle_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, world="small", environment="test", bundle_dir=bundle_dir)
    blank_store(settings.database).dispose()
    client = TestClient(create_app(settings), raise_server_exceptions=False)
    empty, same = answers(client, "/v1/grades/c-1", monkeypatch)
    assert empty == same
    assert empty[0] == 503
    Database(settings.database).downgrade("base")
    gone, same = answers(client, "/v1/grades/c-1", monkeypatch)
    assert gone == same
    assert gone[0] == 503
