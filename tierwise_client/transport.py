"""Sending requests: retries with backoff, keys that make writes repeatable, kept answers."""

from __future__ import annotations

import random
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any, TypeVar, cast
from urllib.parse import quote

import httpx2 as httpx
import msgspec

from tierwise_client.problems import AnswerError, ProblemError, UnreachableError, problem_of

T = TypeVar("T")
Query = Mapping[str, "str | int | float | bool | date | None"]
_PASSING = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)
_RETRIED = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client goes on trying.

    Attributes
    ----------
    attempts
        Requests altogether, at least 1.
    first, longest
        Seconds of the first wait and of the longest; each is up to twice the one before, drawn
        at random so that clients do not come back together.
    obeyed
        Longest ``Retry-After`` that is waited for; told to wait longer, the client gives up.
    """

    attempts: int = 4
    first: float = 0.2
    longest: float = 10.0
    obeyed: float = 60.0


class Transport:
    """Sends requests of operations and reads their answers.

    Every operation may be sent again: reads change nothing, and writes carry an
    ``Idempotency-Key``, one for all attempts.

    Parameters
    ----------
    http
        Carries requests; its base address is the service's.
    remembered
        Answers kept with their ETag, so that what did not change is not sent again.
    sleep
        Waits some seconds.
    """

    def __init__(
        self,
        http: httpx.Client,
        patience: Patience = Patience(),
        *,
        remembered: int = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.http = http
        self._patience = patience
        self._remembered = remembered
        self._sleep = sleep
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._lock = Lock()

    def call(
        self,
        method: str,
        path: str,
        answer: type[T] | None,
        *,
        query: Query | None = None,
        body: Any = None,
        key: str | None = None,
        writes: bool = False,
        accept: str = "application/json",
    ) -> T:
        """Send one operation and return its answer.

        Parameters
        ----------
        answer
            Type to read the answer as; ``str`` takes the text, None nothing.
        key
            ``Idempotency-Key`` of a write; made up by default.

        Raises
        ------
        ProblemError
            What the service told, once trying again was of no use.
        UnreachableError
            If it did not answer.
        AnswerError
            If it answered something else than it describes.
        """
        headers = {"Accept": accept}
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            headers["Content-Type"] = "application/json"
        if writes:
            headers["Idempotency-Key"] = key or str(uuid.uuid4())
        address = path + _encoded(query or {})
        tag, kept = self._recall(address) if method == "GET" else ("", b"")
        if tag:
            headers["If-None-Match"] = tag
        response = self._send(method, address, headers, content)
        if response.status_code == 304:
            received = kept
        else:
            received = response.content
            if method == "GET":
                self._remember(address, response)
        return _read(received, answer)

    def _send(
        self, method: str, address: str, headers: dict[str, str], content: bytes | None
    ) -> httpx.Response:
        patience = self._patience
        for attempt in range(1, patience.attempts + 1):
            last = attempt == patience.attempts
            asked = None
            try:
                response = self.http.request(method, address, headers=headers, content=content)
            except _PASSING as error:
                if last:
                    raise UnreachableError(
                        f"The service did not answer {method} {address.split('?')[0]}: {error!r}."
                    ) from error
            else:
                if response.is_success or response.status_code == 304:
                    return response
                asked = _seconds(response.headers.get("Retry-After"))
                problem = problem_of(response.status_code, response.content, asked)
                if last or not _passes(problem) or (asked or 0) > patience.obeyed:
                    raise problem
            backoff = min(patience.longest, patience.first * 2 ** (attempt - 1))
            self._sleep(max(asked or 0.0, random.uniform(backoff / 2, backoff)))
        raise AssertionError("at least one attempt")

    def _recall(self, address: str) -> tuple[str, bytes]:
        with self._lock:
            found = self._kept.get(address)
            if found is None:
                return "", b""
            self._kept.move_to_end(address)
            return found

    def _remember(self, address: str, response: httpx.Response) -> None:
        tag = response.headers.get("ETag")
        if not self._remembered or tag is None:
            return
        with self._lock:
            self._kept[address] = (tag, response.content)
            while len(self._kept) > self._remembered:
                self._kept.popitem(last=False)


def segment(value: str | int) -> str:
    """Return a value as a part of a path; an id may hold anything."""
    return quote(str(value), safe="")


def _encoded(query: Query) -> str:
    given = {name: _text(value) for name, value in query.items() if value is not None}
    return f"?{httpx.QueryParams(given)}" if given else ""


def _text(value: str | int | float | bool | date) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def _read(content: bytes, answer: type[T] | None) -> T:
    if answer is None:
        return cast("T", None)
    if answer is str:
        return cast("T", content.decode("utf-8"))
    try:
        return msgspec.json.decode(content, type=answer)
    except msgspec.MsgspecError as error:
        raise AnswerError(f"The answer is not as described: {error}.") from error


def _passes(problem: ProblemError) -> bool:
    """Tell whether a problem may pass by itself."""
    if problem.status == 409:
        return problem.context.get("reason") == "in-progress"
    return problem.status in _RETRIED


def _seconds(header: str | None) -> float | None:
    """Read ``Retry-After``: seconds, or an instant."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (at - datetime.now(at.tzinfo or UTC)).total_seconds())
