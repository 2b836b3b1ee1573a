"""Grades by list, and lists by score."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from serving.batch import BatchResult


def test_grades_by_list_are_those_one_by_one(client: TestClient, graded: BatchResult) -> None:
    asked = ["c-0020", "nobody", "c-0007", "c-0020", "a/b", "c-0001"]
    told = client.post("/v1/grades:batchGet", json={"customer_ids": asked}).json()
    assert [each["customer_id"] for each in told["items"]] == ["c-0020", "c-0007", "c-0001"]
    assert told["missing"] == ["nobody", "a/b"]
    assert told["run_id"] == graded.run.run_id
    for each in told["items"]:
        assert each == client.get(f"/v1/grades/{each['customer_id']}").json()


def test_five_hundred_at_once(client: TestClient) -> None:
    asked = [f"c-{n:04}" for n in range(500)]
    told = client.post("/v1/grades:batchGet", json={"customer_ids": asked}).json()
    assert len(told["items"]) + len(told["missing"]) == 500
    assert len(told["items"]) > 300


@pytest.mark.parametrize(
    "body",
    [{}, {"customer_ids": []}, {"customer_ids": ["x"] * 501}, {"customer_ids": [""]}, {"x": 1}],
)
def test_lists_that_are_none(client: TestClient, body: dict[str, object]) -> None:
    assert client.post("/v1/grades:batchGet", json=body).status_code == 422


@pytest.mark.parametrize(("least", "below"), [(40, 60), (60, None), (None, 40), (70, 30)])
def test_lists_are_narrowed_by_score(
    client: TestClient, least: float | None, below: float | None
) -> None:
    everybody = client.get("/v1/grades?limit=500").json()["items"]
    wanted = [
        each["customer_id"]
        for each in everybody
        if (least is None or each["score"] >= least) and (below is None or each["score"] < below)
    ]
    query = {"min_score": least, "below_score": below, "limit": 37}
    address, seen = "/v1/grades", []
    page = client.get(address, params={k: v for k, v in query.items() if v is not None}).json()
    assert page["total"] == len(wanted)
    seen += page["items"]
    while page["next"]:
        page = client.get(page["next"]).json()
        seen += page["items"]
    assert [each["customer_id"] for each in seen] == wanted
    assert client.get("/v1/grades?min_score=nan").status_code == 422
    assert client.get("/v1/grades?min_score=101").status_code == 422
