"""``/v1/models/canary``: the second model of a share of the customers, compared."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from serving.admission import known_query
from serving.api import canary_schemas as schemas
from serving.api.declared import declared
from serving.deps import SessionDep
from serving.domain.access import Permission
from serving.errors import AbsentError
from serving.guard import needs
from serving.store.canaries import Canaries

router = APIRouter(
    prefix="/v1",
    tags=["models"],
    dependencies=[Depends(known_query), needs(Permission.MODELS_READ)],
)


@router.get("/models/canary", responses=declared(404, 422, 503))
def read_canary(session: SessionDep) -> schemas.CanaryState:
    """Read which canary stands, or stood last, and how both sides compared when last looked at."""
    store = Canaries(session)
    plan = store.last()
    if plan is None:
        raise AbsentError("There was no canary yet.", hint="Start one with tierwise canary start.")
    report = store.report(plan.plan_id)
    return schemas.CanaryState(
        plan=schemas.CanaryPlan(
            version=plan.model_version,
            bundle_digest=plan.bundle_digest,
            percent=plan.percent,
            started_at=plan.started_at,
            started_by=plan.started_by,
            reason=plan.reason,
            ended_at=plan.ended_at,
            ending=None if plan.ending is None else plan.ending.value,
        ),
        run_id=None if report is None else report.run_id,
        made_at=None if report is None else report.made_at,
        comparison=None
        if report is None
        else schemas.CanaryComparison.model_validate(report.comparison),
    )
