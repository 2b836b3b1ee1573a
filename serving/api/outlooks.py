"""``/v1/grades/{customer_id}/outlook``: what is expected of a customer, in one place."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from serving.admission import known_query
from serving.api import outlook_presenting, outlook_schemas
from serving.api.changes import not_graded_by
from serving.api.declared import declared
from serving.api.grades import CustomerId, grade_of
from serving.deps import ServiceDep, served_run
from serving.domain.access import Permission
from serving.domain.grade import Grade
from serving.governance.masking import check_outlook
from serving.guard import PrincipalDep, needs
from serving.outlook import outlook_of
from serving.store.grades import Grades
from serving.store.past import Past
from serving.store.session import Session

router = APIRouter(
    prefix="/v1",
    tags=["grades"],
    dependencies=[Depends(known_query), needs(Permission.GRADES_READ)],
)


# An id may hold a slash, so this comes before the address of the grade itself.
@router.get("/grades/{customer_id:path}/outlook", responses=declared(404, 422, 503))
def read_outlook(
    customer_id: CustomerId,
    parts: ServiceDep,
    who: PrincipalDep,
    as_of: Annotated[
        date | None,
        Query(description="By the grade that stood at the end of this day; the present one's."),
    ] = None,
) -> outlook_schemas.Outlook:
    """Read what is expected of a customer: value, contribution, churn, demand, health, renewal.

    By the model that gave the grade, on the indicators it was given on, so it can be read again at
    any time. What is not known is null, and `unknown` says why.
    """
    with parts.database.read() as session:
        graded = _grade(session, customer_id, as_of)
    check_outlook(parts.governance, who, graded.tier.id)
    found = outlook_of(parts.sides.that_graded(graded.basis.bundle_digest), graded)
    return outlook_presenting.outlook(graded, found)


def _grade(session: Session, customer_id: str, as_of: date | None) -> Grade:
    if as_of is None:
        store = Grades(session)
        return grade_of(store, served_run(store), customer_id)
    past = Past(session, customer_id)
    found = past.on(as_of)
    if found is None:
        raise not_graded_by(customer_id, as_of, past.first_day())
    return found
