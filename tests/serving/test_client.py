"""The client against the running service: every operation, every answer, every page."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from tests.serving.loopback import running
from tierwise.cli import app as tierwise
from tierwise_client import operations, schemas
from tierwise_client.client import Client
from tierwise_client.generation import generate
from tierwise_client.problems import InvalidError, NotFoundError
from tierwise_client.transport import Patience

ROOT = Path(__file__).resolve().parents[2] / "tierwise_client"


@pytest.fixture(scope="session")
def document(app: FastAPI) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    return written


@pytest.fixture(scope="session")
def address(app: FastAPI) -> Iterator[str]:
    with running(app) as found:
        yield found


@pytest.fixture
def asked(address: str) -> Iterator[Client]:
    with Client(address, patience=Patience(attempts=1)) as client:
        yield client


@pytest.mark.parametrize("module", ["schemas.py", "operations.py"])
def test_the_client_is_the_one_of_this_api(document: dict[str, Any], module: str) -> None:
    # If this fails, the API changed: run `make client`.
    assert (ROOT / module).read_text("utf-8") == generate(document)[module]


def test_the_command_writes_the_document(document: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "openapi.json"
    assert CliRunner().invoke(tierwise, ["openapi", "--out", str(out)]).exit_code == 0
    assert json.loads(out.read_text("utf-8")) == document
    assert json.loads(CliRunner().invoke(tierwise, ["openapi"]).stdout) == document


def each_operation(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def test_every_operation_has_a_method_with_its_parameters(document: dict[str, Any]) -> None:
    for _, method, operation in each_operation(document):
        call = getattr(Client, operation["operationId"])
        signature = inspect.signature(call)
        named = {
            each["name"]
            for each in operation.get("parameters", [])
            if each["in"] in ("path", "query")
        }
        if "requestBody" in operation:
            named |= {"body"}
        if any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", [])):
            named |= {"idempotency_key"}
            assert method != "GET"
        assert set(signature.parameters) - {"self"} == named
        assert call.__doc__


def test_every_example_is_read_by_the_type_of_its_answer(document: dict[str, Any]) -> None:
    for path, _, operation in each_operation(document):
        hints = typing.get_type_hints(getattr(Client, operation["operationId"]))
        for status, answer in operation["responses"].items():
            media = answer.get("content", {}).get("application/json")
            if media and status.startswith("2"):
                text = json.dumps(media["example"]).encode()
                read = msgspec.json.decode(text, type=hints["return"])
                assert type(read) is hints["return"], path
                written = json.loads(msgspec.json.encode(read))
                assert set(written) == set(media["example"]), path


def test_bodies_that_are_examples_can_be_written(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            kind = getattr(schemas, name)
            read = msgspec.json.decode(json.dumps(example).encode(), type=kind)
            assert set(json.loads(msgspec.json.encode(read))) == set(example)


# What to ask each operation for; an operation that is not here is called without arguments.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "simulate": {
        "body": schemas.Simulation(customer_id="c-0007", indicators={"order_days_30d": 9})
    },
    "read_grades": {"body": schemas.GradeRequest(customer_ids=["c-0007", "no"])},
    "list_grades": {"limit": 3, "referred": True, "min_score": 1.5},
    "read_explanation": {"customer_id": "c-0007", "lang": "en"},
    "read_lift": {"customer_id": "c-0007"},
    "read_outlook": {"customer_id": "c-0007"},
    "read_grade": {"customer_id": "c-0007"},
    "list_alerts": {"limit": 2, "late": False},
    "read_model_version": {"version": 3},
    "read_model_card": {"version": 3, "lang": "zh-CN"},
    "read_scheme": {"name": "default"},
    "read_scheme_difference": {"name": "default", "to": "retail"},
    "read_audit_event": {"sequence": 1},
    "prove_audit_event": {"sequence": 1},
    "prove_audit_consistency": {"first": 1},
}


def test_every_reading_operation_is_answered(asked: Client, document: dict[str, Any]) -> None:
    for path, method, operation in each_operation(document):
        name = operation["operationId"]
        needed = path.count("{") or "requestBody" in operation
        if method != "GET" and name not in ARGUMENTS:
            continue
        if name in ("read_canary", "read_shadow") or (needed and name not in ARGUMENTS):
            continue  # things that this world has none of
        answer = getattr(asked, name)(**ARGUMENTS.get(name, {}))
        hint = typing.get_type_hints(getattr(Client, name))["return"]
        assert isinstance(answer, hint), name


def test_writes_send_their_body_and_raise_what_is_told(asked: Client) -> None:
    body = schemas.Acknowledgement(note="")
    with pytest.raises(NotFoundError) as caught:
        asked.acknowledge_one("nothing", body)
    problem = caught.value
    assert problem.type == "urn:tierwise:problem:alert-not-found"
    assert problem.status == 404
    assert problem.request_id
    with pytest.raises(InvalidError) as wrong:
        asked.list_grades(tier="none")
    assert wrong.value.errors[0]["parameter"] == "tier"


def test_iterators_go_through_all_pages(asked: Client) -> None:
    whole = asked.list_grades(limit=500)
    assert whole.total == len(whole.items)
    paged = list(asked.iterate_grades(limit=37))
    assert paged == whole.items
    events = list(asked.iterate_audit_events(limit=2))
    assert [each.sequence for each in events] == list(range(len(events), 0, -1))


def test_ids_may_hold_anything(asked: Client) -> None:
    for name in ("a/b", "ä?x#y", "%2F", "c 1"):
        with pytest.raises(NotFoundError) as caught:
            asked.read_grade(name)
        assert caught.value.context["customer_id"] == name


def test_what_did_not_change_is_not_sent_again(address: str) -> None:
    with Client(address, remembered=2) as client:
        sent: list[int] = []
        client._http.event_hooks["response"].append(lambda each: sent.append(each.status_code))
        first = client.read_grade("c-0007")
        assert client.read_grade("c-0007") == first
        client.read_grade("c-0008")
        client.read_grade("c-0009")
        client.read_grade("c-0007")
        assert sent == [200, 304, 200, 200, 200]


def test_labels_are_in_both_languages(asked: Client) -> None:
    label = asked.read_grade("c-0007").tier.label
    assert label.en
    assert label.zh_cn


def test_operations_hold_nothing_the_document_does_not(document: dict[str, Any]) -> None:
    known = {operation["operationId"] for _, _, operation in each_operation(document)}
    methods = {
        name
        for name, _ in inspect.getmembers(operations.Operations, inspect.isfunction)
        if not name.startswith(("_", "iterate_"))
    }
    assert methods == known
