"""What of a grade somebody sees: parts above their clearance are left out, and named (#99)."""

from __future__ import annotations

from serving.domain.access import LOCAL, Principal
from serving.errors import ForbiddenError
from serving.governance.policy import PARTS, GovernancePolicy, Part

MASKABLE: tuple[Part, ...] = ("churn", "ltv", "dimensions", "reasons")
"""Parts of a grade that may be left out of it; without ``grade`` itself there is none."""

OUTLOOK: tuple[Part, ...] = ("explanation", "churn", "ltv")
"""Parts that an outlook tells at once: who does not see one of them does not see it."""


def hidden_parts(policy: GovernancePolicy, who: Principal, tier_id: str) -> tuple[Part, ...]:
    """Return the parts of the grade of a customer in a tier that somebody does not see."""
    if who == LOCAL:
        return ()
    return tuple(
        part for part in PARTS if not policy.sees(who.roles, policy.class_of(part, tier_id))
    )


def check_part(policy: GovernancePolicy, who: Principal, part: Part, tier_id: str) -> None:
    """Refuse somebody who does not see a part, such as the explanation of a grade.

    Raises
    ------
    ForbiddenError
        Naming the class of the data.
    """
    if part in hidden_parts(policy, who, tier_id):
        raise _above(policy, who, part, tier_id)


def check_outlook(policy: GovernancePolicy, who: Principal, tier_id: str) -> None:
    """Refuse somebody who does not see all that the outlook of a customer in a tier tells.

    Raises
    ------
    ForbiddenError
        Naming the first part that is not for them, and the class of its data.
    """
    for part in OUTLOOK:
        check_part(policy, who, part, tier_id)


def _above(policy: GovernancePolicy, who: Principal, part: Part, tier_id: str) -> ForbiddenError:
    data_class = policy.class_of(part, tier_id)
    return ForbiddenError(
        f"The {part} of this customer is {data_class}, which is above the clearance of {who.id}.",
        hint="Ask somebody with a role that is cleared for it.",
        part=part,
        data_class=data_class,
    )
