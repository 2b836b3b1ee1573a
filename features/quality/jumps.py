"""Spend that jumped tenfold and nobody has explained: to be challenged, not learned (#7).

Two signs, the same as the indicators of the catalogue: the net spend of the last 365 days
over that of the 365 before, for customers of 730 days; the largest purchase day of the last
730 over the mean of the others, for customers with at least four others. Where the frame
carries these indicators they decide, so that report and models challenge the same customers.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np

from features.quality.customers import YEAR, BoolArray, Customers
from features.quality.view import View
from features.schema import FloatArray, IndicatorFrame

JUMP = 10.0
"""From this ratio on a jump is challenged: 500 to 5,000 in the documents."""

SPEND_RATIO, DAY_RATIO = "net_amount_jump_365d", "largest_order_ratio_730d"
EXPLAINED = "jump_explained_365d"
EXPLANATION = "jump_explained"
"""Kind of the assessment that explains a jump, for 365 days, if its value is above 0."""

_OTHER_DAYS = 4


@dataclass(frozen=True)
class Jumps:
    """Both ratios and the verdict, ``(n,)`` in the order of the customers.

    Attributes
    ----------
    spend, day
        Ratios; NaN where unknown.
    by_spend, by_day
        Whether the ratio is challenged.
    """

    spend: FloatArray
    day: FloatArray
    by_spend: BoolArray
    by_day: BoolArray

    @property
    def challenged(self) -> BoolArray:
        """Whether either is."""
        return self.by_spend | self.by_day


def jumps(view: View, who: Customers, frame: IndicatorFrame | None) -> Jumps:
    """Find the customers whose spend jumped without an explanation."""
    columns = () if frame is None else frame.columns
    if frame is not None and {SPEND_RATIO, DAY_RATIO, EXPLAINED} <= set(columns):
        spend, day, known = (_placed(who, frame, n) for n in (SPEND_RATIO, DAY_RATIO, EXPLAINED))
        explained = np.greater(known, 0.0)
    else:
        spend, day, explained = _spend_ratio(who), _day_ratio(who), _explained(view, who)
    open_ = ~explained
    return Jumps(spend, day, (spend >= JUMP) & open_, (day >= JUMP) & open_)


def _spend_ratio(who: Customers) -> FloatArray:
    before = who.number("before")
    known = (before > 0) & (who.number("tenure") >= 2 * YEAR)
    now = np.maximum(np.nan_to_num(who.number("now")), 0.0)  # returns do not make a negative jump
    return _ratio(now, before, known)


def _day_ratio(who: Customers) -> FloatArray:
    top, others = who.number("top"), who.number("purchase_days") - 1
    rest = who.number("bought") - top
    return _ratio(top * others, rest, (others >= _OTHER_DAYS) & (rest > 0))


def _ratio(numerator: FloatArray, denominator: FloatArray, known: BoolArray) -> FloatArray:
    found = np.full(len(known), np.nan)
    found[known] = numerator[known] / denominator[known]
    return found


def _explained(view: View, who: Customers) -> BoolArray:
    """Tell whose latest explanation, if it is of the last 365 days, says yes."""
    if "assessments" not in view.tables:
        return np.zeros(len(who), dtype=np.bool_)
    rows = view.tables["assessments"]
    rows = rows.filter((rows.kind == EXPLANATION) & (view.age(rows.occurred_at) < YEAR))
    place = ibis.row_number().over(
        group_by="customer_id",
        order_by=[ibis.desc(rows.occurred_at), ibis.desc(rows.assessment_id)],
    )
    latest = rows.mutate(place=place).filter(lambda t: (t.place == 0) & (t["value"] > 0))
    found = view.run(latest.select("customer_id"))["customer_id"].to_pylist()
    return np.isin(_ids(who), np.array(found, dtype=np.str_))


def _placed(who: Customers, frame: IndicatorFrame, name: str) -> FloatArray:
    """Return an indicator in the order of the customers; NaN for those not in the frame."""
    placed = np.full(len(who), np.nan)
    if len(frame):
        wanted = _ids(who)
        place = np.minimum(np.searchsorted(frame.customer_id, wanted), len(frame) - 1)
        same = frame.customer_id[place] == wanted
        placed[same] = frame.column(name)[place[same]]
    return placed


def _ids(who: Customers) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    return np.array(who.table["customer_id"].to_pylist(), dtype=np.str_)
