"""What an answer is sent with: a validator (ETag), the next page (Link), and gzip when large.

The ETag is made from the bytes of the answer, so it is strong whatever they were made from: run,
override, alert, or who was asking. An answer that is the same again is sent as 304. Bodies stay
uncacheable for proxies and browsers (``no-store``); a client keeps the validator itself.
"""

from __future__ import annotations

import gzip
import hashlib
import re

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

GZIP_FROM = 2048
"""Bytes from which gzip is worth its time."""
_LEVEL = 5
_INLINE = 32 * 1024
# Larger bodies are compressed on a thread: a megabyte takes some 20 ms.
_TAG = re.compile(r'(?:W/)?"([^"]*)"')
# `next` is the last member of every page; a test holds all schemas to it.
_NEXT = re.compile(rb'"next":"([^"\\]+)"\}$')


class Representation:
    """ASGI middleware: validators, links and compression of JSON answers to GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path.startswith("/v1/") or path == "/openapi.json"):
            await self._app(scope, receive, send)
            return
        waiting: Message | None = None

        async def represent(message: Message) -> None:
            nonlocal waiting
            if message["type"] == "http.response.start":
                waiting = message
                return
            if waiting is not None:
                start, waiting = waiting, None
                if _is_json(start) and not message.get("more_body", False):
                    message = await represented(scope, start, message)
                await send(start)
            await send(message)

        await self._app(scope, receive, represent)


async def represented(scope: Scope, start: Message, body: Message) -> Message:
    """Complete the head of an answer of JSON in place, and return what its body becomes."""
    content: bytes = body.get("body", b"")
    method = scope["method"]
    zipped = len(content) >= GZIP_FROM and _takes_gzip(scope)
    if method != "GET" and not zipped and not any(name == b"vary" for name, _ in start["headers"]):
        start["headers"] = [*start["headers"], (b"vary", b"Accept-Encoding")]
        return body
    headers = MutableHeaders(scope=start)
    headers.add_vary_header("Accept-Encoding")
    if method == "GET" and start["status"] == 200:
        tag = headers.get("etag") or f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'
        # Another encoding is another representation (RFC 9110 section 8.8.3.3).
        headers["ETag"] = f'{tag[:-1]}-gzip"' if zipped else tag
        following = _NEXT.search(content, max(0, len(content) - 4096))
        if following is not None:
            headers["Link"] = f'<{following[1].decode("ascii")}>; rel="next"'
        if _knows(Headers(scope=scope).get("if-none-match", ""), tag):
            start["status"] = 304
            del headers["content-length"]
            del headers["content-type"]
            return {**body, "body": b""}
    if zipped:
        content = await _gzipped(content)
        headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(content))
        return {**body, "body": content}
    return body


def _is_json(start: Message) -> bool:
    for name, kind in start.get("headers", ()):
        if name == b"content-type":
            found: bytes = kind.partition(b";")[0]
            return found.startswith(b"application/") and found.endswith(b"json")
    return False


def _knows(condition: str, tag: str) -> bool:
    """Tell whether the client has this answer, under any encoding (weak comparison)."""
    if condition.strip() == "*":
        return True
    return tag.strip('"') in {each.removesuffix("-gzip") for each in _TAG.findall(condition)}


def _takes_gzip(scope: Scope) -> bool:
    given = next((value for name, value in scope["headers"] if name == b"accept-encoding"), b"")
    for each in given.decode("latin-1").lower().split(",") if given else ():
        name, _, weight = each.strip().partition(";")
        if name.strip() in ("gzip", "*"):
            return not re.fullmatch(r"\s*q=0(\.0{0,3})?\s*", weight)
    return False


async def _gzipped(content: bytes) -> bytes:
    if len(content) <= _INLINE:
        return gzip.compress(content, _LEVEL, mtime=0)
    return await run_in_threadpool(gzip.compress, content, _LEVEL, mtime=0)
