"""``/v1/models``: versions, cards, and who was champion when."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path as Folder
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query
from fastapi.responses import Response

from serving.admission import known_query
from serving.api import gate_schemas as gates
from serving.api import model_schemas as schemas
from serving.api.declared import declared
from serving.deps import GradesDep, ServiceDep, SessionDep
from serving.domain.access import Permission
from serving.errors import AbsentError
from serving.guard import needs
from serving.store.grades import Grades
from serving.store.shadows import Shadows
from training.shelf import CardFormat, CardLanguage, Decision, Shelf, ShelvedModel, read_shelf

router = APIRouter(
    prefix="/v1",
    tags=["models"],
    dependencies=[Depends(known_query), needs(Permission.MODELS_READ)],
)

Version = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the version.")]
_KINDS: dict[CardFormat, str] = {"html": "text/html", "md": "text/markdown"}
# The card has no script, and none is allowed to it: its figures are drawn as SVG.
_CARD_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"


@router.get("/models", responses=declared(422, 503))
def list_models(store: GradesDep, parts: ServiceDep) -> schemas.ModelList:
    """List registered versions and every decision about them."""
    shelf = read_shelf(parts.settings.models)
    if shelf is None:
        return schemas.ModelList(model=None, items=[], decisions=[])
    served = _served_digests(store)
    return schemas.ModelList(
        model=shelf.model,
        items=[_version(shelf, each, served) for each in shelf.versions],
        decisions=[_decision(each) for each in shelf.decisions],
    )


@router.post(
    "/models:refresh", responses=declared(422, 503), dependencies=[needs(Permission.OPERATE)]
)
def refresh_model(parts: ServiceDep) -> schemas.Refreshed:
    """Load the bundle in the folder now, instead of within a second."""
    changed = parts.models.refresh()
    changed = parts.sides.refresh() or changed
    bundle = parts.models.bundle
    return schemas.Refreshed(
        changed=changed, version=bundle.meta.version, bundle_digest=bundle.digest
    )


@router.get("/models/champion", responses=declared(404, 422, 503))
def read_champion(
    store: GradesDep,
    parts: ServiceDep,
    at: Annotated[
        datetime | None,
        Query(
            description="Instant, UTC unless it says; now by default.",
            examples=["2024-07-01T02:00:00Z"],
        ),
    ] = None,
) -> schemas.Champion:
    """Tell who was champion at an instant, and by which decision."""
    moment = datetime.now(UTC) if at is None else _aware(at)
    shelf = _shelf(parts.settings.models)
    crowned = shelf.crowned(moment)
    found = None if crowned is None else shelf.version(crowned.version)
    if crowned is None or found is None:
        raise AbsentError(
            f"There was no champion at {moment.isoformat()}.",
            hint="The list of models has every decision.",
        )
    return schemas.Champion(
        at=moment.isoformat(),
        model=_version(shelf, found, _served_digests(store)),
        decision=_decision(crowned),
    )


@router.get("/models/shadow", responses=declared(404, 422, 503))
def read_shadow(session: SessionDep) -> schemas.Shadow:
    """Read how the shadow compares with the champion; its grades are served to nobody."""
    found = Shadows(session).last()
    if found is None:
        raise AbsentError(
            "No shadow has graded yet.",
            hint="Start one with tierwise shadow start, and grade the next batch.",
        )
    run_id, shadow = found
    return schemas.Shadow(
        run_id=run_id,
        version=shadow.model_version,
        bundle_digest=shadow.bundle_digest,
        scheme_id=shadow.scheme_id,
        scheme_version=shadow.scheme_version,
        finished_at=shadow.finished_at,
        comparison=schemas.Comparison.model_validate(shadow.comparison),
    )


@router.get("/models/{version}", responses=declared(404, 422, 503))
def read_model_version(
    version: Version, store: GradesDep, parts: ServiceDep
) -> gates.JudgedVersion:
    """Read one version with its figures and the gate report of its last decision."""
    shelf = _shelf(parts.settings.models)
    found = shelf.version(version)
    if found is None:
        raise _no_version(version)
    told = _version(shelf, found, _served_digests(store))
    return gates.JudgedVersion(**dict(told), gate_report=_gate_report(shelf, version))


@router.get(
    "/models/{version}/card",
    response_class=Response,
    responses=declared(404, 422, 503)
    | {
        200: {
            "description": "The model card, in the format that `Accept` prefers.",
            "content": {
                "text/markdown": {"schema": {"type": "string"}, "example": "# Model card: journey"},
                "text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"},
            },
        }
    },
)
def read_model_card(
    version: Version,
    parts: ServiceDep,
    lang: Annotated[CardLanguage, Query(description="Language of the card.")] = "en",
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Read a version's model card: HTML where `Accept` asks for it, else Markdown."""
    kind: CardFormat = "html" if "text/html" in accept.lower() else "md"
    text = _shelf(parts.settings.models).card(version, lang, kind)
    if text is None:
        raise _no_version(version)
    headers = {"Vary": "Accept", "Content-Security-Policy": _CARD_POLICY, "Content-Language": lang}
    return Response(text, headers=headers, media_type=_KINDS[kind])


def _shelf(folder: Folder) -> Shelf:
    shelf = read_shelf(folder)
    if shelf is None:
        raise AbsentError(
            "No model was promoted yet.", hint="Train and promote a champion: tierwise demo."
        )
    return shelf


def _served_digests(store: Grades) -> frozenset[str]:
    run = store.current_run()
    if run is None:
        return frozenset()
    canary = () if run.canary is None else (run.canary.basis.bundle_digest,)
    return frozenset((run.basis.bundle_digest, *canary))


def _version(shelf: Shelf, found: ShelvedModel, served: frozenset[str]) -> schemas.ModelVersion:
    reigns = shelf.crowned()
    return schemas.ModelVersion(
        version=found.version,
        created_at=found.created_at,
        bundle_digest=found.bundle_digest,
        champion=reigns is not None and reigns.version == found.version,
        served=found.bundle_digest in served,
        metrics=dict(found.metrics),
        facts=dict(found.facts),
        cards=list(found.cards),
    )


def _decision(entry: Decision) -> schemas.Decision:
    return schemas.Decision(
        at=entry.at,
        action=entry.action,
        version=entry.version,
        previous=entry.previous,
        by=entry.by,
        reason=entry.reason,
        failed=list(entry.failed),
        bundle_digest=entry.digest,
        gate_report_sha256=entry.gate_report_sha256,
    )


def _gate_report(shelf: Shelf, number: int) -> gates.GateReport | None:
    found = shelf.judged(number)
    if found is None:
        return None
    entry, judged = found
    document = judged.gates.to_dict()
    return gates.GateReport(
        at=entry.at,
        decision=judged.decision,
        by=judged.by,
        reason=judged.reason,
        mode=judged.mode,
        against=judged.against,
        passed=judged.gates.passed,
        lacking=judged.lacking,
        approvals=[
            gates.Approval(at=each["at"], by=each["by"], reason=each["reason"])
            for each in judged.approvals
        ],
        gates=[gates.Gate(**check) for check in document["checks"]],
        notes=list(judged.gates.notes),
        sha256=entry.gate_report_sha256,
    )


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _no_version(version: int) -> AbsentError:
    return AbsentError(
        f"There is no version {version} with that card, or none at all.",
        hint="The list of models has the versions and their cards.",
        version=version,
    )
