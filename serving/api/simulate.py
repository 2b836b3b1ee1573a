"""``POST /v1/grades:simulate``: what would the grade be if."""

from __future__ import annotations

import numpy as np
from fastapi import APIRouter, Depends

from features.schema import FloatArray
from serving.admission import json_only, known_query
from serving.api import presenting, schemas
from serving.api.declared import declared
from serving.api.grades import grade_of
from serving.deps import GradesDep, ServiceDep, served_run
from serving.domain.access import Permission
from serving.domain.grade import Grade
from serving.errors import InvalidRequestError, RequestFault
from serving.guard import needs
from serving.problems import pointer
from serving.scoring import basis_of, grade
from training.bundle import Bundle

router = APIRouter(
    prefix="/v1",
    tags=["grades"],
    dependencies=[needs(Permission.SIMULATE), Depends(json_only), Depends(known_query)],
)


@router.post("/grades:simulate", responses=declared(400, 404, 413, 415, 422, 503))
def simulate(body: schemas.Simulation, store: GradesDep, parts: ServiceDep) -> schemas.Simulated:
    """Grade a what-if by the same function as the batch; nothing is stored."""
    bundle = parts.models.bundle
    _check(bundle, body)
    run = served_run(store)
    before = grade_of(store, run, body.customer_id) if body.customer_id is not None else None
    values = _values(bundle, before, body)
    graded = grade(
        bundle, values, [body.customer_id or ""], basis_of(bundle, run.basis.as_of, run_id=None)
    )
    after = graded.grades[0]
    return schemas.Simulated(
        grade=presenting.grade(after, None),
        explanation=presenting.explanation(after, graded.explanations.of(0, after)),
        difference=presenting.difference(after, before) if before else None,
    )


def _check(bundle: Bundle, body: schemas.Simulation) -> None:
    faults = [
        RequestFault(f"There is no indicator {name!r}.", pointer(["indicators", name]))
        for name in body.indicators
        if name not in bundle.columns
    ]
    if body.customer_id is None and not body.indicators:
        faults.append(RequestFault("Give a customer_id, indicators, or both.", pointer([])))
    if faults:
        raise InvalidRequestError(
            "The what-if cannot be graded.",
            faults,
            hint="`indicators` takes the names that an explanation lists.",
        )


def _values(bundle: Bundle, before: Grade | None, body: schemas.Simulation) -> FloatArray:
    """Return ``(1, k)`` values: the present ones, if any, under those of the body."""
    given = {**(before.indicators if before else {}), **body.indicators}
    row = [given.get(name) for name in bundle.columns]
    return np.array([row], dtype=np.float64)
