"""The API against its own OpenAPI file: described, and kept under random requests."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, seed, settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.schemas import BaseSchema
    from schemathesis.specs.openapi.checks import positive_data_acceptance

from serving.api import (
    access_schemas,
    alert_schemas,
    export_schemas,
    gate_schemas,
    parts,
    review_schemas,
    schemas,
    webhook_schemas,
)
from serving.api.service_schemas import Problem
from serving.domain.access import Role


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict:
    return client.get("/openapi.json").json()


@pytest.fixture(scope="module")
def all_rights(guarded: FastAPI, key_of: Callable[..., dict[str, str]]) -> dict[str, str]:
    """A key that may do all."""
    return key_of(*Role)


def loaded(app: FastAPI, headers: dict[str, str]) -> BaseSchema:
    """Return the OpenAPI file as schemathesis reads it."""
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers=dict(headers))


OPERATIONS = (
    ("GET", "/v1/grades"),
    ("GET", "/v1/grades/{customer_id}"),
    ("GET", "/v1/grades/{customer_id}/explanation"),
    ("GET", "/v1/grades/{customer_id}/history"),
    ("GET", "/v1/grades/{customer_id}/change"),
    ("GET", "/v1/grades/{customer_id}/lift"),
    ("GET", "/v1/grades/{customer_id}/outlook"),
    ("POST", "/v1/grades:simulate"),
    ("POST", "/v1/grades:simulateFromEvents"),
    ("POST", "/v1/grades:batchGet"),
    ("GET", "/v1/reviews"),
    ("GET", "/v1/reviews:summary"),
    ("GET", "/v1/reviews/{case_id}"),
    ("POST", "/v1/reviews/{case_id}/claim"),
    ("POST", "/v1/reviews/{case_id}/release"),
    ("POST", "/v1/reviews/{case_id}/votes"),
    ("POST", "/v1/reviews/{case_id}/escalate"),
    ("POST", "/v1/reviews/{case_id}/decide"),
    ("POST", "/v1/reviews/{case_id}/close"),
    ("GET", "/v1/overrides"),
    ("GET", "/v1/overrides/{override_id}"),
    ("POST", "/v1/overrides/{override_id}/revoke"),
    ("GET", "/v1/appeals"),
    ("GET", "/v1/appeals/{appeal_id}"),
    ("POST", "/v1/appeals"),
    ("GET", "/v1/alerts"),
    ("GET", "/v1/alerts/{alert_id}"),
    ("POST", "/v1/alerts/{alert_id}/acknowledge"),
    ("POST", "/v1/alerts/{alert_id}/analyse"),
    ("POST", "/v1/alerts/{alert_id}/resolve"),
    ("GET", "/v1/alert-cases"),
    ("GET", "/v1/recoveries"),
    ("GET", "/v1/recoveries/{recovery_id}"),
    ("POST", "/v1/recoveries/{recovery_id}/contact"),
    ("POST", "/v1/recoveries/{recovery_id}/plan"),
    ("GET", "/v1/access/self"),
    ("GET", "/v1/access/keys"),
    ("POST", "/v1/access/keys"),
    ("POST", "/v1/access/keys/{key_id}/rotate"),
    ("POST", "/v1/access/keys/{key_id}/revoke"),
    ("GET", "/v1/access/accounts"),
    ("POST", "/v1/access/accounts"),
    ("POST", "/v1/access/accounts/{name}/roles"),
    ("POST", "/v1/access/accounts/{name}/disable"),
    ("POST", "/v1/access/accounts/{name}/enable"),
    ("POST", "/v1/access/accounts/{name}/reset"),
    ("GET", "/v1/exports"),
    ("POST", "/v1/exports"),
    ("GET", "/v1/exports/{export_id}"),
    ("POST", "/v1/exports/{export_id}/approve"),
    ("POST", "/v1/exports/{export_id}/refuse"),
    ("POST", "/v1/exports/{export_id}/share"),
    ("POST", "/v1/exports/{export_id}/file"),
    ("GET", "/v1/webhooks"),
    ("POST", "/v1/webhooks"),
    ("GET", "/v1/webhooks/{webhook_id}"),
    ("PATCH", "/v1/webhooks/{webhook_id}"),
    ("DELETE", "/v1/webhooks/{webhook_id}"),
    ("POST", "/v1/webhooks/{webhook_id}/rotate"),
    ("POST", "/v1/webhooks/{webhook_id}/test"),
    ("GET", "/v1/webhooks/{webhook_id}/deliveries"),
    ("POST", "/v1/webhooks/{webhook_id}/replay"),
    ("GET", "/v1/model"),
    ("GET", "/v1/models"),
    ("POST", "/v1/models:refresh"),
    ("GET", "/v1/models/champion"),
    ("GET", "/v1/models/canary"),
    ("GET", "/v1/models/shadow"),
    ("GET", "/v1/models/{version}"),
    ("GET", "/v1/models/{version}/card"),
    ("GET", "/v1/tiers"),
    ("GET", "/v1/schemes"),
    ("GET", "/v1/schemes/{name}"),
    ("GET", "/v1/schemes/{name}/difference"),
    ("GET", "/v1/kpis"),
    ("GET", "/v1/audit/events"),
    ("GET", "/v1/audit/events/{sequence}"),
    ("GET", "/v1/audit/events/{sequence}/proof"),
    ("GET", "/v1/audit/head"),
    ("GET", "/v1/audit/consistency"),
    ("GET", "/v1/drift"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_random_requests_are_answered_as_described(
    guarded: FastAPI, all_rights: dict[str, str], method: str, path: str
) -> None:
    operation = loaded(guarded, all_rights)[path][method]

    @seed(20260101)
    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def answered(case: schemathesis.Case) -> None:
        # A schema cannot say which cursors, tiers and customers there are.
        answer = case.call_and_validate(
            headers=dict(all_rights), excluded_checks=[positive_data_acceptance]
        )
        assert answer.status_code not in (401, 403)

    answered()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_random_requests_of_nobody_are_all_refused(
    guarded: FastAPI, all_rights: dict[str, str], method: str, path: str
) -> None:
    """Whatever a stranger sends: 401, before anybody looks at it."""
    operation = loaded(guarded, all_rights)[path][method]
    if path in ("/healthz", "/readyz"):
        assert TestClient(guarded).get(path).status_code == 200
        return

    @seed(20260102)
    @settings(
        max_examples=10,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def refused(case: schemathesis.Case) -> None:
        answer = case.call(headers=None)
        assert answer.status_code == 401, answer.text
        assert answer.headers["www-authenticate"] == ['Bearer realm="tierwise"']

    refused()


def test_no_operation_is_left_out(document: dict) -> None:
    listed = {(m.upper(), path) for path, methods in document["paths"].items() for m in methods}
    assert listed == set(OPERATIONS)


def test_every_problem_is_declared_with_an_example(document: dict) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                if int(status) < 400:
                    continue
                content = answer["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert content["example"]["status"] == int(status), (path, method)
                Problem.model_validate(content["example"])


def test_every_operation_and_schema_is_described(document: dict) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["description"], path
            assert {"200", "201", "204"} & operation["responses"].keys()
            assert {"200", "201", "204"} & set(operation["responses"]), path
    for name, described in document["components"]["schemas"].items():
        if "enum" not in described:
            assert described.get("description"), name


def test_no_default_validation_error_is_left(document: dict) -> None:
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_operations_have_names_for_generated_clients(document: dict) -> None:
    names = [op["operationId"] for methods in document["paths"].values() for op in methods.values()]
    assert sorted(set(names)) == sorted(names)
    assert "read_grade" in names
    assert all(name.replace("_", "").isalpha() and "v1" not in name for name in names)


@pytest.mark.parametrize(
    "model",
    [
        schemas.Grade,
        schemas.Explanation,
        review_schemas.ReviewDetail,
        review_schemas.Appeal,
        alert_schemas.Alert,
        access_schemas.Key,
        access_schemas.Account,
        export_schemas.Export,
        gate_schemas.GateReport,
        webhook_schemas.Webhook,
    ],
)
def test_examples_are_answers(document: dict, model: type[parts.Out]) -> None:
    (example,) = document["components"]["schemas"][model.__name__]["examples"]
    naive = json.loads(json.dumps(example).replace('Z"', '"'))
    assert model.model_validate(naive).model_dump(mode="json", by_alias=True) == example


def test_an_example_shows_that_null_is_unknown(document: dict) -> None:
    examples = document["components"]["schemas"]["Simulation"]["examples"]
    assert any(None in example["indicators"].values() for example in examples)


def test_the_example_of_an_account_adds_up(document: dict) -> None:
    (example,) = document["components"]["schemas"]["Explanation"]["examples"]
    parts = sum(entry["contribution"] for entry in example["contributions"])
    assert example["base"] + parts == example["score"]
