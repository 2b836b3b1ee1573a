"""ETags, 304, links to the next page, gzip: on every answer to GET."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from serving.api.manners import is_page, operations
from serving.app import create_app
from serving.settings import Settings
from serving.wire.representation import GZIP_FROM, Representation

PLAIN = {"accept-encoding": "identity"}
ADDRESSES = (
    "/v1/grades/c-0007",
    "/v1/grades/c-0007/explanation",
    "/v1/grades?limit=5",
    "/v1/reviews?limit=5",
    "/v1/model",
    "/openapi.json",
)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_the_same_answer_is_not_sent_twice(client: TestClient, address: str, encoding: str) -> None:
    headers = {"accept-encoding": encoding}
    first = client.get(address, headers=headers)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    assert tag.endswith('-gzip"') == ("content-encoding" in first.headers)
    assert first.headers["vary"] == "Accept-Encoding"
    again = client.get(address, headers={**headers, "if-none-match": f'"other", {tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    assert "content-type" not in again.headers
    assert client.get(address, headers={"if-none-match": "*"}).status_code == 304
    assert client.get(address, headers={"if-none-match": '"other"'}).status_code == 200
    head = client.head(address, headers=headers)
    assert (head.headers["etag"], head.content) == (tag, b"")


def test_another_answer_has_another_tag(client: TestClient) -> None:
    tags = {client.get(f"/v1/grades/c-{n:04}", headers=PLAIN).headers["etag"] for n in range(20)}
    assert len(tags) == 20


def test_a_tag_changes_when_the_thing_does(settings: Settings, tmp_path: Path) -> None:
    # The tag is of the bytes, so it needs to know nothing of what they were made from.
    count = 0

    async def answer(_request: object) -> JSONResponse:
        return JSONResponse({"count": count})

    app = Starlette(routes=[Route("/v1/x", answer)])
    app.add_middleware(Representation)
    with TestClient(app) as client:
        tag = client.get("/v1/x").headers["etag"]
        assert client.get("/v1/x", headers={"if-none-match": f"W/{tag}"}).status_code == 304
        count = 1
        changed = client.get("/v1/x", headers={"if-none-match": tag})
        assert changed.status_code == 200
        assert changed.headers["etag"] != tag


def test_errors_and_pages_for_people_have_no_tag(client: TestClient) -> None:
    assert "etag" not in client.get("/v1/grades/nobody").headers
    assert "etag" not in client.get("/healthz").headers
    simulated = client.post("/v1/grades:simulate", json={"customer_id": "c-0007"})
    assert "etag" not in simulated.headers


def test_large_answers_come_compressed_to_whoever_takes_it(client: TestClient) -> None:
    plain = client.get("/v1/grades?limit=500", headers=PLAIN)
    assert "content-encoding" not in plain.headers
    with client.stream("GET", "/v1/grades?limit=500", headers={"accept-encoding": "gzip"}) as sent:
        packed = b"".join(sent.iter_raw())
        assert sent.headers["content-encoding"] == "gzip"
        assert int(sent.headers["content-length"]) == len(packed)
    assert gzip.decompress(packed) == plain.content
    assert len(packed) < len(plain.content) / 5
    refused = client.get("/v1/grades?limit=500", headers={"accept-encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers
    small = client.get("/v1/reviews?limit=1", headers={"accept-encoding": "gzip"})
    assert len(small.content) < GZIP_FROM
    assert "content-encoding" not in small.headers
    posted = client.post("/v1/grades:simulate", json={"customer_id": "c-0007"})
    assert posted.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("address", ["/v1/grades?limit=100", "/v1/reviews?limit=9"])
def test_the_next_page_is_linked(client: TestClient, address: str) -> None:
    at: str | None = address
    while at:
        page = client.get(at)
        following = page.json()["next"]
        links = page.links
        assert links.get("next", {}).get("url") == following
        at = following


def test_next_is_the_last_member_of_every_page(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    pages = [schema for schema in schemas.values() if is_page(schema)]
    assert len(pages) >= 3
    for page in pages:
        assert list(page["properties"])[-1] == "next"


def test_what_is_streamed_goes_through_as_it_comes() -> None:
    async def stream(_request: object) -> StreamingResponse:
        async def parts():  # type: ignore[no-untyped-def]
            yield b'{"a":'
            yield b"1}"

        return StreamingResponse(parts(), media_type="application/json")

    app = Starlette(routes=[Route("/v1/x", stream)])
    app.add_middleware(Representation)
    with TestClient(app) as client:
        answer = client.get("/v1/x")
    assert answer.json() == {"a": 1}
    assert "etag" not in answer.headers


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60))
def test_no_condition_breaks_an_answer(condition: str) -> None:
    from serving.wire.representation import _knows, _takes_gzip

    assert _knows(condition, '"x"') in (True, False)
    asked = {"headers": [(b"accept-encoding", condition.encode("latin-1"))]}
    assert _takes_gzip(asked) in (True, False)


def test_the_document_tells_conditional_answers_and_examples(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    assert schemas
    for path, method, operation in operations(app.openapi()):
        for status, answer in operation["responses"].items():
            for media in answer.get("content", {}).values():
                if status != "200" or "json" in next(iter(answer["content"])):
                    assert {"example", "examples"} & set(media), (path, status)
        if method == "GET" and path.startswith("/v1/"):
            told = operation["responses"]["200"]
            if "application/json" in told["content"]:
                assert "ETag" in told["headers"]
                assert "304" in operation["responses"]


def test_every_example_of_an_answer_is_one(app: FastAPI) -> None:
    import jsonschema_rs

    document = app.openapi()
    for path, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            for kind, media in answer.get("content", {}).items():
                if "example" not in media:
                    continue
                schema = {"components": document["components"], **media["schema"]}
                validator = jsonschema_rs.Draft202012Validator(schema)
                errors = [e.message for e in validator.iter_errors(media["example"])]
                assert errors == [], (path, status, kind)


def test_a_service_without_a_run_answers_as_before(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, world="none", environment="test"))
    with TestClient(app) as client:
        assert client.get("/v1/grades").status_code == 503
