"""Errors as problem details (RFC 9457): the only place that maps a class to a status.

Every leaf of the error tree stands in `STATUS`; a test walks the tree and proves it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features import errors as data
from features.errors import TierwiseError
from serving import errors as service
from serving.errors import InvalidRequestError
from tiering import errors as policy
from training import errors as training

LOG = logging.getLogger("tierwise.problems")
MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[type[TierwiseError], tuple[int, str]] = {
    service.CustomerNotFoundError: (404, "Customer not graded"),
    service.AlertNotFoundError: (404, "No such alert"),
    service.ReviewNotFoundError: (404, "No such case, appeal or override"),
    service.FourEyesError: (409, "Somebody else has to do this"),
    service.StaleError: (412, "The case has moved on"),
    service.AbsentError: (404, "No such thing"),
    service.RepetitionError: (409, "The write is not repeated"),
    service.ReusedKeyError: (422, "The key was used before"),
    service.UnauthenticatedError: (401, "Who is asking?"),
    service.ForbiddenError: (403, "Not allowed"),
    service.RateLimitError: (429, "Too many requests"),
    service.CredentialNotFoundError: (404, "No such account or key"),
    service.CredentialConflictError: (409, "The account or key cannot take this step"),
    service.SettingsError: (500, "The settings do not fit together"),
    service.ConflictError: (409, "Not in this state"),
    service.ExportError: (422, "The export cannot be opened"),
    service.InvalidRequestError: (422, "The request is not valid"),
    service.NotReadyError: (503, "The service is not ready"),
    service.OverloadedError: (503, "Too much to do"),
    service.UnfinishedError: (503, "Not done in time"),
    service.StoreError: (503, "The store does not answer"),
    service.StoreFullError: (503, "The store has no room"),
    service.BatchError: (422, "The frame cannot be graded"),
    service.BackupError: (500, "The backup cannot be used"),
    service.AuditError: (500, "The audit trail does not verify"),
    policy.UngradableError: (422, "These values cannot be graded"),
    policy.SchemeError: (500, "The grading scheme is wrong"),
    policy.WeightsError: (500, "The weights are wrong"),
    policy.TransitionError: (409, "This step cannot be taken"),
    policy.PopulationError: (500, "The reference population is wrong"),
    data.SourceNotFoundError: (500, "A source is missing"),
    data.EmptySourceError: (500, "A source is empty"),
    data.ContractError: (500, "A source breaks its contract"),
    data.MappingError: (500, "The source mapping is wrong"),
    data.SnapshotError: (500, "The snapshot is not supported by the data"),
    training.BundleError: (503, "The model bundle cannot be used"),
    training.RegistryError: (503, "The model registry does not answer"),
    training.GateFailedError: (409, "The gates forbid the promotion"),
    training.ApprovalError: (409, "The promotion lacks approvals"),
    training.RecipeError: (500, "The training recipe is wrong"),
    training.DatasetError: (500, "The training data do not fit together"),
    training.HistoryError: (500, "The history is too short"),
    training.FitError: (500, "The model cannot be fitted"),
}


def status_of(error: TierwiseError) -> int:
    """Return the HTTP status of an expected error.

    Raises
    ------
    KeyError
        If the class, or the nearest class above it, has no entry.
    """
    return _entry(error)[0]


def problem(
    request: Request,
    status: int,
    *,
    title: str = "",
    detail: str = "",
    kind: str = "about:blank",
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Response:
    """Return a problem response; empty members are left out."""
    content = {
        "type": kind,
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": quote(request.url.path, safe="/:@!$&'()*+,;=~-._"),
        "request_id": getattr(request.state, "request_id", ""),
        **members,
    }
    kept = {key: value for key, value in content.items() if value not in ("", [], {}, None)}
    return JSONResponse(kept, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of an application with a problem."""
    app.add_exception_handler(TierwiseError, respond)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


def pointer(parts: Sequence[str | int]) -> str:
    """Return a JSON pointer as a URI fragment (RFC 6901 §6): ``#/indicators/a~1b``."""
    steps = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "#" + "".join(f"/{quote(step, safe='~', errors='surrogatepass')}" for step in steps)


