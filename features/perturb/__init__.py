"""Sources with one thing made worse, for stress tests: what would the grades do?

A perturbation changes the tables behind a snapshot and nothing else; the same
dimensions, bundle and scheme then run on them. What can be done to the tables is listed in
``features/perturb/kinds.py``.
"""

from features.perturb.apply import lacking, perturb
from features.perturb.kinds import (
    KINDS,
    DelayPayments,
    DropOrders,
    InflateOrders,
    LoseTable,
    Newcomers,
    Perturbation,
    PolicyShock,
    RaiseCosts,
    StaleTable,
)

__all__ = [
    "KINDS",
    "DelayPayments",
    "DropOrders",
    "InflateOrders",
    "LoseTable",
    "Newcomers",
    "Perturbation",
    "PolicyShock",
    "RaiseCosts",
    "StaleTable",
    "lacking",
    "perturb",
]
