"""``/v1/reviews``, ``/v1/overrides`` and ``/v1/appeals``: lists, steps, refusals, what leaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from features.schema import IndicatorFrame
from serving.api.grades import now
from serving.app import create_app
from serving.batch import run_batch
from serving.domain.access import GRANTS, Principal, Role
from serving.settings import Settings
from serving.store.audit_events import AuditEvents
from tests.blank_store import blank_store
from tests.serving.reviewing.panel_room import SEATS, THREE, some
from training.bundle import Bundle

TEXT = {"en": "A one-off return.", "zh-CN": "一次性退货。"}
ROLES = {"crm": Role.CRM, "analyst": Role.ANALYST, "admin": Role.ADMIN}


class Asking:
    """ASGI middleware: whoever a header names, with the role of that person."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            name = dict(scope["headers"]).get(b"x-test-person", b"").decode()
            if name:
                role = ROLES.get(name, Role.EXPERT)
                who = Principal(f"person:{name}", "person", frozenset({role}), GRANTS[role])
                scope.setdefault("state", {})["principal"] = who
        await self._app(scope, receive, send)


@pytest.fixture
def application(
    tmp_path: Path, settings: Settings, served_bundle: Bundle, frame: IndicatorFrame
) -> Iterator[FastAPI]:
    """A service over a store of its own; a header says who is asking."""
    mine = settings.model_copy(update={"home": tmp_path})
    store = blank_store(mine.database)
    run_batch(served_bundle, some(frame), store)
    store.dispose()
    app = create_app(mine)

    app.add_middleware(Asking)
    yield app
    app.state.database.dispose()


class Desk:
    """Asks as somebody."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def get(self, name: str, path: str) -> Response:
        return self.client.get(path, headers={"x-test-person": name})

    def post(self, name: str, path: str, body: Any = None, match: str | None = None) -> Response:
        headers = {"x-test-person": name} | ({"if-match": match} if match else {})
        return self.client.post(path, json=body, headers=headers)

    def vote(self, name: str, place: str, tier: str, **changes: Any) -> Response:
        body = {
            "seat": SEATS.get(name, "expert"),
            "tier_id": tier,
            "reason": "one_off",
            "text": f"Secret of {name}.",
            "confidence": 0.875,
        }
        return self.post(name, f"{place}/votes", body | changes)


@pytest.fixture
def desk(application: FastAPI) -> Iterator[Desk]:
    with TestClient(application, raise_server_exceptions=False) as opened:
        yield Desk(opened)


def waiting(desk: Desk) -> tuple[str, str, dict[str, Any], list[str]]:
    """Return the address of a case with tiers around it, its customer, itself and all tiers."""
    grades = desk.get("analyst", "/v1/grades?limit=500&referred=true").json()["items"]
    tiers = [t["id"] for t in desk.get("analyst", "/v1/model").json()["tiers"]]
    grade = next(g for g in grades if 0 < g["tier"]["index"] < len(tiers) - 1)
    place = f"/v1/reviews/{grade['referral']['case_id']}"
    return place, grade["customer_id"], desk.get("analyst", place).json(), tiers


def test_a_case_from_the_queue_to_the_customer(desk: Desk) -> None:
    """#93: claim, vote, decide, close; the grade tells the tier that holds, until when and why."""
    place, customer, case, tiers = waiting(desk)
    given = tiers[tiers.index(case["tier_id"]) - 1]
    claimed = desk.post("sales", f"{place}/claim")
    assert claimed.status_code == 200
    assert (claimed.json()["status"], claimed.headers["etag"]) == ("claimed", '"2"')
    assert [c["case_id"] for c in desk.get("sales", "/v1/reviews?mine=true").json()["items"]] == [
        case["case_id"]
    ]
    again = desk.post("product", f"{place}/claim")
    assert again.status_code == 409
    assert again.json()["detail"] == "The case is claimed; it cannot be claimed."
    for name in THREE:
        assert desk.vote(name, place, given).status_code == 200
    stale = desk.post("sales", f"{place}/decide", {"reason": "one_off", "text": TEXT}, '"4"')
    assert stale.status_code == 412
    assert stale.json()["type"] == "urn:tierwise:problem:stale"
    etag = desk.get("sales", place).headers["etag"]
    body = {"reason": "one_off", "text": TEXT, "days": 30}
    decided = desk.post("sales", f"{place}/decide", body, f'W/"1", {etag}').json()
    assert decided["decision"]["outcome"] == "overridden"
    assert [vote["voter"] for vote in decided["votes"]] == [f"person:{n}" for n in THREE]
    grade = desk.get("crm", f"/v1/grades/{customer}").json()
    assert grade["tier"]["id"] == grade["override"]["tier"]["id"] == given
    assert grade["override"]["model_tier"]["id"] == case["tier_id"]
    assert grade["override"]["text"] == TEXT
    assert grade["override"]["until"] == decided["decision"]["holds_until"]
    assert grade["override"]["case_id"] == case["case_id"]
    for tier in (given, case["tier_id"]):
        listed = desk.get("crm", f"/v1/grades?tier={tier}&limit=500").json()["items"]
        assert (customer in {g["customer_id"] for g in listed}) == (tier == given)
    page = desk.client.get(f"/customers/{customer}").text
    assert "The panel decided" in page
    assert TEXT["en"] in page
    assert desk.post("sales", f"{place}/close", {}).json()["title"] == (
        "Somebody else has to do this"
    )
    assert desk.post("product", f"{place}/close", {}, "*").json()["status"] == "closed"
    listed = desk.get("analyst", f"/v1/overrides?in_force=true&customer={customer}").json()
    (override,) = listed["items"]
    assert desk.get("analyst", f"/v1/overrides/{override['override_id']}").json() == override
    revoked = desk.post("chair", f"/v1/overrides/{override['override_id']}/revoke", {"text": "x"})
    assert (revoked.json()["ending"], revoked.json()["in_force"]) == ("revoked", False)
    assert desk.get("crm", f"/v1/grades/{customer}").json()["override"] is None
    summary = desk.get("analyst", "/v1/reviews:summary?days=7").json()
    assert (summary["decided"], summary["overridden"], summary["decided_in_time"]) == (1, 1, 1.0)


