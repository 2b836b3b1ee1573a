"""What is above somebody's clearance is null and named, wherever it would be told (#99)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient


@pytest.fixture
def best(house: TestClient) -> str:
    """A customer of the tier whose secrets are confidential."""
    listed = house.get("/v1/grades?tier=strategic_partner&limit=1", headers={"X-Who": "ex"})
    return listed.json()["items"][0]["customer_id"]


@pytest.fixture
def ordinary(house: TestClient) -> str:
    listed = house.get("/v1/grades?tier=basic&limit=1", headers={"X-Who": "ex"})
    return listed.json()["items"][0]["customer_id"]


def test_an_expert_sees_all(house: TestClient, best: str) -> None:
    grade = house.get(f"/v1/grades/{best}", headers={"X-Who": "ex"}).json()
    assert grade["masked"] == []
    assert grade["churn"]["probability"] is not None
    assert grade["ltv"]["value"] is not None


def test_an_analyst_sees_the_tier_of_the_best_and_no_more(house: TestClient, best: str) -> None:
    for grade in (
        house.get(f"/v1/grades/{best}", headers={"X-Who": "an"}).json(),
        house.get("/v1/grades?tier=strategic_partner", headers={"X-Who": "an"}).json()["items"][0],
        house.post(
            "/v1/grades:batchGet", json={"customer_ids": [best]}, headers={"X-Who": "an"}
        ).json()["items"][0],
    ):
        assert grade["masked"] == ["churn", "ltv", "dimensions", "reasons"]
        assert grade["tier"]["id"] == "strategic_partner"
        assert isinstance(grade["score"], float)
        assert grade["churn"]["probability"] is None
        assert {grade["ltv"][name] for name in ("value", "lower", "upper")} == {None}
        assert {each["score"] for each in grade["dimensions"]} == {None}
        assert grade["referral"]["reasons"] == []
    (past,) = house.get(f"/v1/grades/{best}/history", headers={"X-Who": "an"}).json()["items"]
    assert (past["ltv"], past["churn_probability"], past["masked"]) == (
        None,
        None,
        ["churn", "ltv"],
    )


def test_of_other_customers_an_analyst_sees_all(house: TestClient, ordinary: str) -> None:
    assert house.get(f"/v1/grades/{ordinary}", headers={"X-Who": "an"}).json()["masked"] == []
    told = house.get(f"/v1/grades/{ordinary}/explanation", headers={"X-Who": "an"})
    assert told.status_code == 200


def test_why_is_refused_with_the_class(house: TestClient, best: str) -> None:
    for path in ("explanation", "lift", "outlook", "change?since=2030-01-01"):
        answer = house.get(f"/v1/grades/{best}/{path}", headers={"X-Who": "an"})
        assert answer.status_code == 403, path
        assert answer.json()["context"] == {"part": "explanation", "data_class": "confidential"}
    for body in ({"customer_id": best}, {"customer_id": best, "explanation": False}):
        answer = house.post("/v1/grades:simulate", json=body, headers={"X-Who": "an"})
        assert answer.status_code == 403, answer.text
        allowed = house.post("/v1/grades:simulate", json=body, headers={"X-Who": "ex"})
        assert allowed.status_code == 200
    page = house.get(f"/customers/{best}", headers={"X-Who": "an", "Accept": "text/html"})
    assert page.status_code == 403


def test_what_was_kept_for_one_role_is_not_given_to_another(house: TestClient, best: str) -> None:
    """The fast answers are kept by role, whoever asks first."""
    for _ in range(3):
        for who, hidden in (("ex", 0), ("an", 4)):
            grade = house.get(f"/v1/grades/{best}", headers={"X-Who": who}).json()
            assert len(grade["masked"]) == hidden


def test_the_page_leaves_out_an_outlook_that_tells_too_much(
    house: TestClient, ordinary: str
) -> None:
    """Were the LTV alone confidential, an analyst would see the page without it."""
    service = house.app_state.service  # type: ignore[attr-defined]
    parts = {**service.governance.parts, "ltv": "confidential"}
    raised = service.governance.model_copy(update={"parts": parts})
    house.app_state.service = replace(service, governance=raised)  # type: ignore[attr-defined]
    headers = {"X-Who": "an", "Accept": "text/html"}
    page = house.get(f"/customers/{ordinary}", headers=headers)
    assert (page.status_code, "outlook-title" in page.text) == (200, False)
    headers["X-Who"] = "ex"
    assert "outlook-title" in house.get(f"/customers/{ordinary}", headers=headers).text
    answer = house.get(f"/v1/grades/{ordinary}/outlook", headers={"X-Who": "an"})
    assert answer.json()["context"] == {"part": "ltv", "data_class": "confidential"}
