"""``Idempotency-Key``: a write that is sent twice is carried out once.

After draft-ietf-httpapi-idempotency-key-header. A key is used up by a write that changed
something; a request that changed nothing (a refusal, a fault, a failure) leaves it free, so it
may be mended and sent again. Queries that happen to be POSTs change nothing and need no key.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import TierwiseError
from serving.domain.access import LOCAL
from serving.errors import InvalidRequestError, RequestFault
from serving.problems import problem, respond
from serving.store.idempotency import CLAIM, Claim, KeptAnswer, claim, finish
from serving.store.session import Database

LOG = logging.getLogger("tierwise.repetition")
HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
QUERIES = re.compile(r"/v1/grades:[A-Za-z]+")
"""Addresses whose POST only asks."""
SECRET = "/v1/access/"
"""Below it, answers carry keys and passwords that are shown once: nothing of them is kept."""
_KEPT = ("content-type", "location", "etag")
_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,255})"?')


class Repetition:
    """ASGI middleware: gives the first answer again to a write that is repeated."""

    def __init__(self, app: ASGIApp, database: Database) -> None:
        self._app = app
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not takes_key(scope) or (given := Headers(scope=scope).get(HEADER)) is None:
            await self._app(scope, receive, send)
            return
        try:
            body = await _whole(receive)
            mine = await run_in_threadpool(self._claim, scope, given, body)
        except HTTPException as error:
            refused = problem(Request(scope), error.status_code, detail=error.detail)
            await refused(scope, receive, send)
        except TierwiseError as error:
            await respond(Request(scope), error)(scope, receive, send)
        else:
            if isinstance(mine, KeptAnswer):
                again = Response(mine.body, mine.status, {**mine.headers, REPLAYED: "true"})
                await again(scope, receive, send)
            else:
                await self._carry_out(mine, scope, body, receive, send)

    def _claim(self, scope: Scope, given: str, body: bytes) -> Claim | KeptAnswer:
        key = _KEY.fullmatch(given)
        if key is None:
            raise InvalidRequestError(
                f"The {HEADER} is not one.",
                [RequestFault("1 to 255 visible ASCII characters.", parameter=HEADER)],
            )
        who = scope.get("state", {}).get("principal", LOCAL).id
        with self._database.write() as session:
            return claim(session, who, key[1], fingerprint(scope, body), _now())

    async def _carry_out(
        self, mine: Claim, scope: Scope, body: bytes, receive: Receive, send: Send
    ) -> None:
        held: list[Message] = []

        async def collect(message: Message) -> None:
            held.append(message)

        sent = False

        async def replay() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        answer: KeptAnswer | None = None
        token = CLAIM.set(mine)
        try:
            await self._app(scope, replay, collect)
            answer = _answer(held)
        finally:
            CLAIM.reset(token)
            # Before the answer goes out: whoever has it may rely on the key.
            await run_in_threadpool(self._finish, mine, answer)
        for message in held:
            await send(message)

    def _finish(self, mine: Claim, answer: KeptAnswer | None) -> None:
        try:
            with self._database.write() as session:
                finish(session, mine, answer)
        except TierwiseError as error:
            # What was asked for is done, or not, all the same; only a repetition is told less.
            LOG.warning("the answer to a write could not be kept: %s", error)


def takes_key(scope: Scope) -> bool:
    """Tell whether a request is a write of the API."""
    if scope["type"] != "http" or scope["method"] not in WRITES:
        return False
    path = scope["path"]
    if path.startswith(SECRET):
        return False
    return path.startswith("/v1/") and QUERIES.fullmatch(path) is None


def fingerprint(scope: Scope, body: bytes) -> str:
    """Return the SHA-256 (hex) that tells one request from another."""
    head = b"\0".join([scope["method"].encode(), scope["path"].encode(), scope["query_string"]])
    return hashlib.sha256(head + b"\0" + body).hexdigest()


async def _whole(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "The connection ended before the body did.")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _answer(held: list[Message]) -> KeptAnswer | None:
    """Return what to keep; nothing of a failure, whose repetition may go better."""
    start = held[0]
    if start["status"] >= 500:
        return None
    headers = MutableHeaders(scope=start)
    kept = {name: headers[name] for name in _KEPT if name in headers}
    body = b"".join(m.get("body", b"") for m in held)
    return KeptAnswer(start["status"], kept, without_secret(body))


def without_secret(body: bytes) -> bytes:
    """Return an answer as it may be kept: its ``secret``, shown once, is null from then on."""
    if b'"secret"' not in body:
        return body
    answer = json.loads(body)
    if not isinstance(answer, dict) or answer.get("secret") is None:
        return body
    return json.dumps({**answer, "secret": None}, ensure_ascii=False).encode()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
