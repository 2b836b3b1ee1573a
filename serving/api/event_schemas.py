"""A what-if from raw events as it goes over the wire."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from features.contract import CONTRACT
from serving.api import event_examples
from serving.api.parts import Out, Text
from serving.api.schemas import Explanation, Grade

MAX_ROWS = 5_000
"""Rows of all tables together."""
MAX_TEXT = 2_000

TABLES = tuple(name for name, table in CONTRACT.items() if table.has_customer)
"""Tables that a customer's rows may be of."""


def _cell(value: object) -> object:
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise ValueError(f"more than {MAX_TEXT:,} characters")
        value.encode()  # a lone surrogate is no text: UnicodeEncodeError is a ValueError
    elif isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > 1e15:
            raise ValueError("not a number that could be counted")
    elif value is not None:
        raise ValueError("neither text, number, boolean nor null")
    return value


# One validator for all kinds: what a cell means is for the door to say, row by row.
Cell = Annotated[
    str | float | bool | None,
    PlainValidator(_cell),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": MAX_TEXT},
                {"type": "number", "minimum": -1e15, "maximum": 1e15},
                {"type": "boolean"},
                {"type": "null"},
            ]
        }
    ),
]


def _rows(table: str) -> Any:
    names = list(CONTRACT[table].column_names)

    def listed(schema: dict[str, Any]) -> None:
        schema["items"]["propertyNames"] = {"enum": names}

    return Field(
        default_factory=list,
        max_length=MAX_ROWS,
        description=f"{CONTRACT[table].label_en}: rows of the table `{table}`.",
        json_schema_extra=listed,
    )


class SimulationFromEvents(BaseModel):
    """A customer whom the system need not know, told by rows as the source contract has them.

    The rows pass the same door as those of a nightly run; what is refused is listed in the
    answer. ``customer_id`` may be left out of the rows: all are of one customer.
    """

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [event_examples.SIMULATION]}
    )

    customer_id: str | None = Field(default=None, min_length=1, max_length=200)
    as_of: date | None = Field(
        default=None,
        ge=date(1900, 1, 1),
        le=date(2199, 12, 31),
        description=(
            "Day to look at, to its end. Rows that happened or were recorded later do not count. "
            "By default the day of the run that is served."
        ),
    )
    currency: str | None = Field(
        default=None,
        min_length=3,
        max_length=3,
        description="What all amounts are in: that of the world, or the request is refused.",
    )
    customers: list[dict[str, Cell]] = _rows("customers")
    orders: list[dict[str, Cell]] = _rows("orders")
    invoices: list[dict[str, Cell]] = _rows("invoices")
    tickets: list[dict[str, Cell]] = _rows("tickets")
    interactions: list[dict[str, Cell]] = _rows("interactions")
    contacts: list[dict[str, Cell]] = _rows("contacts")
    contracts: list[dict[str, Cell]] = _rows("contracts")
    surveys: list[dict[str, Cell]] = _rows("surveys")
    assessments: list[dict[str, Cell]] = _rows("assessments")
    explanation: Annotated[bool, Field(strict=True)] = True

    def rows(self) -> Mapping[str, list[dict[str, str | float | bool | None]]]:
        """Return the rows by table."""
        return {name: getattr(self, name) for name in TABLES}


class RejectedRow(Out):
    """A row that was not used, and why."""

    table: str
    row: int = Field(description="Its place in the list that was posted, from 0.", ge=0)
    reason: str = Field(
        description="As the source contract lists them, or `other_currency`.",
        examples=["bad_timestamp"],
    )
    column: str | None = Field(description="The column it is about, where it is about one.")
    text: Text


class NotFromEvents(Out):
    """An indicator that a customer's own rows do not tell, and what was done about it."""

    indicator: str
    label: Text
    needs: Literal["other_customers", "market"] = Field(
        description="What would have to be known besides: open to more values."
    )
    treatment: Literal["unknown"] = Field(
        description="`unknown`: graded as not known, which lowers the confidence."
    )


class SimulatedFromEvents(Out):
    """The grade of a customer told by rows; nothing is stored.

    ``indicators`` are what the rows come to by the pipeline of the nightly run; null is unknown.
    ``not_used`` lists columns (``table.column``) with values that this world does not read.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [event_examples.ANSWER]})

    grade: Grade
    explanation: Explanation | None = Field(description="Null unless it was asked for.")
    indicators: dict[str, float | None]
    rejected: list[RejectedRow]
    not_from_events: list[NotFromEvents]
    not_used: list[str]
