"""What can go wrong while serving (branch ``ServiceError`` of the tree in ``features/errors.py``).

::

    ServiceError
    ├── NotReadyError          no bundle or no finished run yet
    ├── OverloadedError        more work waits than is worth waiting for
    │   └── UnfinishedError    it was begun, and took too long or was broken off
    ├── StoreError             the database is missing, locked or of another schema version
    │   └── StoreFullError     its disk has no room for what was to be written
    ├── CustomerNotFoundError  the customer has no grade in the run that is served
    ├── AlertNotFoundError     there is no such alert
    ├── ReviewNotFoundError    there is no such case, appeal or override
    ├── FourEyesError          somebody else has to do this
    ├── StaleError             the case has moved on since it was read
    ├── AbsentError            there is nothing under that name: a scheme, a model, an event
    ├── RepetitionError        an Idempotency-Key that cannot be used like this
    ├── ReusedKeyError         an Idempotency-Key of another request
    ├── UnauthenticatedError   nobody is known to be asking
    ├── ForbiddenError         whoever asks may not do this
    ├── RateLimitError         too many requests in too short a time
    ├── CredentialNotFoundError  there is no such account or key
    ├── CredentialConflictError  the account or key cannot take this step
    ├── SettingsError          the settings would leave a door open
    ├── ConflictError          the thing is no longer, or not yet, in a state for this
    ├── ExportError            an exported file that does not open or cannot be traced
    ├── InvalidRequestError    a request that is well-formed but wrong; lists every fault
    ├── BatchError             a frame that the bundle cannot grade
    ├── BackupError            a backup that is damaged, or has no empty place to go
    └── AuditError             the audit trail does not verify
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from features.errors import TierwiseError


class ServiceError(TierwiseError):
    """A request, or a batch, that cannot be answered."""


class NotReadyError(ServiceError):
    """The service has no bundle or no finished run yet."""


class OverloadedError(ServiceError):
    """More work waits already than is worth waiting for; later there is room again."""


class UnfinishedError(OverloadedError):
    """Work that was begun took too long or was broken off; another try may succeed."""


class StoreError(ServiceError):
    """The database is missing, locked or of another schema version."""


class StoreFullError(StoreError):
    """The disk of the database has no room; what was being written is undone."""


class CustomerNotFoundError(ServiceError):
    """The customer has no grade in the run that is served."""


class AlertNotFoundError(ServiceError):
    """There is no such alert."""


class ReviewNotFoundError(ServiceError):
    """There is no such review case, recovery case, appeal or override."""


class FourEyesError(ServiceError):
    """Whoever asks has had a part in it already; somebody else has to do this."""


class StaleError(ServiceError):
    """What was to be changed has moved on since it was read."""


class AbsentError(ServiceError):
    """There is nothing under that name: a scheme, a model, an event, a board."""


class RepetitionError(ServiceError):
    """A write with this key is being carried out, or was, and its answer was lost."""


class ReusedKeyError(ServiceError):
    """The key of a write was used for another request before."""


class UnauthenticatedError(ServiceError):
    """Nobody is known to be asking: no key or session, or one that no longer holds."""


class ForbiddenError(ServiceError):
    """Whoever asks is known, and may not do this."""


class RateLimitError(ServiceError):
    """Too many requests in too short a time."""


class CredentialNotFoundError(ServiceError):
    """There is no such account or key."""


class CredentialConflictError(ServiceError):
    """The account or key cannot take this step: its name is taken, or it is revoked."""


class SettingsError(ServiceError):
    """The settings of the service would leave a door open, or do not fit together."""


class ConflictError(ServiceError):
    """The thing is no longer, or not yet, in a state for this."""


class ExportError(ServiceError):
    """An exported file does not open, or cannot be traced."""


@dataclass(frozen=True, slots=True)
class RequestFault:
    """One thing wrong with a request.

    Attributes
    ----------
    detail
        What is wrong, for a person.
    pointer
        JSON pointer into the body as a URI fragment (``#/indicators/net_amount_90d``,
        RFC 6901); empty when the fault is not in the body.
    parameter
        Name of the path, query or header parameter; empty when the fault is in the body.
    """

    detail: str
    pointer: str = ""
    parameter: str = ""


class InvalidRequestError(ServiceError):
    """A request that is well-formed but wrong.

    Parameters
    ----------
    message
        Summary, one sentence.
    faults
        Every fault found, not only the first.
    """

    def __init__(
        self,
        message: str,
        faults: Sequence[RequestFault] = (),
        *,
        hint: str = "",
        **context: object,
    ) -> None:
        super().__init__(message, hint=hint, **context)
        self.faults = tuple(faults)


class BatchError(ServiceError):
    """A frame that the bundle cannot grade."""


class BackupError(ServiceError):
    """A backup that is damaged, or has no empty place to go."""


class AuditError(ServiceError):
    """The audit trail does not verify: an event was changed, lost or inserted."""
