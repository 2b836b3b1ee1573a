"""Numbers and codes as a source writes them, into the units and words of the contract.

What cannot be converted keeps its text with a remark, so that the check at the door refuses
the row and quarantine shows what the source said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

import ibis
import ibis.expr.types as ir

from features.door.casting import as_text, present
from features.mapping.table import OTHER

# Amounts of the contract are decimal(18, 4): below 10^14.
_LIMIT = Decimal(10) ** 14


def plain_number(value: ir.Value, decimal: str, thousands: str) -> ir.Value:
    """Write a number that is text the way the door reads it.

    Strictly: where "," is the decimal mark, "12.50" is not twelve hundred and fifty, and
    the row goes to quarantine.
    """
    if not value.type().is_string() or (decimal == "." and not thousands):
        return value
    text, mark = value.strip().nullif(""), re.escape(decimal)
    groups = rf"|\d{{1,3}}({re.escape(thousands)}\d{{3}})+" if thousands else ""
    plain = text.replace(thousands, "") if thousands else text
    return ibis.ifelse(
        text.re_search(rf"^[+-]?(\d+{groups})({mark}\d*)?$"),
        plain.replace(decimal, "."),
        text + ibis.literal(f" (not like 1{thousands}234{decimal}5)"),
    )


def multiplied(
    value: ir.Value, factors: Sequence[tuple[ir.BooleanValue | None, Decimal]], decimals: int
) -> ir.Value:
    """Multiply by exact decimal factors; as text, unless every factor is 1.

    Parameters
    ----------
    value
        A number of any type, or text.
    factors
        Factor of the rows that a condition holds for; the first that fits counts, and a
        condition of None holds for all rows.
    decimals
        Decimal places to round half away from zero to: 4 for money.
    """
    if all(factor == 1 for _, factor in factors):
        return value
    given = present(value)
    number = given.try_cast("decimal(28, 10)")
    text = given.cast("string")
    branches = []
    for condition, factor in factors:
        # Guarded, because the engine stops at an overflow instead of giving null.
        places = max(0, -int(factor.as_tuple().exponent))
        exact = ibis.literal(factor, f"decimal({len(str(int(factor))) + places}, {places})")
        limit = ibis.literal(min(_LIMIT / factor, _LIMIT).quantize(1), "decimal(18, 0)")
        product = (number * exact).cast(f"decimal({14 + decimals}, {decimals})").cast("string")
        refusal = text + ibis.literal(f" (no number to multiply by {factor})")
        result = ibis.ifelse((number.abs() < limit).fill_null(False), product, refusal)
        branches.append((ibis.literal(True) if condition is None else condition, result))
    return ibis.cases(*branches, else_=text)


def decoded(value: ir.Value, codes: Mapping[str, str]) -> tuple[ir.Value, ir.BooleanValue]:
    """Return what a column's codes mean, as text, and which rows have an unknown code.

    Parameters
    ----------
    codes
        Meaning by code; ``"*"`` is the meaning of every other code. A missing code means
        nothing and is not unknown; an unknown one keeps its text.
    """
    code = as_text(present(value))
    listed = [(code == known, meaning) for known, meaning in codes.items() if known != OTHER]
    known = code.isin([known for known in codes if known != OTHER])
    if OTHER in codes:
        meaning = ibis.cases(*listed, (code.notnull(), codes[OTHER]))
        return meaning, ibis.literal(False)
    return ibis.cases(*listed, else_=code), (~known).fill_null(False)
