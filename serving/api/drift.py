"""``/v1/drift``: whether the customers of a run are still those of the run before."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import ConfigDict, Field

from serving.admission import known_query
from serving.api.declared import declared
from serving.api.parts import Instant, Out
from serving.deps import SessionDep
from serving.domain import drift as domain
from serving.domain.access import Permission
from serving.guard import needs
from serving.store.drift import DriftReports
from tiering.population.drift import Drift as Found

router = APIRouter(
    prefix="/v1",
    tags=["service"],
    dependencies=[Depends(known_query), needs(Permission.MODELS_READ)],
)

_EXAMPLE: dict[str, Any] = {
    "run_id": "20240701T020000000000-1a2b3c4d",
    "before_run_id": "20240601T020000000000-5e6f7a8b",
    "at": "2024-07-01T02:05:00Z",
    "customers_before": 2400,
    "customers_after": 2469,
    "p_value": 1.2e-9,
    "level": 0.0017,
    "alarm": True,
    "indicators": [
        {
            "indicator": "net_amount_90d",
            "verdict": "moved",
            "psi": 0.31,
            "noise": 0.008,
            "q_value": 1.3e-7,
            "shift": -0.22,
            "known_before": 2400,
            "known_after": 2469,
        }
    ],
}


class Drift(Out):
    """How one indicator or prediction moved.

    ``psi``: population stability index, an effect size; ``noise``: what chance alone would make
    of it; ``q_value``: corrected for the number looked at; ``shift``: -1 to 1, upward positive.
    """

    indicator: str
    verdict: Literal["stable", "watch", "moved", "unproven", "too_few", "absent"]
    psi: float | None
    noise: float | None
    q_value: float | None
    shift: float | None
    known_before: int
    known_after: int


class DriftReport(Out):
    """A run against the one before; what moved most comes first.

    The alarm takes an effect that counts and a chance below ``level``, which is set so that of
    all alarms ever raised at most one in twenty is expected to be false.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    run_id: str
    before_run_id: str
    at: Instant
    customers_before: int
    customers_after: int
    p_value: float
    level: float
    alarm: bool
    indicators: list[Drift]


class DriftList(Out):
    """Reports, the newest run first."""

    items: list[DriftReport] = Field(description="Empty before the second run.")


@router.get("/drift", responses=declared(422, 503))
def list_drift(
    session: SessionDep,
    limit: Annotated[int, Query(ge=1, le=100, description="Reports at most.")] = 12,
    all_indicators: Annotated[
        bool, Query(alias="all", description="Also what did not move.")
    ] = False,
) -> DriftList:
    """Tell what moved between each run and the one before."""
    reports = DriftReports(session).latest(limit)
    return DriftList(items=[_presented(each, all_indicators) for each in reports])


def _presented(report: domain.DriftReport, everything: bool) -> DriftReport:
    return DriftReport(
        run_id=report.run_id,
        before_run_id=report.before_run_id,
        at=report.at,
        customers_before=report.customers_before,
        customers_after=report.customers_after,
        p_value=report.p_value,
        level=report.level,
        alarm=report.alarm,
        indicators=[_told(each) for each in (report.found if everything else report.moved)],
    )


def _told(found: Found) -> Drift:
    return Drift(
        indicator=found.indicator,
        verdict=found.verdict,
        psi=_known(found.psi),
        noise=_known(found.noise),
        q_value=_known(found.q_value),
        shift=_known(found.shift),
        known_before=found.known_before,
        known_after=found.known_after,
    )


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number
