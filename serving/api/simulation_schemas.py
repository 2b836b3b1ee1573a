"""What-ifs as they go over the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from features.schema import CATALOGUE
from serving.api import examples
from serving.api.parts import Out
from serving.api.schemas import Explanation, Grade, Measured


def _detail(given: object) -> object:
    # One fault with its words, where a union has one for each of its members.
    if isinstance(given, bool) or given == "contributions":
        return given
    raise PydanticCustomError("detail", "Input should be true, false or 'contributions'")


Detail = Annotated[
    Annotated[bool, Field(strict=True)] | Literal["contributions"], BeforeValidator(_detail)
]


class Simulation(BaseModel):
    """A what-if: a customer with some indicators replaced, or a whole new customer.

    With ``customer_id``, ``indicators`` replace those of the customer's present grade;
    without, an indicator that is left out is unknown. Values are taken as they are:
    indicators that would move together in life do not here.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": examples.SIMULATIONS})

    customer_id: str | None = Field(default=None, min_length=1)
    indicators: dict[str, Measured | None] = Field(
        default_factory=dict, json_schema_extra={"propertyNames": {"enum": list(CATALOGUE)}}
    )
    explanation: Detail = Field(
        default=True,
        description="How to explain the score: `true`, with labels, values, percentiles and "
        "sentences in both languages (40 KB); `contributions`, what each indicator brings as a "
        "number (4 KB), for programs that simulate in bulk; `false`, not at all.",
    )


class DimensionContributions(Out):
    """What the indicators of a dimension bring; ``contribution`` is their sum (1e-9).

    An indicator that acts in several ways is told once in each dimension it acts in. Those that
    contribute exactly 0 are left out.
    """

    id: str
    contribution: float
    indicators: dict[str, float]


class Contributions(Out):
    """An exact account in numbers: ``base`` plus all contributions is ``score`` (1e-9).

    They are those of the explanation, in score points.
    """

    base: float
    score: float
    dimensions: list[DimensionContributions]


class Difference(Out):
    """The what-if minus the customer's present grade."""

    grade_id: str
    run_id: str
    score: float
    tier_before: str
    tier_after: str
    churn_probability: float | None
    ltv: float | None


class Simulated(Out):
    """The grade of a what-if; nothing is stored.

    ``explanation`` and ``contributions`` are null unless they were asked for; ``difference``
    needs a customer.
    """

    grade: Grade
    explanation: Explanation | None
    contributions: Contributions | None = Field(
        description="Null unless the explanation asked for is `contributions`."
    )
    difference: Difference | None
