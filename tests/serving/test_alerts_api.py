"""``/v1/alerts`` and ``/v1/alert-cases``: lists, steps, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.batch import run_batch
from serving.settings import Settings
from serving.store.session import Database
from tests.blank_store import blank_store
from tests.serving.test_alerting import OVERDUE, changed, quiet  # noqa: F401
from training.bundle import Bundle


@pytest.fixture
def own_client(
    tmp_path: Path,
    store_url: str,
    settings: Settings,
    served_bundle: Bundle,
    quiet: IndicatorFrame,  # noqa: F811
) -> Iterator[TestClient]:
    """A service over a store of its own, with one overdue customer and drops of all."""
    mine = settings.model_copy(update={"home": tmp_path, "database_url": store_url})
    store = Database(mine.database)
    drop = {"net_amount_drop_2m": {None: 0.6}, "active_month_share_12m": {None: 1.0}}
    falling = {"industry_index_change_12m": {None: -0.08}}
    frame = changed(quiet, {**OVERDUE, **drop, **falling})  # type: ignore[dict-item]
    run_batch(served_bundle, frame, store)
    store.dispose()
    application = create_app(mine)
    with TestClient(application, raise_server_exceptions=False) as opened:
        yield opened
    application.state.database.dispose()


def test_alerts_are_listed_by_due_date(own_client: TestClient) -> None:
    address, seen = "/v1/alerts?limit=60", []
    while address:
        page = own_client.get(address).json()
        seen += page["items"]
        address = page["next"]
    assert len({alert["alert_id"] for alert in seen}) == len(seen) == page["total"]
    keys = [(alert["due_at"], alert["alert_id"]) for alert in seen]
    assert keys == sorted(keys)
    for query, check in (
        ("kind=overdue_payment", lambda a: a["kind"]["id"] == "overdue_payment"),
        ("severity=red", lambda a: a["severity"] == "red"),
        ("customer=c-0001", lambda a: a["customer_id"] == "c-0001"),
        ("state=open&kind=order_drop", lambda a: a["state"] == "open"),
    ):
        found = own_client.get(f"/v1/alerts?limit=500&{query}").json()["items"]
        wanted = [
            a
            for a in seen
            if check(a) and ("order_drop" not in query or a["kind"]["id"] == "order_drop")
        ]
        assert found == wanted
        assert found
    tier = seen[0]["tier_id"]
    assert all(
        a["tier_id"] == tier for a in own_client.get(f"/v1/alerts?tier={tier}").json()["items"]
    )
    assert own_client.get("/v1/alerts?late=true").json()["total"] == 0
    assert own_client.get("/v1/alerts?state=resolved").json()["items"] == []


def test_an_alert_tells_both_languages_and_its_cause(own_client: TestClient) -> None:
    """#80, #85: texts, threshold and playbook in both; a drop names its cause and evidence."""
    (alert,) = own_client.get("/v1/alerts?kind=order_drop&limit=1").json()["items"]
    assert alert == own_client.get(f"/v1/alerts/{alert['alert_id']}").json()
    for part in ("text", "threshold", "playbook"):
        assert alert[part]["en"]
        assert alert[part]["zh-CN"]
        assert alert[part]["en"] != alert[part]["zh-CN"]
    assert "60 %" in alert["text"]["en"]
    assert alert["requirement"] == "#76, #78, X4"
    evidence = {each["id"] for each in alert["cause"]["evidence"]}
    assert "industry_falls" in evidence
    assert alert["responsible"]["label"]["zh-CN"] == "客户经理"
    (other,) = own_client.get("/v1/alerts?kind=overdue_payment").json()["items"]
    assert other["cause"] is None


