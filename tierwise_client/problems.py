"""What the service answers when it refuses (RFC 9457), as exceptions by status."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


class ClientError(Exception):
    """Root of what this package raises."""


class UnreachableError(ClientError):
    """The service did not answer, however often it was asked."""


class AnswerError(ClientError):
    """The service answered something that its OpenAPI file does not describe."""


class ProblemError(ClientError):
    """A problem that the service told.

    Attributes
    ----------
    status
        HTTP status.
    type
        ``urn:tierwise:problem:...``; what to branch on.
    title, detail, hint
        For people.
    errors
        Every fault of a request, with a JSON pointer or the name of a parameter.
    context
        Particulars of the problem.
    request_id
        What the service's log knows it by.
    retry_after
        Seconds to wait; None if the service did not say.
    """

    def __init__(
        self, status: int, members: Mapping[str, Any], retry_after: float | None = None
    ) -> None:
        self.status = status
        self.type: str = members.get("type", "about:blank")
        self.title: str = members.get("title", "")
        self.detail: str = members.get("detail", "")
        self.hint: str = members.get("hint", "")
        self.errors: Sequence[Mapping[str, str]] = members.get("errors", ())
        self.context: Mapping[str, Any] = members.get("context", {})
        self.request_id: str = members.get("request_id", "")
        self.retry_after = retry_after
        told = " ".join(part for part in (self.title, self.detail, self.hint) if part)
        super().__init__(f"{status} {told}".strip())


class UnauthenticatedError(ProblemError):
    """401: no key or session, or one that no longer holds."""


class ForbiddenError(ProblemError):
    """403: whoever asks may not do this."""


class NotFoundError(ProblemError):
    """404: there is no such thing."""


class ConflictError(ProblemError):
    """409: the thing cannot take this step from where it stands."""


class InvalidError(ProblemError):
    """422, 400, 413, 415: the request is wrong; sending it again is of no use."""


class TooManyRequestsError(ProblemError):
    """429: too many requests; ``retry_after`` says how long to wait."""


class ServerError(ProblemError):
    """5xx: the service failed or is not ready."""


_BY_STATUS: Mapping[int, type[ProblemError]] = {
    400: InvalidError,
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    413: InvalidError,
    415: InvalidError,
    422: InvalidError,
    429: TooManyRequestsError,
}


def problem_of(status: int, content: bytes, retry_after: float | None = None) -> ProblemError:
    """Return the exception for an answer; one that is no problem document is one all the same."""
    try:
        members = json.loads(content)
    except ValueError:
        members = {}
    if not isinstance(members, dict):
        members = {}
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else ProblemError)
    return kind(status, members, retry_after)
