"""What each indicator brings to a score, as numbers: ``simulation_schemas.Contributions``.

A program that grades a thousand what-ifs shows nobody a sentence, and labels, units, percentiles
and texts are nine tenths of an explanation's bytes. That these bytes are those of the schema's
models, and their numbers those of the explanation, is held by
``tests/serving/test_contribution_bytes.py``.
"""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

from msgspec.json import encode

if TYPE_CHECKING:
    from serving.alone_account import Account


def contributions(score: float, account: Account) -> bytes:
    """Return what every indicator contributes, by dimension.

    An indicator that acts in several ways within a dimension (by itself and through a prediction)
    is told once, as their sum. Contributions of exactly 0 are left out.
    """
    dimensions, begin = [], 0
    for each in account.shape.dimensions:
        sums = account.sums[begin : begin + len(each.indicators)]
        begin += len(sums)
        told = {n: x for n, x in zip(each.indicators, sums, strict=True) if x}
        dimensions.append({"id": each.id, "contribution": fsum(sums), "indicators": told})
    return encode({"base": account.base, "score": score, "dimensions": dimensions})
