"""An export: asked for by one, approved by two others, fetched within days (#101)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from serving.domain.access import Principal, Role
from serving.errors import ConflictError, ForbiddenError


class ExportState(StrEnum):
    """Where an export stands."""

    REQUESTED = "requested"
    READY = "ready"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Approval:
    """Who stood for an export, in which role, and when (naive UTC)."""

    by: str
    role: Role
    at: datetime


@dataclass(frozen=True, slots=True)
class Export:
    """Customers that are to leave the house.

    Attributes
    ----------
    purpose
        Why, in the words of whoever asks.
    tier_id, referred
        Which customers of the run; None is all.
    data_class
        The most sensitive class in it.
    parts
        Parts of a grade in it, as the one who asked is cleared for.
    approvals
        Of two people in two roles, neither of them the one who asked.
    mark_key
        Secret (hex) of the watermark.
    file_sha256
        Of the file as it is handed out; None until it is made.
    """

    export_id: str
    run_id: str
    requested_by: str
    requested_at: datetime
    purpose: str
    tier_id: str | None
    referred: bool | None
    customers: int
    data_class: str
    parts: tuple[str, ...]
    locked: bool
    state: ExportState
    mark_key: str
    expires_at: datetime
    approvals: tuple[Approval, ...] = ()
    refused_by: str | None = None
    refused_why: str | None = None
    file_sha256: str | None = None
    downloads: int = 0


def approve(export: Export, who: Principal, roles: tuple[Role, Role], now: datetime) -> Export:
    """Return the export with one more approval; ready once both roles have spoken.

    Raises
    ------
    ForbiddenError
        If they asked for it themselves, or have neither role.
    ConflictError
        If it is no longer open, they have approved already, or their role has.
    """
    _open(export, now)
    if who.id == export.requested_by:
        raise ForbiddenError(
            "Whoever asks for an export cannot approve it.",
            hint="Two other people have to.",
            export_id=export.export_id,
        )
    if any(each.by == who.id for each in export.approvals):
        raise ConflictError(
            f"{who.id} has approved this export already; a second person has to.",
            export_id=export.export_id,
        )
    own = [role for role in roles if role in who.roles]
    if not own:
        raise ForbiddenError(
            f"An export is approved by {' and '.join(role.value for role in roles)}.",
            export_id=export.export_id,
        )
    given = {each.role for each in export.approvals}
    left = [role for role in own if role not in given]
    if not left:
        raise ConflictError(
            f"{own[0].value} has approved this export already; "
            f"{next(role.value for role in roles if role not in given)} has to.",
            export_id=export.export_id,
        )
    approvals = (*export.approvals, Approval(who.id, left[0], now))
    state = ExportState.READY if len(approvals) == len(roles) else export.state
    return replace(export, approvals=approvals, state=state)


def refuse(
    export: Export, who: Principal, roles: tuple[Role, Role], why: str, now: datetime
) -> Export:
    """Return the export as refused, by one who could have approved it, or withdrawn by its asker.

    Raises
    ------
    ForbiddenError
        If they may neither approve nor withdraw it.
    ConflictError
        If it is no longer open.
    """
    _open(export, now)
    if who.id != export.requested_by and not any(role in who.roles for role in roles):
        raise ForbiddenError(
            f"An export is refused by {' or '.join(role.value for role in roles)}.",
            export_id=export.export_id,
        )
    return replace(export, state=ExportState.REFUSED, refused_by=who.id, refused_why=why)


def fetch(export: Export, who: Principal, now: datetime) -> Export:
    """Return the export with one more download by the one who asked for it.

    Raises
    ------
    ForbiddenError
        If somebody else asked for it.
    ConflictError
        If it is not ready, or no longer.
    """
    if who.id != export.requested_by:
        raise ForbiddenError(
            "An export is handed to nobody but the one who asked for it.",
            export_id=export.export_id,
        )
    if export.state is not ExportState.READY or now >= export.expires_at:
        raise ConflictError(
            f"This export is {_now(export, now).value}.",
            hint="Ask for a new one." if now >= export.expires_at else "It needs two approvals.",
            export_id=export.export_id,
        )
    return replace(export, downloads=export.downloads + 1)


def expires(requested_at: datetime, valid_days: int) -> datetime:
    """Return until when an export may be approved and fetched."""
    return requested_at + timedelta(days=valid_days)


def _open(export: Export, now: datetime) -> None:
    state = _now(export, now)
    if state is not ExportState.REQUESTED:
        raise ConflictError(f"This export is {state.value}.", export_id=export.export_id)


def _now(export: Export, now: datetime) -> ExportState:
    over = now >= export.expires_at and export.state is not ExportState.REFUSED
    return ExportState.EXPIRED if over else export.state
