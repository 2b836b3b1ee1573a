"""Exports: asked for, approved by two others, made with watermarks, handed out (#100, #101)."""

from __future__ import annotations

import csv
import hashlib
import io
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from serving.audit import record
from serving.domain.access import Principal
from serving.domain.event import Happening
from serving.domain.export import Export, ExportState, approve, expires, fetch, refuse
from serving.domain.grade import Grade, Run
from serving.errors import AbsentError, InvalidRequestError, NotReadyError
from serving.governance.lock import lock
from serving.governance.masking import hidden_parts
from serving.governance.policy import CLASSES, PARTS, GovernancePolicy, Part
from serving.governance.watermark import in_order, matches, row_mark
from serving.store.exports import Exports
from serving.store.grades import Grades
from serving.store.session import Database, Session

_COLUMNS: tuple[tuple[str, Part], ...] = (
    ("customer_id", "grade"),
    ("score", "grade"),
    ("tier", "grade"),
    ("churn_probability", "churn"),
    ("ltv", "ltv"),
    ("ltv_lower", "ltv"),
    ("ltv_upper", "ltv"),
)
_PORTION = 500


class ExportDesk:
    """Takes exports from the request to the file.

    Parameters
    ----------
    policy
        Who approves, how many customers may leave, what is locked.
    clock
        Returns now, naive UTC.
    """

    def __init__(
        self, database: Database, policy: GovernancePolicy, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    def ask(
        self, who: Principal, purpose: str, tier_id: str | None, referred: bool | None
    ) -> Export:
        """Ask for an export of the served run.

        Raises
        ------
        NotReadyError
            If no run has finished yet.
        InvalidRequestError
            If there is nobody to export, or more than the policy lets out at once.
        """
        now, rules = self._clock(), self._policy.exports
        with self._database.write() as session:
            run = Grades(session).current_run()
            if run is None:
                raise NotReadyError("No customers have been graded yet.")
            customers = Grades(session).page(run, tier_id=tier_id, referred=referred, limit=1).total
            if not 0 < customers <= rules.max_customers:
                raise InvalidRequestError(
                    f"This would export {customers:,} customers.",
                    hint=f"Between 1 and {rules.max_customers:,} can be exported at once.",
                )
            parts = self._parts(who, [tier.id for tier in run.basis.tiers])
            data_class = self._data_class(run, tier_id, parts)
            export = Export(
                export_id=secrets.token_hex(16),
                run_id=run.run_id,
                requested_by=who.id,
                requested_at=now,
                purpose=purpose,
                tier_id=tier_id,
                referred=referred,
                customers=customers,
                data_class=data_class,
                parts=parts,
                locked=CLASSES.index(data_class) >= CLASSES.index(rules.locked_from),
                state=ExportState.REQUESTED,
                mark_key=secrets.token_hex(32),
                expires_at=expires(now, rules.valid_days),
            )
            Exports(session).add(export)
            self._record(session, "export.requested", export, who, purpose=purpose)
        return export

    def approve(self, export_id: str, who: Principal) -> Export:
        """Stand for an export; the second approval makes its file.

        Raises
        ------
        AbsentError, ForbiddenError, ConflictError
            If there is none, they may not, or it is too late.
        """
        now, rules = self._clock(), self._policy.exports
        with self._database.write() as session:
            export, version = self._get(session, export_id)
            export = approve(export, who, (rules.first_role, rules.second_role), now)
            if export.state is ExportState.READY:
                export = self._make(session, export)
            Exports(session).replace(export, version)
            self._record(
                session, "export.approved", export, who, role=export.approvals[-1].role.value
            )
            if export.state is ExportState.READY:
                self._record(session, "export.made", export, who, file_sha256=export.file_sha256)
        return export

    def refuse(self, export_id: str, who: Principal, why: str) -> Export:
        """Refuse an export, or withdraw one's own.

        Raises
        ------
        AbsentError, ForbiddenError, ConflictError
            If there is none, they may not, or it is too late.
        """
        now, rules = self._clock(), self._policy.exports
        with self._database.write() as session:
            export, version = self._get(session, export_id)
            export = refuse(export, who, (rules.first_role, rules.second_role), why, now)
            Exports(session).replace(export, version)
            self._record(session, "export.refused", export, who, why=why)
        return export

    def fetch(self, export_id: str, who: Principal) -> tuple[Export, bytes]:
        """Hand out the file to the one who asked for it.

        Raises
        ------
        AbsentError, ForbiddenError, ConflictError
            If there is none, somebody else asked, or it is not (or no longer) ready.
        """
        now = self._clock()
        with self._database.write() as session:
            store = Exports(session)
            store.drop_expired(now)
            export, version = self._get(session, export_id)
            export = fetch(export, who, now)
            content = store.file(export_id)
            if content is None:
                raise AbsentError("The file of this export is gone.", export_id=export_id)
            store.replace(export, version)
            self._record(session, "export.fetched", export, who, downloads=export.downloads)
        return export, content

    def share(self, export_id: str, who: Principal) -> str:
        """Hand an approver the share of the lock; once.

        Raises
        ------
        AbsentError
            If there is no such export, or no share for them (any more).
        """
        with self._database.write() as session:
            export, _ = self._get(session, export_id)
            share = Exports(session).take_share(export_id, who.id)
            if share is None:
                raise AbsentError(
                    "There is no share of this export for you.",
                    hint="Each approver of a locked export collects one, once.",
                    export_id=export_id,
                )
            self._record(session, "export.share_taken", export, who)
        return share

    def trace(self, customers: Sequence[str], marks: Sequence[str]) -> tuple[str, ...]:
        """Return the exports that leaked rows came from."""
        with self._database.read() as session:
            keys = Exports(session).all_keys()
        return tuple(export_id for export_id, key in keys if matches(key, customers, marks))

    def _make(self, session: Session, export: Export) -> Export:
        content = _written(export, _grades(session, export))
        shares: dict[str, str] = {}
        if export.locked:
            content, *parts = lock(content, export.export_id)
            shares = {a.by: part for a, part in zip(export.approvals, parts, strict=True)}
        Exports(session).keep_file(export.export_id, content, shares)
        return replace(export, file_sha256=hashlib.sha256(content).hexdigest())

    def _parts(self, who: Principal, tiers: Sequence[str]) -> tuple[Part, ...]:
        """Return what somebody may export: what they see of every tier."""
        hidden = {part for tier in tiers for part in hidden_parts(self._policy, who, tier)}
        asked = dict.fromkeys(part for _, part in _COLUMNS)
        return tuple(part for part in PARTS if part in asked and part not in hidden)

    def _data_class(self, run: Run, tier_id: str | None, parts: Sequence[Part]) -> str:
        tiers = [tier_id] if tier_id else [tier.id for tier in run.basis.tiers]
        classes = [self._policy.class_of(part, tier) for part in parts for tier in tiers]
        return max(classes, key=CLASSES.index, default="internal")

    def _get(self, session: Session, export_id: str) -> tuple[Export, int]:
        found = Exports(session).get(export_id)
        if found is None:
            raise AbsentError(f"There is no export {export_id!r}.", export_id=export_id)
        return found

    def _record(
        self, session: Session, action: str, export: Export, who: Principal, **more: object
    ) -> None:
        payload = {
            "run_id": export.run_id,
            "customers": export.customers,
            "data_class": export.data_class,
            "state": export.state.value,
            **more,
        }
        subject = f"export:{export.export_id}"
        record(session, [Happening(action, subject, payload)], at=self._clock(), actor=who.id)


def _grades(session: Session, export: Export) -> Iterator[Grade]:
    store = Grades(session)
    run = store.run(export.run_id)
    cursor: str | None = None
    while run is not None:
        page = store.page(
            run,
            tier_id=export.tier_id,
            referred=export.referred,
            limit=_PORTION,
            cursor=cursor,
        )
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def _written(export: Export, grades: Iterable[Grade]) -> bytes:
    """Return the file: CSV in UTF-8, rows in the export's own order, each with its mark."""
    columns = [name for name, part in _COLUMNS if part in export.parts]
    rows = list(grades)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*columns, "mark"])
    for place in in_order(export.mark_key, [grade.customer_id for grade in rows]):
        grade = rows[place]
        cells = [_cell(grade, name) for name in columns]
        writer.writerow([*cells, row_mark(export.mark_key, grade.customer_id)])
    # Spreadsheets take the text for UTF-8 only with the mark in front.
    return text.getvalue().encode("utf-8-sig")


def _cell(grade: Grade, name: str) -> str | float | None:
    value: str | float | None = grade.tier.id if name == "tier" else getattr(grade, name)
    # A spreadsheet would run a text that begins like a formula.
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