def test_an_override_ends_at_its_instant_also_for_answers_given_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that time alone makes wrong is not given again."""
    place, customer, case, tiers = waiting(desk)
    given = tiers[tiers.index(case["tier_id"]) + 1]
    address = f"/v1/grades/{customer}"
    before = desk.get("crm", address).json()
    assert before["override"] is None
    desk.post("sales", f"{place}/claim")
    for name in THREE:
        desk.vote(name, place, given)
    body = {"reason": "one_off", "text": TEXT, "days": 1}
    desk.post("sales", f"{place}/decide", body)
    for _ in range(3):
        assert desk.get("crm", address).json()["tier"]["id"] == given
    asked = {"customer_ids": [customer]}
    (item,) = desk.post("crm", "/v1/grades:batchGet", asked).json()["items"]
    assert item["tier"]["id"] == given
    later = now() + timedelta(days=1)
    monkeypatch.setattr("serving.api.grades.now", lambda: later)
    after = desk.get("crm", address).json()
    assert (after["override"], after["tier"]) == (None, before["tier"])


def test_nothing_leaks_before_the_decision(desk: Desk) -> None:
    """Blinded: counts only, for everybody, at every address; one's own vote to oneself."""
    place, customer, _, tiers = waiting(desk)
    desk.post("sales", f"{place}/claim")
    desk.vote("sales", place, tiers[0])
    desk.vote("product", place, tiers[-1])
    addresses = (
        *("/v1/reviews?limit=500", place, f"/v1/grades/{customer}", "/v1/reviews:summary"),
        *("/v1/overrides", "/v1/appeals", f"/v1/reviews?customer={customer}"),
        *("/reviews", f"/customers/{customer}", "/metrics"),
    )
    for name in ("market", "analyst", "crm", "chair"):
        for address in addresses:
            text = desk.get(name, address).text
            assert "Secret of" not in text, (name, address)
            assert "0.875" not in text, (name, address)
            assert "product_manager" not in text, (name, address)
            assert "person:product" not in text, (name, address)
    refused = [
        desk.post("market", f"{place}/decide", {"reason": "one_off", "text": TEXT}),
        desk.vote("market", place, tiers[0], seat="pope"),
        desk.post("chair", f"{place}/claim"),
    ]
    for answer in refused:
        assert answer.status_code in (409, 422)
        assert "Secret" not in answer.text
        assert "person:product" not in answer.text
    seen = desk.get("analyst", place).json()
    assert (seen["votes_cast"], seen["votes"], seen["own_vote"]) == (2, [], None)
    own = desk.get("product", place).json()
    assert own["votes"] == []
    assert own["own_vote"]["text"] == "Secret of product."
    database = desk.client.app.state.database  # type: ignore[attr-defined]
    with database.read() as session:
        told = json.dumps([dict(e.payload) for e in AuditEvents(session).all()])
    assert "Secret of" not in told
    assert "0.875" not in told


