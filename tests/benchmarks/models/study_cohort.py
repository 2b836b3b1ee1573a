"""The customers of the published 12-month study, cleaned as it did, with our indicators beside.

Its cleaning is in ``study_12_months.sql``; what is done with them, in ``study_12_months.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from features.publish import materialise
from features.schema import FloatArray
from features.snapshot import Snapshot
from features.sources import Sources

SPLIT_DAY = date(2010, 11, 30)

_BY_HAND = (
    *("recency_days", "frequency", "monetary_total", "monetary_avg", "monetary_max"),
    *("tenure_days", "purchase_velocity", "inter_purchase_days_avg", "inter_purchase_days_std"),
    *("unique_products", "cancellation_rate", "avg_quantity_per_item", "uk_customer"),
    *("acquisition_month", "acquisition_quarter", "purchased_in_q4"),
    *("weekend_purchase_ratio", "evening_purchase_ratio", "rfm_recency_score"),
    *("rfm_frequency_score", "rfm_monetary_score", "rfm_combined_score"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """The ``n`` repeat customers of the study, ascending by number.

    Attributes
    ----------
    customer_id
        ``(n,)`` strings.
    features
        ``(n,)`` by name: the study's 22.
    target
        ``(n,)`` gross spend after the split day, GBP, 0 and up.
    columns, values
        Our indicators at the split day, ``(k,)`` and ``(n, k)``.
    """

    customer_id: npt.NDArray[np.str_]
    features: Mapping[str, FloatArray]
    target: FloatArray
    columns: tuple[str, ...]
    values: FloatArray

    def __len__(self) -> int:
        return len(self.target)

    @property
    def matrix(self) -> FloatArray:
        """The study's 22 features ``(n, 22)``, in its order."""
        return np.column_stack([self.features[name] for name in _BY_HAND])


def read_cohort(transactions: Path, sources: Sources) -> Cohort:
    """Clean the log as the study did and put our indicators beside its features."""
    query = (Path(__file__).parent / "study_12_months.sql").read_text("utf-8")
    with duckdb.connect(config={"threads": 1}) as connection:
        found = connection.execute(query, {"transactions": str(transactions)}).fetchnumpy()
    by_name = {name: np.ma.getdata(column) for name, column in found.items()}
    # scores are quintiles of the whole observation year, one-time buyers included
    scores = {
        "rfm_recency_score": 6.0 - quintile(by_name["recency_days"]),
        "rfm_frequency_score": quintile(by_name["frequency"]),
        "rfm_monetary_score": quintile(by_name["monetary_total"]),
    }
    months = by_name["tenure_days"] / 30.44
    pace = by_name["frequency"] / np.where(months > 0, months, 1.0)
    made = {
        **scores,
        "rfm_combined_score": np.sum(list(scores.values()), axis=0),
        "purchase_velocity": pace,
        "cancellation_rate": np.zeros(len(months)),  # none is left after the cleaning
    }
    repeat = by_name["frequency"] >= 2
    features = {name: np.float64(({**by_name, **made})[name])[repeat] for name in _BY_HAND}
    customer_id = by_name["customer_id"][repeat].astype(np.str_)
    frame = materialise(sources, Snapshot.at(SPLIT_DAY))
    position = {name: index for index, name in enumerate(frame.customer_id)}
    rows = frame.values[[position[name] for name in customer_id]]
    return Cohort(customer_id, features, by_name["target"][repeat], frame.columns, rows)


def quintile(values: FloatArray) -> FloatArray:
    """Quintile 1 to 5 of each value ``(n,)``; ties are split by position."""
    ranks = rankdata(values, method="ordinal")
    edges = np.quantile(ranks, [0.2, 0.4, 0.6, 0.8])
    return np.searchsorted(edges, ranks, side="left") + 1.0
