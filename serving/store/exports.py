"""Exports: the only queries over them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from serving.domain.access import Role
from serving.domain.export import Approval, Export, ExportState
from serving.errors import ConflictError
from serving.store.governance_tables import ExportFileRow, ExportRow
from serving.store.paging import Page, decode_cursor, encode_cursor, instant_of


class Exports:
    """Exports as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, export_id: str) -> tuple[Export, int] | None:
        """Return an export and the version of its row."""
        row = self._session.get(ExportRow, export_id)
        return None if row is None else (_export(row), row.version)

    def page(self, *, state: ExportState | None, limit: int, cursor: str | None) -> Page[Export]:
        """Return exports, the newest first.

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        kept = [] if state is None else [ExportRow.state == state.value]
        total = self._session.scalar(select(func.count()).select_from(ExportRow).where(*kept)) or 0
        rows = select(ExportRow).where(*kept)
        if cursor is not None:
            at, export_id = decode_cursor(cursor, (str, str))
            before = instant_of(str(at))
            rows = rows.where(
                or_(
                    ExportRow.requested_at < before,
                    and_(ExportRow.requested_at == before, ExportRow.export_id < export_id),
                )
            )
        newest = rows.order_by(ExportRow.requested_at.desc(), ExportRow.export_id.desc())
        found = self._session.scalars(newest.limit(limit + 1)).all()
        last = found[limit - 1] if len(found) > limit else None
        return Page(
            items=tuple(_export(row) for row in found[:limit]),
            total=total,
            cursor=encode_cursor(last.requested_at.isoformat(), last.export_id) if last else None,
        )

    def all_keys(self) -> tuple[tuple[str, str], ...]:
        """Return id and watermark secret of every export, the newest first."""
        rows = select(ExportRow.export_id, ExportRow.mark_key)
        return tuple(
            (export_id, key)
            for export_id, key in self._session.execute(
                rows.order_by(ExportRow.requested_at.desc())
            )
        )

    def add(self, export: Export) -> None:
        """Add an export."""
        self._session.execute(insert(ExportRow), [{**_values(export), "version": 1}])

    def replace(self, export: Export, version: int) -> None:
        """Write an export that was read at a version.

        Raises
        ------
        ConflictError
            If somebody else wrote it since.
        """
        written = self._session.execute(
            update(ExportRow)
            .where(ExportRow.export_id == export.export_id, ExportRow.version == version)
            .values(**_values(export), version=version + 1)
        )
        if written.rowcount != 1:  # type: ignore[attr-defined]
            raise ConflictError(
                "Somebody else changed this export at the same moment.",
                hint="Look at it again.",
                export_id=export.export_id,
            )

    def keep_file(self, export_id: str, content: bytes, shares: dict[str, str]) -> None:
        """Keep the file of an export, with the shares of its lock by approver."""
        self._session.execute(
            insert(ExportFileRow),
            [{"export_id": export_id, "content": content, "shares": shares}],
        )

    def file(self, export_id: str) -> bytes | None:
        """Return the file of an export, None where there is none (any more)."""
        row = self._session.get(ExportFileRow, export_id)
        return None if row is None else row.content

    def take_share(self, export_id: str, approver: str) -> str | None:
        """Return an approver's share and forget it; None when it was taken, or never was."""
        row = self._session.get(ExportFileRow, export_id, with_for_update=True)
        if row is None or approver not in row.shares:
            return None
        share = row.shares[approver]
        row.shares = {who: kept for who, kept in row.shares.items() if who != approver}
        self._session.flush()
        return share

    def drop_expired(self, now: datetime) -> int:
        """Delete the files of exports that can no longer be fetched; return how many."""
        over = select(ExportRow.export_id).where(ExportRow.expires_at <= now)
        gone = self._session.execute(delete(ExportFileRow).where(ExportFileRow.export_id.in_(over)))
        return int(gone.rowcount)  # type: ignore[attr-defined]


def _values(export: Export) -> dict[str, Any]:
    values = asdict(export)
    values["state"] = export.state.value
    values["parts"] = list(export.parts)
    values["approvals"] = [
        {"by": each.by, "role": each.role.value, "at": each.at.isoformat()}
        for each in export.approvals
    ]
    return values


def _export(row: ExportRow) -> Export:
    return Export(
        export_id=row.export_id,
        run_id=row.run_id,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        purpose=row.purpose,
        tier_id=row.tier_id,
        referred=row.referred,
        customers=row.customers,
        data_class=row.data_class,
        parts=tuple(row.parts),
        locked=row.locked,
        state=ExportState(row.state),
        mark_key=row.mark_key,
        expires_at=row.expires_at,
        approvals=tuple(
            Approval(each["by"], Role(each["role"]), datetime.fromisoformat(each["at"]))
            for each in row.approvals
        ),
        refused_by=row.refused_by,
        refused_why=row.refused_why,
        file_sha256=row.file_sha256,
        downloads=row.downloads,
    )
