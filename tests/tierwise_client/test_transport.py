"""Retries, keys, waiting: against answers of every temper."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2 as httpx
import pytest

from tierwise_client.client import Client
from tierwise_client.problems import (
    AnswerError,
    ConflictError,
    ForbiddenError,
    ProblemError,
    ServerError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnreachableError,
)
from tierwise_client.schemas import Acknowledgement
from tierwise_client.transport import Patience

GOOD = httpx.Response(200, json={"status": "ok"})


class Service:
    """Answers from a list, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **patience: float) -> Client:
        http = httpx.Client(base_url="http://service", transport=httpx.MockTransport(self))
        kept = Patience(**patience)  # type: ignore[arg-type]
        return Client(key="tw_x", http=http, sleep=self.slept.append, patience=kept)


def refused(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"title": "No", "status": status}, headers=headers)


def test_what_passes_is_tried_again_with_backoff() -> None:
    service = Service(refused(503), httpx.ConnectError("x"), refused(502), GOOD)
    assert service.client().healthz().status == "ok"
    assert len(service.asked) == 4
    bounds = ((0.1, 0.2), (0.2, 0.4), (0.4, 0.8))
    assert all(low <= wait <= high for wait, (low, high) in zip(service.slept, bounds, strict=True))
    assert service.asked[0].headers["authorization"] == "Bearer tw_x"


def test_retry_after_is_honoured() -> None:
    in_a_while = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    later = {"Retry-After": "7"}, {"Retry-After": in_a_while}, {"Retry-After": "soon"}
    service = Service(*(refused(429, **each) for each in later), GOOD)
    service.client().healthz()
    assert service.slept[0] == 7
    assert 15 < service.slept[1] <= 20
    assert service.slept[2] < 1


def test_a_wait_too_long_is_left_to_the_caller() -> None:
    service = Service(refused(503, **{"Retry-After": "3600"}))
    with pytest.raises(ServerError) as caught:
        service.client().healthz()
    assert caught.value.retry_after == 3600
    assert service.slept == []


def test_it_gives_up_in_the_end() -> None:
    service = Service(*[refused(429)] * 3)
    with pytest.raises(TooManyRequestsError):
        service.client(attempts=3).healthz()
    gone = Service(*[httpx.ReadTimeout("x")] * 2)
    with pytest.raises(UnreachableError, match="GET /healthz"):
        gone.client(attempts=2).healthz()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, UnauthenticatedError), (403, ForbiddenError), (500, ServerError), (418, ProblemError)],
)
def test_what_does_not_pass_is_raised_at_once(status: int, kind: type[ProblemError]) -> None:
    service = Service(refused(status))
    with pytest.raises(kind) as caught:
        service.client().healthz()
    assert type(caught.value) is kind
    assert len(service.asked) == 1


def test_a_write_keeps_its_key_through_all_attempts() -> None:
    going = httpx.Response(409, json={"context": {"reason": "in-progress"}})
    other = httpx.Response(409, json={"title": "The alert is resolved."})
    service = Service(httpx.ReadTimeout("x"), refused(503), going, other, other)
    client, body = service.client(), Acknowledgement(note="")
    with pytest.raises(ConflictError, match="resolved"):
        client.acknowledge_one("a", body)
    keys = {each.headers["idempotency-key"] for each in service.asked}
    assert len(keys) == 1
    with pytest.raises(ConflictError):
        client.acknowledge_one("a", body, idempotency_key="mine")
    assert service.asked[-1].headers["idempotency-key"] == "mine"
    assert service.asked[-1].content == b'{"note":""}'


def test_queries_and_reads_carry_no_key() -> None:
    service = Service(GOOD)
    service.client().healthz()
    assert "idempotency-key" not in service.asked[0].headers


@pytest.mark.parametrize("content", [b"[]", b"<html>", b'{"status": 3}'])
def test_an_answer_that_is_not_described_is_told(content: bytes) -> None:
    with pytest.raises(AnswerError):
        Service(httpx.Response(200, content=content)).client().healthz()


@pytest.mark.parametrize("content", [b"[]", b"<html>gateway</html>", b""])
def test_a_refusal_that_is_no_problem_document(content: bytes) -> None:
    with pytest.raises(ServerError) as caught:
        Service(httpx.Response(500, content=content)).client().healthz()
    assert caught.value.type == "about:blank"


def test_members_that_are_new_are_passed_over() -> None:
    service = Service(httpx.Response(200, json={"status": "fine, thanks", "since": 3}))
    assert service.client().healthz().status == "fine, thanks"
