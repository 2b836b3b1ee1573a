"""What a stress scenario may do to the sources: one frozen record a kind, with its size.

Shares are 0 to 1. Only what happened in the ``window_days`` before the end of the snapshot's
day is touched; None touches everything. ``seed`` picks other orders. Which orders a share
takes follows from a hash of the order number, so it does not depend on the order of rows, on
the engine, or on how many orders there are: a larger share takes the same orders and more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

from features.contract import CONTRACT, suggest
from features.errors import DataError

_FORBID = {"extra": "forbid"}
"""How a reader of scenario files (pydantic) treats a field that a kind does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """What all kinds have.

    Attributes
    ----------
    needs
        Tables, or columns as ``table.column``, without which it cannot be done.
    """

    __pydantic_config__: ClassVar[Mapping[str, str]] = _FORBID

    kind: str
    window_days: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.window_days is not None:
            self._at_least("window_days", self.window_days, 1)

    @property
    def needs(self) -> tuple[str, ...]:
        return ("orders",)

    def _share(self, name: str, value: float) -> None:
        if not 0.0 <= value <= 1.0:
            raise self._refusal(f"{name} from 0 to 1", value)

    def _at_least(self, name: str, value: float, least: float) -> None:
        if not value >= least:
            raise self._refusal(f"{name} of {least:g} or more", value)

    def _refusal(self, wanted: str, got: object) -> DataError:
        return DataError(
            f"The perturbation {self.kind!r} needs {wanted}, got {got}.",
            hint="Correct the scenario file.",
            kind=self.kind,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DropOrders(_Kind):
    """Demand falls: a ``share`` of whole orders does not happen."""

    kind: Literal["drop_orders"] = "drop_orders"
    share: float

    def __post_init__(self) -> None:
        _Kind.__post_init__(self)
        self._share("share", self.share)


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayPayments(_Kind):
    """Invoices are paid ``days`` later; an open one stays open."""

    kind: Literal["delay_payments"] = "delay_payments"
    days: int

    def __post_init__(self) -> None:
        _Kind.__post_init__(self)
        self._at_least("days", self.days, 0)

    @property
    def needs(self) -> tuple[str, ...]:
        """Tables and columns without which it cannot be done."""
        return ("invoices",)


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseCosts(_Kind):
    """Raw material becomes dearer by ``rise`` (0.2: 20 %).

    The cost of a line grows by ``rise * material_share``. Of that growth in money,
    ``pass_through`` is added to the net amount; ``lost_share`` of the orders, those of
    customers who do not accept the price, do not happen. Lines without a cost keep their
    amounts.

    Attributes
    ----------
    rise
        Relative rise of the price, 0 and up.
    material_share
        Share of an order's cost that is raw material.
    pass_through
        Share of the additional cost that the customer pays; 0 leaves it in the margin.
    lost_share
        Share of the orders lost to the higher price: price elasticity times price rise.
    """

    kind: Literal["raise_costs"] = "raise_costs"
    rise: float
    material_share: float = 1.0
    pass_through: float = 0.0
    lost_share: float = 0.0

    def __post_init__(self) -> None:
        _Kind.__post_init__(self)
        self._at_least("rise", self.rise, 0.0)
        self._share("material_share", self.material_share)
        self._share("pass_through", self.pass_through)
        self._share("lost_share", self.lost_share)

    @property
    def needs(self) -> tuple[str, ...]:
        """Tables and columns without which it cannot be done."""
        return ("orders.cost",)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyShock(_Kind):
    """A policy hits an industry: its customers' orders fall by ``share``.

    Where the source has a market table, it also learns of the policy: a row of kind
    ``policy`` with value ``impact`` at the beginning of the window.

    Attributes
    ----------
    industry
        As ``customers.industry`` has it; empty for the industry with most customers (of
        several, the first by name).
    impact
        -1 (ruin) to 1 (boon), the unit of the market table's policies.
    """

    kind: Literal["policy_shock"] = "policy_shock"
    window_days: int = 180
    industry: str = ""
    share: float
    impact: float = -0.5

    def __post_init__(self) -> None:
        _Kind.__post_init__(self)
        self._share("share", self.share)
        if not -1.0 <= self.impact <= 1.0:
            raise self._refusal("impact from -1 to 1", self.impact)

    @property
    def needs(self) -> tuple[str, ...]:
        """Tables and columns without which it cannot be done."""
        return ("customers.industry",)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfTable(_Kind):
    table: str

    def __post_init__(self) -> None:
        _Kind.__post_init__(self)
        if self.table not in CONTRACT:
            near = suggest(self.table, CONTRACT)
            raise self._refusal(f"a table of the contract{near}", repr(self.table))

    @property
    def needs(self) -> tuple[str, ...]:
        """Tables and columns without which it cannot be done."""
        return (self.table,)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoseTable(_OfTable):
    """A source system is missing: its whole ``table`` is gone. Orders cannot go missing."""

    kind: Literal["lose_table"] = "lose_table"

    def __post_init__(self) -> None:
        _OfTable.__post_init__(self)
        if self.table == "orders":
            raise self._refusal("a table other than orders, without which nothing runs", "orders")


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleTable(_OfTable):
    """A load is late: what ``table`` learned in the last ``days`` has not arrived.

    Neither rows recorded then, nor what became known of older rows then (a payment, the end
    of a ticket).
    """

    kind: Literal["stale_table"] = "stale_table"
    days: int

    def __post_init__(self) -> None:
        _OfTable.__post_init__(self)
        self._at_least("days", self.days, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomers(_Kind):
    """A surge of new customers: ``share`` newcomers for each customer there is.

    A newcomer is a simulated copy, under a new id, of the first days of one of the latest
    real customers, moved so that its first order falls into the window; its other records
    move along. Names and other personal data are not copied.
    """

    kind: Literal["newcomers"] = "newcomers"
    window_days: int = 60
    share: float

    def __post_init__(self) -> None:
        _Kind.__post_init__(self)
        self._share("share", self.share)


@dataclass(frozen=True, slots=True, kw_only=True)
class InflateOrders(_Kind):
    """Reporting errors: all money of a ``share`` of orders is multiplied by ``factor``."""

    kind: Literal["inflate_orders"] = "inflate_orders"
    share: float
    factor: float = 10.0

    def __post_init__(self) -> None:
        _Kind.__post_init__(self)
        self._share("share", self.share)
        self._at_least("factor", self.factor, 0.0)


Perturbation = (
    DropOrders
    | DelayPayments
    | RaiseCosts
    | PolicyShock
    | LoseTable
    | StaleTable
    | Newcomers
    | InflateOrders
)
"""One thing done to the sources."""

KINDS: Mapping[str, type[Perturbation]] = MappingProxyType(
    {
        "drop_orders": DropOrders,
        "delay_payments": DelayPayments,
        "raise_costs": RaiseCosts,
        "policy_shock": PolicyShock,
        "lose_table": LoseTable,
        "stale_table": StaleTable,
        "newcomers": Newcomers,
        "inflate_orders": InflateOrders,
    }
)
"""The kinds by their name in a scenario file."""
