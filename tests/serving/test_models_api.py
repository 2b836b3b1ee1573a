"""Models, champions at an instant (mlflow#2169), cards, tiers, schemes and KPIs."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.batch import BatchResult
from serving.settings import Settings
from tests.serving.furnishing import CARD, write_shelf
from tiering.scheme import load_scheme, parse_scheme, scheme_names
from training.bundle import Bundle
from training.errors import RegistryError
from training.shelf import GATES, INDEX, LEDGER, read_shelf


def test_versions_and_decisions(client: TestClient, bundle: Bundle) -> None:
    told = client.get("/v1/models").json()
    assert [each["version"] for each in told["items"]] == [3, 2]
    assert [each["champion"] for each in told["items"]] == [True, False]
    assert told["items"][0]["metrics"]["backtest.churn.auc"] == 0.1 + 0.2
    actions = [(each["action"], each["version"]) for each in told["decisions"]]
    assert actions == [("promote", 2), ("refuse", 3), ("approve", 3), ("promote", 3)]
    one = client.get("/v1/models/3").json()
    assert {k: v for k, v in one.items() if k != "gate_report"} == told["items"][0]
    assert one["bundle_digest"] == bundle.digest
    for number in ("9", "0", "x", "-1"):
        assert client.get(f"/v1/models/{number}").status_code in (404, 422)


def test_a_version_tells_what_was_checked_and_by_whom(client: TestClient) -> None:
    decisions = client.get("/v1/models").json()["decisions"]
    report = client.get("/v1/models/3").json()["gate_report"]
    last = decisions[-1]
    assert (report["at"], report["sha256"]) == (last["at"], last["gate_report_sha256"])
    assert (report["decision"], report["by"], report["against"]) == ("promote", "ana", 2)
    assert report["passed"] is True
    assert report["gates"] == [
        {
            "name": "churn.auc",
            "passed": True,
            "value": 0.8,
            "relation": ">=",
            "limit": 0.65,
            "message": "fine",
        }
    ]
    assert report["notes"] == ["No stress test."]
    assert report["approvals"] == [
        {"at": decisions[-2]["at"], "by": "li.wei", "reason": "card read"}
    ]
    assert client.get("/v1/models/2").json()["gate_report"] is None


def test_a_gate_report_that_was_changed_is_not_told(tmp_path: Path) -> None:
    home = Settings(home=tmp_path, world="w", environment="test")
    write_shelf(home.models)
    path = home.models / "3" / GATES
    with TestClient(create_app(home)) as client:
        path.write_text(path.read_text("utf-8").replace("0.65", "0.60"), "utf-8")
        answer = client.get("/v1/models/3")
        assert answer.status_code == 503
        path.unlink()
        assert client.get("/v1/models/3").json()["gate_report"] is None


def test_who_was_champion_when(client: TestClient) -> None:
    first, *_, last = client.get("/v1/models").json()["decisions"]
    assert client.get("/v1/models/champion").json()["model"]["version"] == 3

    def at(moment: str) -> int:
        answer = client.get("/v1/models/champion", params={"at": moment})
        return answer.json()["model"]["version"] if answer.status_code == 200 else 0

    assert at(first["at"]) == 2
    assert at(last["at"]) == 3
    just_before = datetime.fromisoformat(last["at"]) - timedelta(microseconds=1)
    assert at(just_before.isoformat()) == 2
    assert at(just_before.replace(tzinfo=None).isoformat()) == 2
    before_all = datetime.fromisoformat(first["at"]) - timedelta(seconds=1)
    assert at(before_all.isoformat()) == 0
    told = client.get("/v1/models/champion", params={"at": first["at"]}).json()
    assert told["decision"]["by"] == "li.wei"
    assert client.get("/v1/models/champion?at=soon").status_code == 422


def test_cards_in_the_format_asked_for(client: TestClient) -> None:
    markdown = client.get("/v1/models/3/card")
    assert markdown.text == CARD
    assert markdown.headers["content-type"].startswith("text/markdown")
    assert markdown.headers["vary"] == "Accept"
    html = client.get("/v1/models/3/card", headers={"accept": "text/html,*/*;q=0.8"})
    assert html.headers["content-type"].startswith("text/html")
    assert "sandbox" in html.headers["content-security-policy"]
    assert client.get("/v1/models/3/card?lang=zh-CN").headers["content-language"] == "zh-CN"
    missing = client.get("/v1/models/3/card?lang=zh-CN", headers={"accept": "text/html"})
    assert missing.status_code == 404
    assert client.get("/v1/models/2/card").status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/v1/models/..%2F..%2Fkpi.json/card",
        "/v1/models/%2e%2e/card",
        "/v1/models/3/card?lang=../../models.json",
        "/v1/models/3%00/card",
        "/v1/models/3/card/../../../kpi.json",
    ],
)
def test_no_other_file_is_a_card(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code in (404, 422)
    assert "catalogue" not in answer.text


@pytest.mark.parametrize("fault", ["edit", "cut", "index", "half"])
def test_a_history_that_was_changed_is_not_told(tmp_path: Path, fault: str) -> None:
    home = Settings(home=tmp_path, world="w", environment="test")
    write_shelf(home.models)
    ledger = home.models / LEDGER
    text = ledger.read_text("utf-8")
    if fault == "edit":
        ledger.write_text(text.replace('"better"', '"bettor"').replace("li.wei", "me"), "utf-8")
    elif fault == "cut":
        ledger.write_text("".join(text.splitlines(keepends=True)[:-1]), "utf-8")
    elif fault == "half":
        (home.models / INDEX).write_text("{}", "utf-8")
    else:
        (home.models / INDEX).write_text("{", "utf-8")
    with pytest.raises(RegistryError):
        read_shelf(home.models)
    with TestClient(create_app(home)) as client:
        assert client.get("/v1/models").status_code == 503
        assert client.get("/v1/models/champion").status_code == 503


def test_a_service_before_the_first_promotion(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(home=tmp_path, environment="test"))) as client:
        assert client.get("/v1/models").json() == {"model": None, "items": [], "decisions": []}
        for path in ("/v1/models/champion", "/v1/models/1", "/v1/models/1/card", "/v1/kpis"):
            assert client.get(path).status_code == 404
        assert client.get("/v1/tiers").status_code == 503
        names = [each["name"] for each in client.get("/v1/schemes").json()["items"]]
        assert names == list(scheme_names())
        assert client.get("/v1/schemes/loaded").status_code == 404


def test_tiers_with_counts_and_promises(client: TestClient, graded: BatchResult) -> None:
    told = client.get("/v1/tiers").json()
    assert sum(each["customers"] for each in told["items"]) == graded.run.customers
    assert [each["tier"]["id"] for each in told["items"]] == [
        each.tier.id for each in graded.run.tiers
    ]
    packs = {pack.tier for pack in graded.run.basis.packs.tiers}
    assert {each["tier"]["id"] for each in told["items"] if each["policy"]} == packs


def test_schemes_with_their_text(client: TestClient, bundle: Bundle) -> None:
    listed = client.get("/v1/schemes").json()["items"]
    assert [each["name"] for each in listed] == [*scheme_names(), "loaded"]
    assert {each["name"] for each in listed if each["served"]} >= {"loaded"}
    for each in listed:
        told = client.get(f"/v1/schemes/{each['name']}").json()
        assert {key: told[key] for key in each} == each
        again = parse_scheme(told["toml"])
        assert again.sha256 == told["sha256"]
        assert told["content"]["id"] == told["id"]
    assert client.get("/v1/schemes/loaded").json()["sha256"] == bundle.scheme.sha256
    for name in ("nothing", "..%2Fdefault", "%2e%2e%2fpacks%2faccount"):
        assert client.get(f"/v1/schemes/{name}").status_code == 404


def test_what_changed_between_schemes(client: TestClient) -> None:
    same = client.get("/v1/schemes/default/difference?to=default").json()
    assert same["changes"] == []
    told = client.get("/v1/schemes/default/difference?to=rfm-eight").json()
    assert told["after"]["sha256"] == load_scheme("rfm-eight").sha256
    assert {"id", "title_en"} <= {each["path"] for each in told["changes"]}
    assert all(each["text"]["zh-CN"] for each in told["changes"])
    assert client.get("/v1/schemes/default/difference?to=x").status_code == 404
    assert client.get("/v1/schemes/default/difference").status_code == 422


def test_the_board_that_was_computed_last(
    client: TestClient, settings: Settings, tmp_path: Path
) -> None:
    told = client.get("/v1/kpis").json()
    (row,) = told["items"]
    assert row["label"] == {"en": "Churn rate", "zh-CN": "客户流失率"}
    assert row["actual"]["upper"] is None
    assert told["days"] == ["2024-06-30", "2025-06-30"]
    other = Settings(home=tmp_path, world="w", environment="test")
    with TestClient(create_app(other)) as bare:
        other.board.write_text("{", "utf-8")
        assert bare.get("/v1/kpis").status_code == 503
