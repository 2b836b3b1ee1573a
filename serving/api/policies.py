"""``/v1/tiers``, ``/v1/schemes``, ``/v1/kpis``: by what customers are graded, and to what end."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path as File
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from serving.admission import known_query
from serving.api import model_schemas as schemas
from serving.api import presenting
from serving.api.declared import declared
from serving.deps import GradesDep, Service, ServiceDep, served_run
from serving.domain.access import Permission
from serving.errors import AbsentError, NotReadyError
from serving.guard import needs
from serving.store.grades import Grades
from tiering.difference import differences
from tiering.packs.pack import pack_of
from tiering.scheme import Scheme, load_scheme, scheme_names, scheme_text

router = APIRouter(
    prefix="/v1",
    tags=["policies"],
    dependencies=[Depends(known_query), needs(Permission.MODELS_READ)],
)
LOADED = "loaded"
"""Name of the scheme that is in the loaded model; no packaged scheme may be called so."""
Name = Annotated[
    str, Path(description="As in the list of schemes, for instance `default`.", max_length=100)
]


@router.get("/tiers", responses=declared(422, 503))
def list_tiers(store: GradesDep) -> schemas.TierList:
    """List the tiers of the served run with borders, counts and policy packs."""
    run = served_run(store)
    basis = run.basis
    return schemas.TierList(
        run_id=run.run_id,
        as_of=basis.as_of,
        currency=basis.currency,
        model=presenting.model(basis),
        scheme=presenting.scheme(basis),
        items=[
            schemas.TierTerms(
                tier=presenting.tier_of(each.tier),
                customers=each.customers,
                referred=each.referred,
                ltv=each.ltv,
                net_amount_365d=each.net_amount_365d,
                score_mean=each.score_mean,
                churn_probability_mean=each.churn_probability_mean,
                policy=None if pack is None else presenting.policy(pack),
            )
            for each in run.tiers
            for pack in (pack_of(basis.packs, each.tier.id),)
        ],
    )


@router.get("/schemes", responses=declared(422, 503))
def list_schemes(store: GradesDep, parts: ServiceDep) -> schemas.SchemeList:
    """List the schemes that come with the package, and that of the loaded model."""
    served = _served(store)
    names = [*scheme_names(), *([LOADED] if _loaded(parts) else [])]
    return schemas.SchemeList(
        items=[_summary(name, _scheme(parts, name), served) for name in names]
    )


@router.get("/schemes/{name}", responses=declared(404, 422, 503))
def read_scheme(name: Name, store: GradesDep, parts: ServiceDep) -> schemas.SchemeDocument:
    """Read a scheme: its TOML, and the same parsed."""
    scheme = _scheme(parts, name)
    return schemas.SchemeDocument(
        **dict(_summary(name, scheme, _served(store))),
        toml=scheme_text(scheme),
        content=scheme.model_dump(mode="json", exclude_none=True),
    )


@router.get("/schemes/{name}/difference", responses=declared(404, 422, 503))
def read_scheme_difference(
    name: Name,
    store: GradesDep,
    parts: ServiceDep,
    to: Annotated[str, Query(description="Name of the other scheme.", max_length=100)],
) -> schemas.SchemeDifference:
    """Tell every change from this scheme to another, in words."""
    before, after, served = _scheme(parts, name), _scheme(parts, to), _served(store)
    return schemas.SchemeDifference(
        before=_summary(name, before, served),
        after=_summary(to, after, served),
        changes=[
            schemas.SchemeChange(path=each.path, text=presenting.text_of(each.en, each.zh))
            for each in differences(before, after)
        ],
    )


@router.get("/kpis", responses=declared(404, 422, 503))
def read_kpis(parts: ServiceDep) -> schemas.KpiBoard:
    """Read the KPI board that was computed last."""
    board = _board(parts.settings.board)
    catalogue = board["catalogue"]
    return schemas.KpiBoard(
        catalogue=catalogue["id"],
        version=catalogue["version"],
        days=board["days"],
        items=[_kpi(row) for row in board["kpis"]],
        tiers=board["tiers"],
        migration=board["migration"],
        concentration=board["concentration"],
        drift=board["drift"],
    )


def _kpi(row: dict[str, Any]) -> schemas.Kpi:
    shown = {name: row[name] for name in schemas.Kpi.model_fields if name in row}
    return schemas.Kpi(**shown | {"label": presenting.text_of(row["label_en"], row["label_zh"])})


def _board(path: File) -> dict[str, Any]:
    try:
        board: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise AbsentError(
            "There is no KPI board yet.", hint="`tierwise kpi` computes it."
        ) from error
    except (OSError, ValueError) as error:
        raise NotReadyError(
            "The KPI board cannot be read.", hint="`tierwise kpi` writes it anew."
        ) from error
    return board


@cache
def _packaged(name: str) -> Scheme:
    return load_scheme(name)


def _scheme(parts: Service, name: str) -> Scheme:
    if name == LOADED and (scheme := _loaded(parts)) is not None:
        return scheme
    if name not in scheme_names():
        raise AbsentError(
            f"There is no scheme {name!r}.",
            hint=f"One of: {', '.join([*scheme_names(), LOADED])}.",
        )
    return _packaged(name)


def _loaded(parts: Service) -> Scheme | None:
    try:
        return parts.models.bundle.scheme
    except NotReadyError:
        return None


def _served(store: Grades) -> str | None:
    run = store.current_run()
    return None if run is None else run.basis.scheme_sha256


def _summary(name: str, scheme: Scheme, served: str | None) -> schemas.SchemeSummary:
    return schemas.SchemeSummary(
        name=name,
        id=scheme.id,
        version=scheme.version,
        title=presenting.text_of(scheme.title_en, scheme.title_zh),
        sha256=scheme.sha256,
        served=scheme.sha256 == served,
        tiers=[tier.id for tier in scheme.tiers],
    )
