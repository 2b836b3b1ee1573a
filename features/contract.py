"""The source contract: which tables and columns Tierwise reads, and what spoils a row.

Instants are naive UTC. Every table but ``orders`` is optional; a missing one switches
its indicators off. ``recorded_at`` is when the system learned of a row and defaults to
``occurred_at``; the same key may come several times, as versions, when it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal

Kind = Literal["text", "timestamp", "money", "number", "boolean"]

DTYPES: Mapping[Kind, str] = MappingProxyType(
    {
        "text": "string",
        "timestamp": "timestamp(6)",
        "money": "decimal(18, 4)",
        "number": "float64",
        "boolean": "boolean",
    }
)
"""Ibis type of each kind of column after ingestion."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a source table.

    Attributes
    ----------
    name
        Name in the contract.
    kind
        ``text``, ``timestamp`` (naive UTC), ``money`` (decimal(18, 4)), ``number``
        (float64) or ``boolean``.
    label_en, label_zh
        Names for people.
    required
        A source without it is refused; a row without it goes to quarantine.
    default
        Value where the column or the cell is missing; None leaves null.
    """

    name: str
    kind: Kind
    label_en: str
    label_zh: str
    required: bool = False
    default: str | bool | None = None


@dataclass(frozen=True, slots=True)
class SourceTable:
    """One source table: its columns in order, and the columns that identify a row."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    label_en: str
    label_zh: str

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all columns, in contract order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns a source cannot do without."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def event_time(self) -> str:
        """The column that says when a row happened."""
        return "created_at" if self.name == "customers" else "occurred_at"

    def of_kind(self, kind: Kind) -> tuple[str, ...]:
        """Names of the columns of one kind."""
        return tuple(column.name for column in self.columns if column.kind == kind)


_CUSTOMER = Column("customer_id", "text", "Customer", "客户编号", required=True)
_RECORDED = Column("recorded_at", "timestamp", "Recorded at", "入库时间")
_CURRENCY = Column("currency", "text", "Currency", "币种")


def _occurred(label_en: str, label_zh: str) -> Column:
    return Column("occurred_at", "timestamp", label_en, label_zh, required=True)


CONTRACT: Mapping[str, SourceTable] = MappingProxyType(
    {
        table.name: table
        for table in (
            SourceTable(
                "customers",
                (
                    _CUSTOMER,
                    Column("created_at", "timestamp", "Created", "建档时间"),
                    _RECORDED,
                    Column("name", "text", "Name", "客户名称"),
                    Column("industry", "text", "Industry", "行业"),
                    Column("region", "text", "Region", "地区"),
                    Column("size", "text", "Size", "规模"),
                    Column("owner", "text", "Account manager", "客户经理"),
                    Column("acquisition_cost", "money", "Acquisition cost", "获客成本"),
                ),
                ("customer_id",),
                "Customers",
                "客户",
            ),
            SourceTable(
                "orders",
                (
                    Column("order_id", "text", "Order", "订单号", required=True),
                    Column("line_id", "text", "Line", "行号", default="1"),
                    _CUSTOMER,
                    _occurred("Ordered at", "下单时间"),
                    _RECORDED,
                    Column("net_amount", "money", "Net amount", "净额", required=True),
                    Column("discount", "money", "Discount", "折扣额"),
                    Column("cost", "money", "Cost", "成本"),
                    Column("quantity", "number", "Quantity", "数量"),
                    Column("category", "text", "Category", "品类"),
                    Column("is_return", "boolean", "Return", "是否退货", default=False),
                    Column("is_cancelled", "boolean", "Cancelled", "是否取消", default=False),
                    _CURRENCY,
                ),
                ("order_id", "line_id"),
                "Orders",
                "订单",
            ),
            SourceTable(
                "invoices",
                (
                    Column("invoice_id", "text", "Invoice", "发票号", required=True),
                    _CUSTOMER,
                    _occurred("Issued at", "开票时间"),
                    _RECORDED,
                    Column("due_at", "timestamp", "Due at", "到期时间", required=True),
                    Column("paid_at", "timestamp", "Paid at", "付款时间"),
                    Column("amount", "money", "Amount", "金额", required=True),
                    Column("is_disputed", "boolean", "Disputed", "是否争议", default=False),
                    _CURRENCY,
                ),
                ("invoice_id",),
                "Invoices",
                "发票",
            ),
            SourceTable(
                "tickets",
                (
                    Column("ticket_id", "text", "Ticket", "工单号", required=True),
                    _CUSTOMER,
                    _occurred("Opened at", "提交时间"),
                    _RECORDED,
                    Column("first_response_at", "timestamp", "First response", "首次响应时间"),
                    Column("resolved_at", "timestamp", "Resolved at", "解决时间"),
                    Column("severity", "text", "Severity", "严重程度"),
                    Column("is_complaint", "boolean", "Complaint", "是否投诉", default=False),
                    Column("csat", "number", "Satisfaction, 0 to 100", "满意度"),
                ),
                ("ticket_id",),
                "Tickets",
                "工单",
            ),
            SourceTable(
                "interactions",
                (
                    Column("interaction_id", "text", "Contact", "互动编号", required=True),
                    _CUSTOMER,
                    _occurred("Happened at", "互动时间"),
                    _RECORDED,
                    Column("kind", "text", "Kind", "类型"),
                    Column("is_inbound", "boolean", "By the customer", "客户发起", default=False),
                ),
                ("interaction_id",),
                "Contacts",
                "互动",
            ),
        )
    }
)
"""The source tables by name."""

REASONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "missing_customer": ("no customer", "缺少客户编号"),
        "missing_key": ("no identifier of the row", "缺少行标识"),
        "bad_timestamp": ("a time that is missing or cannot be read", "时间缺失或无法识别"),
        "bad_number": ("a number that is missing or cannot be read", "数值缺失或无法识别"),
        "bad_boolean": ("a yes/no value that cannot be read", "是否值无法识别"),
        "negative_quantity": ("negative quantity, but no return", "数量为负但非退货"),
        "positive_return": ("a return with a positive amount", "退货金额为正"),
        "negative_amount": ("negative amount, but no return", "金额为负但非退货"),
        "recorded_before_occurred": ("recorded before it happened", "入库早于发生"),
        "due_before_issue": ("due before it was issued", "到期早于开票"),
        "paid_before_issue": ("paid before it was issued", "付款早于开票"),
        "resolved_before_opened": ("resolved before it was opened", "解决早于提交"),
        "csat_out_of_range": ("satisfaction outside 0 to 100", "满意度超出0至100"),
        "duplicate_key": ("the same identifier came before", "标识重复"),
    }
)
"""Why a row goes to quarantine: code to (English, Chinese), in order of precedence.

A row gets the first reason that fits. ``duplicate_key`` comes last: only rows that are
sound otherwise compete for their key.
"""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for a near miss, else an empty string."""
    lowered = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return f" (did you mean {lowered[close[0]]!r}?)" if close else ""