class LastResort:
    """ASGI middleware: an unexpected exception becomes a 500 that says nothing but its id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            request = Request(scope)
            LOG.exception("request %s failed", getattr(request.state, "request_id", ""))
            if started:
                raise
            response = problem(
                request,
                500,
                detail="Something went wrong on our side. The log knows it by the request id.",
            )
            await response(scope, receive, send)


def _entry(error: TierwiseError) -> tuple[int, str]:
    for cls in type(error).__mro__:
        if cls in STATUS:
            return STATUS[cls]
    raise KeyError(type(error).__name__)


def _headers(status: int, error: TierwiseError) -> dict[str, str]:
    if isinstance(error, service.OverloadedError):
        return {"Retry-After": "1"}
    if status == 503:
        return {"Retry-After": "30"}
    if status == 401:
        return {"WWW-Authenticate": 'Bearer realm="tierwise"'}
    if status == 429:
        return {"Retry-After": str(error.context.get("retry_after", 1))}
    return {}


def respond(request: Request, error: Exception) -> Response:
    """Return the problem that an expected error becomes."""
    assert isinstance(error, TierwiseError)
    status, title = _entry(error)
    kind = f"urn:tierwise:problem:{_slug(type(error).__name__)}"
    if isinstance(error, InvalidRequestError):
        faults = [_fault(f.detail, f.pointer, f.parameter) for f in error.faults]
    else:
        faults = []
    if status >= 500 and not isinstance(error, service.NotReadyError | service.OverloadedError):
        # An operator's trouble (files, settings): the reader gets the kind, the log the rest.
        LOG.error("request %s: %s", getattr(request.state, "request_id", ""), error)
        return problem(request, status, title=title, kind=kind, headers=_headers(status, error))
    return problem(
        request,
        status,
        title=title,
        detail=error.message,
        kind=kind,
        headers=_headers(status, error),
        hint=error.hint,
        errors=faults,
        context=jsonable_encoder(error.context),
    )


def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = []
    for fault in error.errors():
        place, *rest = fault["loc"]
        if place == "body" and fault["type"] == "json_invalid":
            why = fault.get("ctx", {}).get("error", "")
            faults.append(_fault(f"{fault['msg']}: {why} at character {rest[0]}", pointer([])))
        elif place == "body":
            faults.append(_fault(fault["msg"], pointer([p for p in rest if p != "[key]"])))
        else:
            faults.append(_fault(fault["msg"], parameter=".".join(map(str, rest))))
    plural = "fault" if len(faults) == 1 else "faults"
    return problem(
        request,
        422,
        title=STATUS[InvalidRequestError][1],
        kind=f"urn:tierwise:problem:{_slug(InvalidRequestError.__name__)}",
        detail=f"The request has {len(faults)} {plural}.",
        errors=faults,
    )


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    detail = "" if error.detail == phrase else str(error.detail)
    if error.status_code == 404 and not detail:
        detail = "There is nothing at this address."
    if error.status_code == 400:
        detail = "The body cannot be read: no UTF text, nested too deeply, or a number too long."
    headers = dict(error.headers or {})
    if error.status_code == 405:
        methods = {name.strip() for name in headers.get("Allow", "").split(",")}
        # HEAD is answered wherever GET is (`serving.admission.HeadAsGet`).
        methods |= {"HEAD"} if "GET" in methods else set()
        headers["Allow"] = ", ".join(sorted(methods - {""}))
        detail = f"{request.method} is not possible here, only {headers['Allow']}."
    return problem(request, error.status_code, detail=detail, headers=headers)


def _fault(detail: str, pointer: str = "", parameter: str = "") -> dict[str, str]:
    members = {"detail": detail, "pointer": pointer, "parameter": parameter}
    return {key: value for key, value in members.items() if value}


def _slug(name: str) -> str:
    words = "".join(f"-{c.lower()}" if c.isupper() else c for c in name.removesuffix("Error"))
    return words.lstrip("-")
