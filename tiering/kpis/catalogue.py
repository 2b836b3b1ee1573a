"""What a KPI is: a figure with a target, as a row of a TOML catalogue (#107, #113)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tiering.condition import parse_condition
from tiering.kpis.measures import BEFORE


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kpi(_Frozen):
    """One figure with a target.

    Attributes
    ----------
    unit
        ``share`` and ``growth`` (0.25 is 25 %), ``ratio``, ``points`` or ``hours``.
    good
        Which way is good.
    target
        What is to be reached, never 0. Of ``change``: how much it is to change relative to
        the baseline, -0.15 for 15 % less.
    start
        Where the source document starts from; told, not computed with.
    measure
        ``share``, ``mean``, ``ratio``, ``growth``, ``net_promoters``; ``given`` is a figure
        that no snapshot holds and that is handed in.
    among, of, value, per
        What the measure takes (``tiering/kpis/measures.py``); conditions and columns.
    scale
        Factor from the column's unit to the KPI's.
    tables
        Source tables of a ``given`` figure.
    requirement
        Rows of the requirements it answers.
    """

    id: str
    label_en: str = ""
    label_zh: str = ""
    formula_en: str = ""
    formula_zh: str = ""
    window: str
    unit: Literal["share", "growth", "ratio", "points", "hours"]
    good: Literal["up", "down"]
    target: float
    start: float | None = None
    kind: Literal["level", "change"] = "level"
    measure: Literal["share", "mean", "ratio", "growth", "net_promoters", "given"]
    among: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    value: str = ""
    per: str = ""
    scale: float = 1.0
    tables: tuple[str, ...] = ()
    requirement: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns it needs, each once."""
        asked = [parse_condition(text).indicator for text in (*self.among, *self.of)]
        used = [name for name in (self.value, self.per) if name]
        earlier = [f"{BEFORE}{self.value}"] if self.measure == "growth" else []
        return tuple(dict.fromkeys([*asked, *used, *earlier]))


class Link(_Frozen):
    """What a KPI of growth is traced to when it lags (#108).

    Attributes
    ----------
    kpi
        Id of a KPI of the measure ``growth``.
    factors
        Indicators as they were at the snapshot before.
    """

    kpi: str
    factors: tuple[str, ...]


class KpiCatalogue(_Frozen):
    """A versioned list of KPIs; what it must keep: ``tiering/kpis/catalogue_file.py``.

    Attributes
    ----------
    max_deviation
        Shortfall relative to the target above which the plan is adjusted (#115).
    min_customers
        Customers a figure must rest on to be judged.
    """

    id: str
    version: str
    title_en: str = ""
    title_zh: str = ""
    max_deviation: float
    min_customers: int
    kpis: tuple[Kpi, ...]
    links: tuple[Link, ...] = ()
