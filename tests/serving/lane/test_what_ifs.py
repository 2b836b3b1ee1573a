"""What-ifs without a detour: the same answers as the endpoint's, and its words where it has any."""

from __future__ import annotations

import json
import threading
from itertools import pairwise
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.schema import CATALOGUE, IndicatorFrame
from serving.admission import Queue
from serving.api import simulation_schemas
from serving.api.simulate import simulated
from serving.errors import OverloadedError
from serving.lane import what_ifs

URL = "/v1/grades:simulate"
# The endpoint takes any spelling of JSON's media type; the lane only the usual one.
DETOUR = {"content-type": "application/json; charset=utf-8"}
STRAIGHT = {"content-type": "application/json"}


def both(client: TestClient, content: bytes) -> tuple[Any, Any]:
    straight = client.post(URL, content=content, headers=STRAIGHT)
    detour = client.post(URL, content=content, headers=DETOUR)
    assert straight.status_code == detour.status_code
    heads = [{**each.headers, "x-request-id": ""} for each in (straight, detour)]
    for head in heads:
        del head["content-length"]  # an instant or an id within may compress differently
    assert heads[0] == heads[1]
    told, expected = straight.json(), detour.json()
    for each in (told, expected):
        each.pop("request_id", None)
    return told, expected


def test_every_customer_is_answered_as_by_the_endpoint(
    client: TestClient, frame: IndicatorFrame
) -> None:
    for number, customer in enumerate(frame.customer_id):
        explanation = (True, False, "contributions")[number % 3]
        body: dict[str, Any] = {"customer_id": str(customer), "explanation": explanation}
        if number % 2:
            body["indicators"] = {"net_amount_365d": 12.5 * number, "days_since_last_order": None}
        told, expected = both(client, json.dumps(body).encode())
        assert told == expected
        assert (told["explanation"] is not None) == (explanation is True)
        assert (told["contributions"] is not None) == (explanation == "contributions")
        document = json.dumps(told)
        assert (
            simulation_schemas.Simulated.model_validate_json(document).grade.customer_id == customer
        )


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("explanation", [False, "contributions", True])
def test_it_is_sent_as_the_endpoint_sends_it(
    client: TestClient, frame: IndicatorFrame, explanation: bool | str, encoding: str
) -> None:
    body = {"customer_id": str(frame.customer_id[0]), "explanation": explanation}
    asked = {"accept-encoding": encoding}
    straight, detour = (
        client.post(URL, content=json.dumps(body).encode(), headers=asked | kind)
        for kind in (STRAIGHT, DETOUR)
    )
    assert straight.content == detour.content
    assert straight.headers.get("content-encoding") == (encoding if encoding == "gzip" else None)
    # Its own id of the request apart, to the letter.
    heads = [{**each.headers, "x-request-id": ""} for each in (straight, detour)]
    assert heads[0] == heads[1]


def test_the_usual_ones_do_not_reach_the_endpoint(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_here(*_: object) -> bytes:
        raise AssertionError("took the detour")

    monkeypatch.setattr("serving.api.simulate._answer", not_here)
    for body in (
        {"customer_id": "c-0007"},
        {"customer_id": "c-0007", "explanation": False},
        {"customer_id": "c-0007", "explanation": "contributions"},
        {"indicators": {"net_amount_365d": 5}},
    ):
        assert client.post(URL, json=body).status_code == 200
    assert client.post(URL, json={"indicators": {}}).status_code == 500


VALUES = st.one_of(
    st.none(), st.floats(), st.integers(-(10**20), 10**20), st.booleans(), st.just("5")
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "customer_id": st.one_of(st.none(), st.sampled_from(["c-0007", "c-0008", "", "x"])),
            "indicators": st.one_of(
                st.none(),
                st.dictionaries(
                    st.sampled_from([*list(CATALOGUE)[:6], "tenure_days", "nonsense"]), VALUES
                ),
            ),
            "explanation": st.one_of(
                st.booleans(), st.integers(0, 1), st.sampled_from(["contributions", "texts"])
            ),
            "more": st.none(),
        },
    )
)
def test_any_body_is_answered_as_by_the_endpoint(client: TestClient, body: dict[str, Any]) -> None:
    told, expected = both(client, json.dumps(body).encode())
    assert told == expected


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"indicators": {"tenure_days": 1e999}}', b"\xff\xfe"]
)
def test_what_is_no_question_is_answered_by_the_endpoint(
    client: TestClient, content: bytes
) -> None:
    told, expected = both(client, content)
    assert told == expected
    assert told["status"] in (400, 422)