def test_acknowledge_analyse_resolve(own_client: TestClient) -> None:
    """#78, #89: every response is logged with who, when and what came of it."""
    address = "/v1/alerts?kind=order_drop&severity=red&limit=1"
    (alert,) = own_client.get(address).json()["items"]
    place = f"/v1/alerts/{alert['alert_id']}"
    taken = own_client.post(f"{place}/acknowledge", json={"note": " Call. "}).json()
    assert (taken["state"], taken["responded_at"]) == ("acknowledged", None)
    assert taken["actions"][0]["actor"] == "local"
    again = own_client.post(f"{place}/acknowledge", json={})
    assert again.status_code == 409
    assert again.json()["detail"] == "The alert is acknowledged; it cannot be acknowledged."
    resolution = {
        "note": "Four fifths are back.",
        "outcome": "recovered",
        "measure": "substitute_offer",
        "industry": "machinery",
    }
    early = own_client.post(f"{place}/resolve", json=resolution)
    assert early.status_code == 409
    assert "before its cause is analysed" in early.json()["detail"]
    analysis = {"note": "Copper is dear.", "cause": "adjustment"}
    analysed = own_client.post(f"{place}/analyse", json=analysis).json()
    assert analysed["cause"]["stated"]["id"] == "adjustment"
    assert analysed["cause"]["playbook"]["en"].startswith("The need is smaller")
    assert analysed["responded_at"]
    done = own_client.post(f"{place}/resolve", json=resolution).json()
    assert (done["state"], done["outcome"], done["measure"]["id"]) == (
        "resolved", "recovered", "substitute_offer",
    )  # fmt: skip
    assert [each["action"] for each in done["actions"]] == ["acknowledged", "analysed", "resolved"]
    library = own_client.get(
        "/v1/alert-cases?kind=order_drop&industry=machinery&cause=adjustment"
        f"&tier={alert['tier_id']}"
    ).json()
    (experience,) = library["experience"]
    assert (experience["measure"]["label"]["en"], experience["recovered"]) == (
        "Other product or material offered", 1.0,
    )  # fmt: skip
    assert [case["alert_id"] for case in library["items"]] == [alert["alert_id"]]
    assert library["items"][0]["actions"][-1]["note"] == "Four fifths are back."
    assert own_client.get("/v1/alert-cases?cause=loss").json()["experience"] == []


def test_requests_that_are_refused(own_client: TestClient) -> None:
    assert own_client.get("/v1/alerts/none").status_code == 404
    for query in ("kind=drop", "state=lost", "severity=blue", "cursor=x", "status=open"):
        answer = own_client.get(f"/v1/alerts?{query}")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["parameter"] == query.split("=")[0]
    assert own_client.get("/v1/alert-cases?kind=drop").status_code == 422
    (alert,) = own_client.get("/v1/alerts?kind=overdue_payment").json()["items"]
    place = f"/v1/alerts/{alert['alert_id']}"
    good = {"note": "b", "outcome": "lost", "measure": "nothing"}
    for wrong, where in (
        ({"measure": "magic"}, "#/measure"),
        ({"outcome": "fine"}, "#/outcome"),
        ({"actor": "Li Na"}, "#/actor"),
        ({"colour": "red"}, "#/colour"),
    ):
        answer = own_client.post(f"{place}/resolve", json=good | wrong)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == where
    assert own_client.post(f"{place}/acknowledge", content="note=a").status_code == 415
    assert own_client.post("/v1/alerts/none/analyse", json={"note": "b"}).status_code == 404
    assert own_client.get(f"{place}").json()["actions"] == []


def test_a_store_from_before_the_alerts_is_upgraded(
    tmp_path: Path, settings: Settings, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    mine = settings.model_copy(update={"home": tmp_path})
    store = blank_store(mine.database)
    run_batch(served_bundle, frame, store)
    store.downgrade("0004")
    store.dispose()
    application = create_app(mine)
    with TestClient(application) as upgraded:
        assert upgraded.get("/v1/alerts").json() == {
            "items": [], "total": 0, "cursor": None, "next": None,
        }  # fmt: skip
        assert upgraded.get("/v1/grades").json()["total"] == len(frame)
    application.state.database.dispose()
