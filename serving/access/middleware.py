"""The door: before anything else is looked at, who is asking, and how often.

Whatever is not named in `_is_open` is closed, also an address that does not exist: an endpoint
that forgot to ask for a permission is not open to strangers.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import TierwiseError
from serving.access.identification import Identifier, Identity
from serving.access.limits import Buckets, neighbourhood
from serving.access.origins import is_ours
from serving.access.tokens import same
from serving.domain.access import LOCAL
from serving.errors import ForbiddenError, RateLimitError, UnauthenticatedError
from serving.problems import respond
from serving.settings import Settings

TOKEN_HEADER = "x-csrf-token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TELL_ORIGIN = frozenset({b"origin", b"sec-fetch-site"})
_PROBES = frozenset({"/healthz", "/readyz"})


def cookie_name(settings: Settings) -> str:
    """Return the name of the session's cookie; ``__Host-`` binds it to https and this host."""
    return "__Host-tierwise" if settings.secure else "tierwise_session"


def own_origin(settings: Settings, request: Request) -> str:
    """Return scheme and host of our pages."""
    return settings.public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"


class Identification:
    """ASGI middleware: sets ``scope["state"]["principal"]``, or turns the request away.

    Without access control the principal is `LOCAL`. ``scope["state"]["identity"]`` says more
    about somebody who is known.
    """

    def __init__(self, app: ASGIApp, settings: Settings, identifier: Identifier) -> None:
        self._app, self._settings, self._identifier = app, settings, identifier
        self._cookie = cookie_name(settings).encode()
        self._known = Buckets(settings.rate_limit, settings.rate_burst)
        self._strangers = Buckets(settings.anonymous_rate_limit, settings.anonymous_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        path: str = scope["path"]
        if not self._settings.guarded:
            state.setdefault("principal", LOCAL)
            try:
                # A page somewhere else must not use a browser on this machine as its hand.
                self._check_origin(scope)
            except TierwiseError as error:
                await respond(Request(scope), error)(scope, receive, send)
                return
            await self._app(scope, receive, send)
            return
        if path in _PROBES or path.startswith("/static/"):
            await self._app(scope, receive, send)
            return
        try:
            known = await self._who(scope)
            limit, who = (
                (self._strangers, _address(scope))
                if known is None
                else (self._known, known.principal.id)
            )
            _take(limit, who)
            if known is None and not _is_open(path):
                raise UnauthenticatedError(
                    "Nobody is known to be asking, or no longer.",
                    hint="Send an API key as Authorization: Bearer tw_..., or sign in.",
                )
            if known is not None and known.form_token:
                self._check_browser(scope, known)
        except TierwiseError as error:
            await self._refusal(scope, error)(scope, receive, send)
            return
        if known is not None:
            state["principal"] = known.principal
            state["identity"] = known
        added = limit.headers(who)

        async def with_limits(message: Message) -> None:
            if added and message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        await self._app(scope, receive, with_limits)

    async def _who(self, scope: Scope) -> Identity | None:
        found = _credential(scope["headers"], self._cookie)
        if found is None:
            return None
        known = self._identifier.remembered(*found)
        if known is None:
            # Looking up costs a read of the store: strangers may not order many.
            if self._strangers.rate and self._strangers.left(_address(scope)) < 1:
                _take(self._strangers, _address(scope))
            known = await self._identifier.identify(*found)
        return known

    def _check_browser(self, scope: Scope, known: Identity) -> None:
        """Refuse what a page of another site sends with the cookie of this one (CSRF)."""
        if scope["method"] in _SAFE:
            return
        self._check_origin(scope)
        if not scope["path"].startswith("/v1"):
            return  # a form of our pages: its handler reads the token from the body
        given = Request(scope).headers.get(TOKEN_HEADER, "")
        if not same(given, known.form_token):
            raise ForbiddenError(
                "A write with a session's cookie needs the token of the session.",
                hint=f"Send it as {TOKEN_HEADER}; pages have it in a meta element.",
            )

    def _check_origin(self, scope: Scope) -> None:
        if scope["method"] in _SAFE:
            return
        if not any(name in _TELL_ORIGIN for name, _ in scope["headers"]):
            return  # a program: it has a key, or the token of a form
        request = Request(scope)
        if not is_ours(request.headers, own_origin(self._settings, request)):
            raise ForbiddenError(
                "Another site sent this request.", hint="Use the pages of this service."
            )

    def _refusal(self, scope: Scope, error: TierwiseError) -> Response:
        request = Request(scope)
        page = "text/html" in request.headers.get("accept", "")
        if isinstance(error, UnauthenticatedError) and page and not scope["path"].startswith("/v1"):
            goal = "/"
            if scope["method"] in _SAFE:
                path = quote(scope["path"], safe="/")
                query = scope["query_string"].decode("latin-1")
                goal = f"{path}?{query}" if query else path
            return RedirectResponse(f"/sign-in?{urlencode({'next': goal})}", 303)
        return respond(request, error)


def _is_open(path: str) -> bool:
    return path == "/sign-in" or path.startswith("/sign-in/") or path == "/sign-out"


def _take(limit: Buckets, who: str) -> None:
    wait = limit.take(who)
    if wait:
        raise RateLimitError(
            "Too many requests in too short a time.",
            hint="Wait as long as Retry-After says.",
            retry_after=max(1, ceil(wait)),
        )


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return neighbourhood(client[0]) if client else "unknown"


def _credential(
    headers: Iterable[tuple[bytes, bytes]], cookie: bytes
) -> tuple[bytes, bytes] | None:
    """Return the kind and the text of what a request proves itself with; a key goes first."""
    session = None
    for name, value in headers:
        if name == b"authorization":
            scheme, _, token = value.partition(b" ")
            return (b"k", token.strip()) if scheme.lower() == b"bearer" else (b"k", b"")
        if name == b"cookie" and cookie in value:
            for part in value.split(b";"):
                key, _, text = part.strip().partition(b"=")
                if key == cookie:
                    session = (b"s", text)
    return session