def test_an_appeal_over_the_api(desk: Desk) -> None:
    """#95, #96: filed by the CRM, answered in both languages."""
    _, customer, case, tiers = waiting(desk)
    filing = {"customer_id": customer, "reason": " Why? ", "evidence": ["Annex B"]}
    filed = desk.post("crm", "/v1/appeals", filing).json()
    assert (filed["status"], filed["reason"], filed["answered_in_time"]) == ("open", "Why?", None)
    assert desk.post("crm", "/v1/appeals", filing).status_code == 409
    place = f"/v1/reviews/{filed['case_id']}"
    seen = desk.get("analyst", place).json()
    assert (seen["kind"], seen["appeal_id"], seen["reasons"]) == ("appeal", filed["appeal_id"], [])
    assert desk.get("analyst", "/v1/reviews?kind=appeal").json()["total"] == 1
    assert "Appeal of the customer" in desk.client.get("/reviews?reason=appeal").text
    desk.post("sales", f"{place}/claim")
    for name in THREE:
        desk.vote(name, place, tiers[tiers.index(case["tier_id"]) - 1])
    desk.post("sales", f"{place}/decide", {"reason": "one_off", "text": TEXT})
    closed = desk.post("market", f"{place}/close", {"note": {"en": "Thanks.", "zh-CN": "谢谢。"}})
    assert closed.json()["status"] == "closed"
    address = f"/v1/appeals/{filed['appeal_id']}"
    done = desk.get("crm", address).json()
    assert (done["outcome"], done["answered_in_time"], done["late"]) == ("upheld", True, False)
    assert done["answer"]["en"][-1] == "Thanks."
    assert any("提升等级的建议" in said for said in done["answer"]["zh-CN"])
    assert desk.get("crm", "/v1/appeals?answered=true").json()["items"] == [done]
    assert desk.get("crm", "/v1/appeals?answered=false").json()["items"] == []
    assert desk.get("crm", f"/v1/appeals?customer={customer}").json()["total"] == 1


def test_who_may_do_what(desk: Desk) -> None:
    place, customer, _, _ = waiting(desk)
    filing = {"customer_id": customer, "reason": "Why?"}
    for name, method, path, body in (
        ("crm", "GET", "/v1/reviews", None),
        ("crm", "GET", place, None),
        ("crm", "GET", "/v1/reviews:summary", None),
        ("crm", "GET", "/v1/overrides", None),
        ("analyst", "POST", f"{place}/claim", None),
        ("analyst", "POST", "/v1/overrides/x/revoke", {"text": "x"}),
        ("analyst", "POST", "/v1/appeals", filing),
        ("sales", "POST", "/v1/appeals", filing),
        ("admin", "GET", "/v1/appeals", None),
        ("admin", "GET", "/v1/appeals/x", None),
    ):
        headers = {"x-test-person": name}
        answer = desk.client.request(method, path, json=body, headers=headers)
        assert answer.status_code == 403, (name, path)


def test_lists_are_paged_and_narrowed(desk: Desk) -> None:
    every = desk.get("analyst", "/v1/reviews?limit=500").json()
    address, seen = "/v1/reviews?limit=3", []
    while address:
        page = desk.get("analyst", address).json()
        seen += page["items"]
        address = page["next"]
    assert seen == every["items"]
    keys = [(case["due_at"], case["case_id"]) for case in seen]
    assert keys == sorted(keys)
    due = seen[0]["due_at"]
    total = every["total"]
    tier = seen[0]["tier_id"]
    for query, found in (
        (f"due={due}", 0),
        ("due=2999-01-01T00:00:00", total),
        ("late=true", 0),
        ("mine=true", 0),
        ("status=closed", 0),
        ("kind=referral", total),
        (f"customer={seen[0]['customer_id']}", 1),
        (f"tier={tier}", sum(case["tier_id"] == tier for case in seen)),
    ):
        assert desk.get("analyst", f"/v1/reviews?{query}").json()["total"] == found, query
    for query in ("due=0001-01-01T00:00:00%2B14:00", "due=soon", "kind=x", "cursor=x", "limit=0"):
        answer = desk.get("analyst", f"/v1/reviews?{query}")
        assert answer.status_code == 422, query
    for path in ("/v1/overrides", "/v1/appeals"):
        assert desk.get("analyst", f"{path}?cursor=x").status_code == 422


