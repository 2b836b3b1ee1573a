"""``/v1/exports``: customers leave the house only with two approvals (#101)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response

from serving.admission import json_only, known_query
from serving.api import export_schemas as schemas
from serving.api.declared import declared
from serving.api.grades import Cursor, Limit, next_address
from serving.deps import ServiceDep, SessionDep
from serving.domain import export as domain
from serving.domain.access import Permission
from serving.errors import AbsentError
from serving.governance.exporting import ExportDesk
from serving.guard import PrincipalDep, needs
from serving.store.exports import Exports

router = APIRouter(prefix="/v1", tags=["exports"], dependencies=[Depends(known_query)])

ExportId = Annotated[str, Path(description="As in the list of exports.", max_length=40)]
_ASK = needs(Permission.EXPORTS_REQUEST)
_APPROVE = needs(Permission.EXPORTS_APPROVE)


async def _desk(parts: ServiceDep) -> ExportDesk:
    return ExportDesk(parts.database, parts.governance, _now)


Desk = Annotated[ExportDesk, Depends(_desk)]


@router.post(
    "/exports",
    responses=declared(400, 413, 415, 422, 503),
    dependencies=[Depends(json_only), _ASK],
)
def request_export(body: schemas.ExportRequest, desk: Desk, who: PrincipalDep) -> schemas.Export:
    """Ask for an export of the run that is served now; two others have to approve it."""
    return _presented(desk.ask(who, body.purpose, body.tier, body.referred))


@router.get("/exports", responses=declared(422, 503), dependencies=[_APPROVE])
def list_exports(
    session: SessionDep,
    parts: ServiceDep,
    state: Annotated[domain.ExportState | None, Query(description="Only of this state.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> schemas.ExportList:
    """List exports, the newest first."""
    page = Exports(session).page(
        state=state, limit=limit or parts.settings.page_size, cursor=cursor
    )
    query = {"state": state, "limit": limit, "cursor": page.cursor}
    return schemas.ExportList(
        items=[_presented(each) for each in page.items],
        total=page.total,
        cursor=page.cursor,
        next=next_address("/v1/exports", query),
    )


@router.get("/exports/{export_id}", responses=declared(404, 422, 503), dependencies=[needs(None)])
def read_export(export_id: ExportId, session: SessionDep, who: PrincipalDep) -> schemas.Export:
    """Read an export: one's own, or any for those who approve."""
    found = Exports(session).get(export_id)
    seen = found is not None and (
        who.may(Permission.EXPORTS_APPROVE) or found[0].requested_by == who.id
    )
    if found is None or not seen:
        raise AbsentError(f"There is no export {export_id!r} for you.", export_id=export_id)
    return _presented(found[0])


@router.post(
    "/exports/{export_id}/approve",
    responses=declared(404, 409, 413, 422, 503),
    dependencies=[_APPROVE],
)
def approve_export(export_id: ExportId, desk: Desk, who: PrincipalDep) -> schemas.Export:
    """Stand for an export; with the second approval its file is made."""
    return _presented(desk.approve(export_id, who))


@router.post(
    "/exports/{export_id}/refuse",
    responses=declared(400, 404, 409, 413, 415, 422, 503),
    dependencies=[Depends(json_only), needs(None)],
)
def refuse_export(
    export_id: ExportId, body: schemas.Refusal, desk: Desk, who: PrincipalDep
) -> schemas.Export:
    """Refuse an export, or withdraw one's own."""
    return _presented(desk.refuse(export_id, who, body.why))


@router.post(
    "/exports/{export_id}/share",
    responses=declared(404, 413, 422, 503),
    dependencies=[_APPROVE],
)
def collect_share(export_id: ExportId, desk: Desk, who: PrincipalDep) -> schemas.Share:
    """Collect one's share of the lock, once; the two approvers together open the file."""
    return schemas.Share(export_id=export_id, share=desk.share(export_id, who))


@router.post(
    "/exports/{export_id}/file",
    responses={
        **declared(404, 409, 413, 422, 503),
        200: {
            "description": "The file: CSV in UTF-8, or locked.",
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        },
    },
    response_class=Response,
    dependencies=[_ASK],
)
def fetch_export(export_id: ExportId, desk: Desk, who: PrincipalDep) -> Response:
    """Fetch the file; only for the one who asked. Each time is counted and recorded."""
    export, content = desk.fetch(export_id, who)
    ending = "locked" if export.locked else "csv"
    return Response(
        content,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{export_id}.{ending}"'},
    )


def _presented(export: domain.Export) -> schemas.Export:
    return schemas.Export(
        export_id=export.export_id,
        run_id=export.run_id,
        requested_by=export.requested_by,
        requested_at=export.requested_at,
        purpose=export.purpose,
        tier=export.tier_id,
        referred=export.referred,
        customers=export.customers,
        data_class=export.data_class,
        parts=list(export.parts),
        locked=export.locked,
        state=export.state,
        approvals=[
            schemas.ApprovalGiven(by=each.by, role=each.role.value, at=each.at)
            for each in export.approvals
        ],
        refused_by=export.refused_by,
        refused_why=export.refused_why,
        expires_at=export.expires_at,
        file_sha256=export.file_sha256,
        downloads=export.downloads,
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
