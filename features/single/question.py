"""What is asked about one customer, and what comes of it; both pass between processes as JSON.

No engine here: whoever asks need not have one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from types import MappingProxyType
from typing import Literal

from features.schema import CATALOGUE

Cell = str | float | bool | None
Rows = Mapping[str, Sequence[Mapping[str, Cell]]]
Missing = Literal["other_customers", "market"]

OTHER_CURRENCY = "other_currency"
"""Why a row is refused that is in another currency than the world's."""

NEEDS_OTHERS = frozenset(
    {
        "profit_share_365d",
        "season_index_next_90d",
        "season_index_category_next_90d",
        "category_breadth_rate_365d",
        "referral_count_730d",
    }
)
"""Indicators of a customer that other customers' rows can change. A test tries all others."""


@dataclass(frozen=True, slots=True)
class Question:
    """A customer's rows, and the world that he is to be seen in.

    Attributes
    ----------
    as_of
        Day of the snapshot; what was recorded after its end is not known yet.
    currency
        What all amounts are in.
    columns
        Contract columns that the world has, by table: they decide between 0 and unknown.
    market
        File of the world's market table, empty where there is none at hand.
    rows
        By table; cells by column. Whoever ``customer_id`` names: all are of one customer.
    """

    as_of: date
    currency: str
    columns: Mapping[str, Sequence[str]]
    market: str
    rows: Rows

    def to_json(self) -> str:
        """Return one line."""
        return json.dumps({**asdict(self), "as_of": self.as_of.isoformat()})

    @classmethod
    def from_json(cls, line: str) -> Question:
        """Read what :meth:`to_json` wrote."""
        document = json.loads(line)
        return cls(**{**document, "as_of": date.fromisoformat(document["as_of"])})

    def missing(self) -> dict[str, Missing]:
        """Return the indicators that the rows cannot tell, and what they lack for it.

        An indicator that the world has no columns for is unknown to everybody, not missing.
        """
        known = {f"{table}.{name}" for table, names in self.columns.items() for name in names}
        lacking: dict[str, Missing] = {}
        for name, indicator in CATALOGUE.items():
            if not known.issuperset(indicator.source):
                continue
            if name in NEEDS_OTHERS:
                lacking[name] = "other_customers"
            elif not self.market and any(s.startswith("market.") for s in indicator.source):
                lacking[name] = "market"
        return lacking


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that the door refused.

    Attributes
    ----------
    row
        Its place in the list that was posted, from 0.
    reason
        Code of :data:`features.contract.REASONS`.
    column
        The column it is about; empty where the reason says it all.
    """

    table: str
    row: int
    reason: str
    column: str


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a question.

    Attributes
    ----------
    indicators
        Every indicator of the catalogue; None is unknown. Empty for a customer without an
        order that counts by the day asked for.
    """

    indicators: Mapping[str, float | None]
    rejected: Sequence[Rejected]

    def to_json(self) -> str:
        """Return one line. Numbers come back bit for bit."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Told:
        """Read what :meth:`to_json` wrote."""
        document = json.loads(line)
        rejected = tuple(Rejected(**row) for row in document["rejected"])
        return cls(MappingProxyType(document["indicators"]), rejected)
