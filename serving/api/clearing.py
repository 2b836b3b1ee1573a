"""Grades as somebody is cleared to see them (#99): what is above them is null, and named."""

from __future__ import annotations

from typing import Any

from serving.api import grade_bytes, presenting, schemas
from serving.domain.access import Principal
from serving.domain.case import ReviewCase
from serving.domain.grade import Grade
from serving.governance.masking import MASKABLE, check_part, hidden_parts
from serving.governance.policy import GovernancePolicy


def written(
    policy: GovernancePolicy, who: Principal, graded: Grade, case: ReviewCase | None
) -> bytes:
    """Return a grade with its open case as JSON, without the parts above somebody's clearance.

    Raises
    ------
    ForbiddenError
        If not even its tier is for them.
    """
    if graded.overruled is None and not hidden_parts(policy, who, graded.tier.id):
        return grade_bytes.written(graded, case)
    shown = cleared(policy, who, presenting.grade(graded, case))
    return shown.__pydantic_serializer__.to_json(shown, by_alias=True)


def cleared(policy: GovernancePolicy, who: Principal, grade: schemas.Grade) -> schemas.Grade:
    """Return a grade without the parts that are above somebody's clearance.

    Raises
    ------
    ForbiddenError
        If not even its tier is for them.
    """
    check_part(policy, who, "grade", grade.tier.id)
    hidden = hidden_parts(policy, who, grade.tier.id)
    masked = [part for part in MASKABLE if part in hidden]
    if not masked:
        return grade
    shown: dict[str, Any] = {
        "churn": grade.churn.model_copy(update={"probability": None}),
        "ltv": grade.ltv.model_copy(update=dict.fromkeys(("value", "lower", "upper"))),
        "dimensions": [each.model_copy(update={"score": None}) for each in grade.dimensions],
        "reasons": grade.referral.model_copy(update={"reasons": []}),
    }
    update = {"referral" if part == "reasons" else part: shown[part] for part in masked}
    return grade.model_copy(update={**update, "masked": masked})
