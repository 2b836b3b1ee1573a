"""What the report says: figures only, no query and no words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from features.door.reconciliation import Totals
from features.door.refusals import Cause
from features.quality.accuracy import Accuracy, pooled
from features.quality.plain import plain


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old a table is, and how late its rows are learned of (days).

    Attributes
    ----------
    first_day, last_day
        Days of the first and last visible event; None where no row has a time.
    age
        Days from the last visible event to the snapshot.
    usual_gap
        Median of the gaps between consecutive days with rows; None below two such days.
    limit
        The age from which the table is stale: more than the larger of 7 and five usual gaps.
    delay_median, delay_p95
        Quantiles of the days between a row's event and its record.
    late_share
        Share of the rows recorded more than 7 days after the event (0 to 1).
    """

    first_day: date | None = None
    last_day: date | None = None
    age: int | None = None
    usual_gap: float | None = None
    limit: float | None = None
    delay_median: int | None = None
    delay_p95: int | None = None
    late_share: float | None = None

    @property
    def stale(self) -> bool:
        """Whether the table is older than its own rhythm allows."""
        return self.age is not None and self.limit is not None and self.age > self.limit


@dataclass(frozen=True, slots=True)
class References:
    """Rows that point nowhere.

    Attributes
    ----------
    unlisted
        Rows whose customer is not in the customers table; None where there is none.
    without_orders
        Rows whose customer has no order line.
    orphans
        The unlisted rows, or without a customers table the rows without orders: nobody
        known to us.
    dangling_referrers
        Customers referred by somebody who is neither listed nor a buyer.
    """

    unlisted: int | None = None
    without_orders: int = 0
    orphans: int = 0
    dangling_referrers: int = 0


@dataclass(frozen=True, slots=True)
class OddCode:
    """A rare code that looks like another spelling of a frequent one.

    Attributes
    ----------
    column, value, rows
        Where it stands and how often.
    like, like_rows
        The code it resembles; empty and 0 for a filler such as ``n/a``.
    """

    column: str
    value: str
    rows: int
    like: str
    like_rows: int


@dataclass(frozen=True, slots=True)
class TableQuality:
    """One source table.

    Attributes
    ----------
    rows
        Accepted rows, of all time: ``visible + superseded + later``.
    visible
        Accepted rows that the snapshot sees.
    superseded
        Rows replaced by a later version of their key.
    later
        Rows that happened, or became known, after the snapshot.
    refused
        Rows in quarantine by reason.
    causes
        The same by reason, note and system, with the rows each fits in all.
    examples
        Some refused rows of each cause as JSON text, personal cells hidden.
    totals
        Rows, money and yes/no columns reconciled at the door, exact:
        source = accepted + refused.
    systems
        Rows of each system the table came from, likewise.
    missing
        Share of the visible rows without a value, of each given column (0 to 1).
    absent
        Contract columns that the source does not give, or gives empty in every row.
    """

    rows: int
    visible: int
    superseded: int
    later: int
    refused: Mapping[str, int]
    causes: tuple[Cause, ...]
    examples: Mapping[str, tuple[str, ...]]
    totals: Mapping[str, Totals]
    systems: Mapping[str, Totals]
    missing: Mapping[str, float]
    absent: tuple[str, ...]
    freshness: Freshness
    references: References
    odd_codes: tuple[OddCode, ...]
    accuracy: Accuracy


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One customer that a person should look at.

    Attributes
    ----------
    flags
        ``incomplete``, ``challenged``, ``zombie``, ``unlisted``: at least one.
    net_amount
        Net amount of all visible orders.
    last_seen
        Day of the last order, interaction, ticket or payment.
    missing_share
        Share of the asked attributes that are missing (0 to 1).
    missing
        Their names.
    net_365d, net_before
        Net amount of the last 365 days and of the 365 before.
    spend_ratio
        The one over the other; None unless above 0 and with a tenure of 730 days.
    top_day, top_amount, top_order
        The largest purchase day of the last 730, its amount and one of its orders; only
        told of challenged customers.
    day_ratio
        That amount over the mean of the other purchase days; None below four of them.
    """

    customer_id: str
    name: str
    owner: str
    flags: tuple[str, ...]
    net_amount: Decimal
    last_seen: date | None
    missing_share: float
    missing: tuple[str, ...]
    net_365d: Decimal
    net_before: Decimal
    spend_ratio: float | None
    day_ratio: float | None
    top_day: date | None = None
    top_amount: Decimal | None = None
    top_order: str = ""


@dataclass(frozen=True, slots=True)
class CustomerQuality:
    """The customers: everybody who is listed or has an order line.

    Attributes
    ----------
    missing
        Share of the customers without it, of each attribute the sources give (0 to 1).
    not_given
        Attributes no source gives: they are asked of nobody.
    missing_counts
        How many customers lack 0, 1, 2 ... of the given attributes.
    industry_missing
        Share of the customers without an industry; None where no source gives one.
    flagged
        How many customers carry each flag.
    to_follow_up
        How many carry any.
    """

    customers: int
    with_orders: int
    without_orders: int
    unlisted: int
    missing: Mapping[str, float]
    not_given: tuple[str, ...]
    missing_counts: tuple[int, ...]
    industry_missing: float | None
    flagged: Mapping[str, int]
    to_follow_up: int


@dataclass(frozen=True, slots=True)
class MarketMatch:
    """Industries that only one of the two tables knows; empty without a market table."""

    market_only: tuple[str, ...] = ()
    customers_only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    code
        What it is; the wording has a sentence for each.
    table
        Where; empty for the customers as a whole.
    rows
        How many rows or customers it touches.
    share
        Their share (0 to 1).
    detail
        The reason, attribute or column; empty where the code says it all.
    """

    code: str
    table: str
    rows: int
    share: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The sources of one world at one snapshot.

    Attributes
    ----------
    tables
        Quality of each table that exists.
    absent_tables
        Contract tables that do not.
    follow_up
        The flagged customers, most flags first, then largest net amount.
    completeness
        Share of graded customers with a value, of each indicator (0 to 1); empty if no
        frame was given.
    findings
        What is wrong, most pressing first.
    """

    world: str
    currency: str
    simulated: bool
    terms: str
    as_of: datetime
    known_at: datetime
    tables: Mapping[str, TableQuality]
    absent_tables: tuple[str, ...]
    customers: CustomerQuality
    market: MarketMatch
    follow_up: tuple[FollowUp, ...]
    completeness: Mapping[str, float]
    findings: tuple[Finding, ...] = ()

    @property
    def accuracy(self) -> Accuracy:
        """The accuracy of all tables together."""
        return pooled(table.accuracy for table in self.tables.values())

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON-serialisable values.

        Times are ISO 8601, money is decimal text, and of the flagged customers only the
        first 50 are told: the list of all is a file of its own.
        """
        found = plain(self)
        assert isinstance(found, dict)
        return {**found, "accuracy": plain(self.accuracy), "follow_up": plain(self.follow_up[:50])}
