"""What-ifs explained in numbers alone: those of the explanation, written as the models would."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.alone import grade_one
from serving.api import contribution_bytes, simulation_schemas
from serving.scoring import aligned, basis_of
from training.bundle import Bundle

URL = "/v1/grades:simulate"
DETOUR = {"content-type": "application/json; charset=utf-8"}


def ask(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post(URL, json=body)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_they_are_those_of_the_explanation(client: TestClient, frame: IndicatorFrame) -> None:
    for customer in frame.customer_id[:40].tolist():
        asked = {"customer_id": customer, "indicators": {"net_amount_365d": 123.5}}
        whole = ask(client, **asked)
        few = ask(client, **asked, explanation="contributions")
        assert few["explanation"] is None
        assert whole["contributions"] is None
        assert {**few, "explanation": None, "contributions": None} == {**whole, "explanation": None}

        told, sums = few["contributions"], {}
        for entry in whole["explanation"]["contributions"]:
            key = entry["dimension"], entry["indicator"]
            sums.setdefault(key, []).append(entry["contribution"])
        found = {
            (each["id"], name): part
            for each in told["dimensions"]
            for name, part in each["indicators"].items()
        }
        assert found.keys() == sums.keys()
        for key, part in found.items():
            assert part == pytest.approx(math.fsum(sums[key]), abs=1e-12)
            # What comes through one channel only is the same to the last bit.
            assert len(sums[key]) > 1 or part == sums[key][0]
        assert told["base"] == whole["explanation"]["base"]
        assert told["score"] == whole["grade"]["score"]
        assert abs(told["base"] + math.fsum(found.values()) - told["score"]) < 1e-9
        for each in told["dimensions"]:
            assert each["contribution"] == math.fsum(each["indicators"].values())


def test_bytes_are_those_of_the_models(bundle: Bundle, frame: IndicatorFrame) -> None:
    basis, values = basis_of(bundle, frame.as_of, run_id=None), aligned(bundle, frame)
    for row in range(60):
        one = grade_one(bundle, values[row : row + 1], "", basis, explained=True)
        assert one.account is not None
        told = contribution_bytes.contributions(one.grade.score, one.account)
        model = simulation_schemas.Contributions.model_validate_json(told)
        assert model.model_dump_json(by_alias=True).encode() == told
        assert [each.id for each in model.dimensions] == [each.id for each in basis.dimensions]


def test_an_indicator_that_acts_in_several_ways_is_told_once(
    bundle: Bundle, frame: IndicatorFrame
) -> None:
    basis, values = basis_of(bundle, frame.as_of, run_id=None), aligned(bundle, frame)
    account = grade_one(bundle, values[:1], "", basis, explained=True).account
    assert account is not None
    expected: dict[tuple[str, str], list[float]] = {}
    for entry, part in zip(account.layout, account.contributions, strict=True):
        expected.setdefault((entry.dimension, entry.indicator), []).append(part)
    names = [(each.id, name) for each in account.shape.dimensions for name in each.indicators]
    assert len(set(names)) == len(names) == len(account.sums)
    told = dict(zip(names, account.sums, strict=True))
    assert told == {key: sum(parts, start=0.0) for key, parts in expected.items()}
    assert any(len(parts) > 1 for parts in expected.values())


def test_the_endpoint_says_the_same_and_what_is_wrong(client: TestClient) -> None:
    body = {"customer_id": "c-0007", "explanation": "contributions"}
    detour = client.post(URL, content=json.dumps(body), headers=DETOUR)
    assert detour.json() == ask(client, **body)
    for wrong in ("texts", "", "true", 1, 0, None, ["contributions"], {"a": 1}):
        answer = client.post(URL, json={**body, "explanation": wrong})
        assert answer.status_code == 422
        (fault,) = answer.json()["errors"]
        assert fault["pointer"] == "#/explanation"
        assert "contributions" in fault["detail"]