def test_overrides_and_appeals_are_paged(desk: Desk) -> None:
    tiers = [t["id"] for t in desk.get("analyst", "/v1/model").json()["tiers"]]
    cases = desk.get("analyst", "/v1/reviews?limit=500").json()["items"]
    filed = []
    for case in cases:
        body = {"customer_id": case["customer_id"], "reason": "Why?"}
        answer = desk.post("crm", "/v1/appeals", body)
        if answer.status_code == 200:
            filed.append(answer.json())
    for appeal in filed[:3]:
        place = f"/v1/reviews/{appeal['case_id']}"
        desk.post("sales", f"{place}/claim")
        for name in THREE:
            desk.vote(name, place, appeal["wanted_tier_id"])
        done = desk.post("sales", f"{place}/decide", {"reason": "one_off", "text": TEXT})
        assert done.json()["status"] == "decided", done.text
    for path, number in (("/v1/appeals", len(filed)), ("/v1/overrides", min(3, len(filed)))):
        address, seen = f"{path}?limit=1", []
        while address:
            page = desk.get("analyst", address).json()
            seen += page["items"]
            address = page["next"]
        assert len(seen) == page["total"] == number
        assert seen == desk.get("analyst", f"{path}?limit=500").json()["items"]
    assert tiers


def test_what_is_not_there_and_what_is_not_valid(desk: Desk) -> None:
    for path in ("/v1/reviews/none", "/v1/overrides/none", "/v1/appeals/none"):
        answer = desk.get("analyst", path)
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:tierwise:problem:review-not-found"
    place, *_ = waiting(desk)
    assert desk.post("sales", f"{place}/claim", None, "nonsense").status_code == 412
    assert desk.post("sales", f"{place}/release").status_code == 409
    escalated = desk.post("sales", f"{place}/escalate", {"why": "Look."}).json()
    assert escalated["level"]["id"] == "chair"
    claimed = desk.post("chair", f"{place}/claim").json()
    assert claimed["claimed_by"] == "person:chair"
    assert desk.post("chair", f"{place}/release").json()["status"] == "open"
    desk.post("chair", f"{place}/claim")
    for wrong in ({"confidence": 2}, {"text": " "}, {"tier_id": "gold"}, {"mood": "good"}):
        tier = desk.get("analyst", place).json()["tier_id"]
        assert desk.vote("chair", place, tier, **wrong).status_code == 422
    one = {"en": "Only English."}
    answer = desk.post("expert", f"{place}/decide", {"reason": "one_off", "text": one})
    assert answer.json()["errors"][0]["pointer"] == "#/text/zh-CN"
    assert desk.client.post(f"{place}/claim", content="x=1").status_code == 415


def test_an_appeal_is_answered_while_no_model_is_loaded(desk: Desk) -> None:
    _, customer, case, _ = waiting(desk)
    filed = desk.post("crm", "/v1/appeals", {"customer_id": customer, "reason": "Why?"}).json()
    place = f"/v1/reviews/{filed['case_id']}"
    desk.post("sales", f"{place}/claim")
    for name in THREE:
        desk.vote(name, place, case["tier_id"])
    desk.post("sales", f"{place}/decide", {"reason": "one_off", "text": TEXT})
    parts = desk.client.app.state.service  # type: ignore[attr-defined]
    bare = create_app(parts.settings.model_copy(update={"bundle_dir": parts.settings.home / "no"}))
    bare.add_middleware(Asking)
    with TestClient(bare) as other:
        closed = Desk(other).post("product", f"{place}/close", {})
    bare.state.database.dispose()
    assert closed.json()["status"] == "closed"
    answer = desk.get("crm", f"/v1/appeals/{filed['appeal_id']}").json()["answer"]
    assert "What would lift it:" not in answer["en"]