def test_a_full_queue_says_so_and_empties(client: TestClient) -> None:
    parts = client.app.state.service
    queue = parts.queue
    object.__setattr__(parts, "queue", Queue(1, 0))
    parts.queue._taken = 1
    try:
        refused = client.post(URL, json={"customer_id": "c-0007"})
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["type"] == "urn:tierwise:problem:overloaded"
        # What takes a moment only is answered all the same.
        light = {"customer_id": "c-0007", "explanation": False}
        assert client.post(URL, json=light).status_code == 200
        parts.queue._taken = 0
        assert client.post(URL, json={"customer_id": "c-0007"}).status_code == 200
    finally:
        object.__setattr__(parts, "queue", queue)


def test_a_failing_piece_of_work_leaves_its_place() -> None:
    import asyncio

    def fail() -> None:
        raise ValueError("no")

    async def use() -> None:
        queue = Queue(1, 0)
        for _ in range(3):
            with pytest.raises(ValueError, match="no"):
                await queue.run(fail)
            await asyncio.sleep(0)
            assert not queue.full
        queue._taken = 1
        with pytest.raises(OverloadedError):
            await queue.run(fail)

    asyncio.run(use())


def test_work_done_here_leaves_room_for_others_in_between() -> None:
    import asyncio

    heard: list[str] = []

    async def use() -> None:
        queue = Queue(1, 2)

        async def read() -> None:
            for _ in range(3):
                heard.append("read")
                await asyncio.sleep(0)

        asked = [queue.run_here(heard.append, f"work {n}") for n in range(4)]
        done = await asyncio.gather(*asked, read(), return_exceptions=True)
        # Three have room; the fourth is told at once.
        assert [type(each) for each in done[:4]] == [type(None)] * 3 + [OverloadedError]
        assert not queue.full
        queue.run_here(heard.append, "never begun").close()

    asyncio.run(use())
    works = [at for at, what in enumerate(heard) if what.startswith("work")]
    assert len(works) == 3
    assert all(later - earlier > 1 for earlier, later in pairwise(works[:2]))


@pytest.mark.parametrize("explaining", [0.0, 1.0])
def test_long_explanations_go_to_threads_and_short_ones_do_not(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, explaining: float
) -> None:
    parts = client.app.state.service
    assert 0.0 < parts.models.explaining < 1.0
    threads: list[str] = []

    def noting(*args: Any) -> bytes:
        threads.append(threading.current_thread().name)
        return simulated(*args)

    monkeypatch.setattr(what_ifs, "simulated", noting)
    monkeypatch.setattr(parts.models, "explaining", explaining)
    for explanation in (True, "contributions"):
        body = {"customer_id": "c-0007", "explanation": explanation}
        assert client.post(URL, json=body).status_code == 200
        assert threads.pop().startswith("tierwise-work") == (explaining > what_ifs.HERE)


@pytest.mark.parametrize("explaining", [0.0, 0.001])
def test_short_numbers_do_not_wait_for_their_turn(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, explaining: float
) -> None:
    parts = client.app.state.service
    monkeypatch.setattr(parts.models, "explaining", explaining)
    monkeypatch.setattr(parts.queue, "_taken", parts.queue._most)
    body = {"customer_id": "c-0007", "explanation": "contributions"}
    status = 200 if explaining <= what_ifs.AT_ONCE else 503
    assert client.post(URL, json=body).status_code == status


def test_the_question_has_the_fields_of_the_schema() -> None:
    assert what_ifs.Question.__struct_fields__ == tuple(simulation_schemas.Simulation.model_fields)
