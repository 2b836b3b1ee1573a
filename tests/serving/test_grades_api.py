"""``/v1/grades``: reading grades, explanations and lists."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.batch import BatchResult, run_batch
from serving.settings import Settings
from training.bundle import Bundle


@pytest.fixture
def own(
    tmp_path: Path, settings: Settings, graded: BatchResult
) -> Iterator[tuple[TestClient, Settings]]:
    """A service on a copy of the store, for tests that write to it."""
    mine = settings.model_copy(update={"home": tmp_path})
    mine.state.mkdir()
    shutil.copy(settings.state / "tierwise.db", mine.state / "tierwise.db")
    application = create_app(mine)
    with TestClient(application, raise_server_exceptions=False) as opened:
        yield opened, mine
    application.state.database.dispose()


def first(client: TestClient, **query: object) -> dict:
    return client.get("/v1/grades", params={"limit": 1, **query}).json()["items"][0]


def test_a_grade_says_what_it_rests_on(client: TestClient, graded: BatchResult) -> None:
    run = graded.run
    grade = client.get("/v1/grades/c-0007").json()
    assert grade["customer_id"] == "c-0007"
    assert grade["run_id"] == run.run_id
    assert grade["as_of"] == run.basis.as_of.isoformat()
    assert 0 <= grade["score"] <= 100
    assert grade["tier"]["label"].keys() == {"en", "zh-CN"}
    assert grade["churn"]["horizon_days"] == 60
    assert 0 <= grade["churn"]["probability"] <= 1
    assert grade["ltv"]["lower"] <= grade["ltv"]["value"] <= grade["ltv"]["upper"]
    assert grade["ltv"]["currency"] == "EUR"
    assert [d["id"] for d in grade["dimensions"]] == [d.id for d in run.basis.dimensions]
    assert grade["model"]["version"] == "3"
    assert grade["model"]["bundle_digest"] == run.basis.bundle_digest
    assert grade["scheme"]["sha256"] == run.basis.scheme_sha256
    assert grade["simulated"] is True
    assert first(client) == client.get(f"/v1/grades/{first(client)['customer_id']}").json()


def test_a_grade_says_where_the_customer_stands_in_its_life(
    client: TestClient, graded: BatchResult
) -> None:
    policies = client.get("/v1/model").json()["lifecycles"]
    assert [policy["id"] for policy in policies] == ["six-stage", "four-stage", "aarrr"]
    assert [policy["sha256"] for policy in policies] == [
        policy.sha256 for policy in graded.run.basis.lifecycles
    ]
    for grade in client.get("/v1/grades", params={"limit": 500}).json()["items"]:
        for told, policy in zip(grade["lifecycle"], policies, strict=True):
            assert (told["scheme"], told["title"]) == (policy["id"], policy["title"])
            labels = {stage["id"]: stage["label"] for stage in policy["stages"]}
            assert told["label"] == labels[told["stage"]]
            assert told["label"]["en"] != told["label"]["zh-CN"]


def test_lists_are_filtered_by_stage(client: TestClient, graded: BatchResult) -> None:
    totals = {}
    for stage in graded.run.basis.stages:
        address = f"/v1/grades?stage={stage.id}&limit=100"
        seen = []
        while address:
            page = client.get(address).json()
            seen += page["items"]
            address = page["next"]
        assert {grade["lifecycle"][0]["stage"] for grade in seen} <= {stage.id}
        totals[stage.id] = len(seen)
    assert sum(totals.values()) == graded.run.customers
    assert totals["prospect"] == 0
    assert min(totals["mature"], totals["lost"]) > 0


def test_margins_lead_to_the_cuts(client: TestClient) -> None:
    for grade in client.get("/v1/grades", params={"limit": 500}).json()["items"]:
        margin, score = grade["margin"], grade["score"]
        if margin["up"] is None:
            assert margin["next_tier"] is None
            assert grade["tier"]["index"] == 0
        else:
            assert score + margin["up"] == pytest.approx(margin["next_tier"]["cut"])
        if margin["down"] is not None:
            assert score - margin["down"] == pytest.approx(grade["tier"]["cut"])


def test_contributions_add_up_over_the_wire(client: TestClient) -> None:
    grades = client.get("/v1/grades", params={"limit": 500}).json()["items"]
    missing = 0
    for grade in grades[::6]:  # of every customer: test_explain.py
        told = client.get(f"/v1/grades/{grade['customer_id']}/explanation").json()
        total = told["base"] + sum(entry["contribution"] for entry in told["contributions"])
        assert abs(total - grade["score"]) < 1e-9
        assert told["score"] == grade["score"]
        assert told["texts"].keys() == {"en", "zh-CN"}
        missing += any(d["score"] is None for d in grade["dimensions"])
    assert missing > 0


def test_contributions_come_by_size_with_their_words(client: TestClient) -> None:
    told = client.get("/v1/grades/c-0007/explanation", params={"lang": "zh-CN"}).json()
    sizes = [abs(entry["contribution"]) for entry in told["contributions"]]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > 0
    assert told["texts"].keys() == {"zh-CN"}
    for entry in told["contributions"]:
        assert entry["label"]["en"] != entry["label"]["zh-CN"]
        assert entry["channel"] in {"direct", "ltv", "churn_probability"}
        if entry["channel"] == "direct":
            assert entry["unit"] is not None


def test_an_unknown_customer_is_told_where_we_looked(
    client: TestClient, graded: BatchResult
) -> None:
    for path in ("/v1/grades/nobody", "/v1/grades/nobody/explanation", "/v1/grades/a%2Fb"):
        answer = client.get(path)
        problem = answer.json()
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["type"] == "urn:tierwise:problem:customer-not-found"
        assert graded.run.run_id in problem["detail"]
        assert graded.run.basis.as_of.isoformat() in problem["detail"]
        assert problem["context"]["run_id"] == graded.run.run_id


def test_following_next_meets_every_customer_once(client: TestClient, graded: BatchResult) -> None:
    address, seen = "/v1/grades?limit=60", []
    while address:
        page = client.get(address).json()
        seen += [(-g["score"], g["customer_id"]) for g in page["items"]]
        assert page["total"] == graded.run.customers
        address = page["next"]
    assert len(set(seen)) == graded.run.customers
    assert seen == sorted(seen)


def test_filters_go_on_over_the_pages(client: TestClient, graded: BatchResult) -> None:
    summary = next(t for t in graded.run.tiers if t.referred > 3)
    address, seen = f"/v1/grades?tier={summary.tier.id}&referred=true&limit=2", []
    while address:
        page = client.get(address).json()
        seen += page["items"]
        address = page["next"]
    assert len(seen) == summary.referred
    assert {g["tier"]["id"] for g in seen} == {summary.tier.id}
    assert all(g["referral"]["referred"] and g["referral"]["reasons"] for g in seen)
    assert all(g["referral"]["case_id"] and g["referral"]["due_at"] for g in seen)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("tier=gold", "tier"),
        ("stage=core", "stage"),
        ("stage=revenue", "stage"),  # of another scheme than the first
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=many", "limit"),
        ("referred=perhaps", "referred"),
        ("cursor=zzz", "cursor"),
        ("cursor=WyJnb25lIiwxLjAsImIiXQ", "cursor"),  # of a run that is not there
        ("cursor=WyJcdWQ4MDAiLDEuMCwiYiJd", "cursor"),  # half a surrogate pair
        ("Tier=core", "Tier"),  # would answer with all customers
        ("limit=2&page=2", "page"),  # would answer with the first page for ever
        ("tier=core&tier=basic", "tier"),
    ],
)
def test_a_wrong_query_names_its_parameter(client: TestClient, query: str, parameter: str) -> None:
    answer = client.get(f"/v1/grades?{query}")
    assert answer.status_code == 422
    assert [fault["parameter"] for fault in answer.json()["errors"]] == [parameter]


@pytest.mark.parametrize("score", ["NaN", "Infinity", "-Infinity"])
def test_a_cursor_behind_no_score_is_refused(
    client: TestClient, graded: BatchResult, score: str
) -> None:
    text = f'["{graded.run.run_id}",{score},"x"]'
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    answer = client.get("/v1/grades", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "cursor"


def test_a_slash_at_the_end_is_told_of(client: TestClient) -> None:
    for path in ("/v1/grades/", "/v1/grades/c-0007/"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "slash" in answer.json()["hint"]
    assert "slash" not in client.get("/v1/grades/nobody").json()["hint"]


def test_pages_stay_on_their_run(
    own: tuple[TestClient, Settings], served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    client, _ = own
    before = client.get("/v1/grades?limit=5").json()
    values = frame.values.copy()
    values[:, frame.columns.index("net_amount_365d")] *= np.linspace(0.5, 1.5, len(frame))
    moved = IndicatorFrame(frame.as_of, frame.customer_id, frame.columns, values)
    newer = run_batch(served_bundle, moved, client.app.state.database).run
    page = client.get(before["next"]).json()
    assert page["run_id"] == before["run_id"] != newer.run_id
    assert client.get("/v1/grades?limit=5").json()["run_id"] == newer.run_id
    assert client.get("/v1/grades/c-0007").json()["run_id"] == newer.run_id
