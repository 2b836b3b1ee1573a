"""What a tuning run may change, and what it is after: a TOML file of its own.

The file names recipe fields with the range each may take, and the metrics to improve. Fields
that decide what is judged rather than how it is predicted are refused: a longer horizon or a
wider eligibility changes the figures without making anything better.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from features.schema import FloatArray
from training.errors import RecipeError
from training.evaluation import metrics
from training.evaluation.report import LOWER_IS_BETTER
from training.recipe import Recipe, parse_recipe
from training.recipe_text import Value, flat, with_fields

DECIDE_WHAT_IS_JUDGED = (
    "id",
    "seed",
    "churn.",
    "ltv.",
    "eligibility.active_within_days",
    "eligibility.min_tenure_days",
    "origins.step_days",
    "origins.min_history_days",
    "backtest.",
    "gates.",
    "stress.",
    "intervals.nominal",
    "lightgbm.threads",
)
"""Fields that no search may touch; a name that ends with a dot means the whole section."""

FIGURES: Mapping[str, Callable[[FloatArray, FloatArray], float]] = MappingProxyType(
    {
        "churn.auc": metrics.auc,
        "churn.brier": metrics.brier,
        "churn.ece": metrics.ece,
        "churn.log_loss": metrics.log_loss,
        "churn.pr_auc": metrics.pr_auc,
        "ltv.mae": metrics.mae,
        "ltv.normalised_gini": metrics.normalised_gini,
        "ltv.rmse": metrics.rmse,
        "ltv.spearman": metrics.spearman,
    }
)
"""Metrics of an objective, ``target.metric``: each takes what came and what was predicted."""

OBJECTIVE: Mapping[str, float] = MappingProxyType(
    {"churn.log_loss": 1.0, "ltv.mae": 1.0, "ltv.rmse": 1.0}
)
"""Metrics and weights where the file names none."""


class Range(BaseModel):
    """Values one field may take: ``choices``, or ``low`` to ``high``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float | None = None
    high: float | None = None
    log: bool = False
    step: Annotated[float, Field(gt=0)] | None = None
    choices: tuple[Value, ...] = ()

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if self.choices:
            if self.low is not None or self.high is not None or self.log or self.step:
                raise ValueError("give either choices or low and high")
            return self
        if self.low is None or self.high is None or not self.low < self.high:
            raise ValueError("give low and high, low below high, or choices")
        if self.log and (self.step is not None or self.low <= 0):
            raise ValueError("log needs low above 0 and no step")
        return self


class SearchSpace(BaseModel):
    """Ranges by recipe field and weights by metric; ``text`` is the TOML it was read from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    search: Annotated[dict[str, Range], Field(min_length=1)]
    objective: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=lambda: dict(OBJECTIVE), min_length=1
    )
    _text: str = PrivateAttr(default="")

    @property
    def sha256(self) -> str:
        """Hash of the text, hex."""
        return hashlib.sha256(self._text.encode("utf-8")).hexdigest()

    @property
    def weights(self) -> dict[str, float]:
        """Weight by metric of the objective, adding up to 1."""
        total = sum(self.objective.values())
        return {name: weight / total for name, weight in sorted(self.objective.items())}


def load_search(path: Path | None, recipe: Recipe) -> SearchSpace:
    """Read a search file (None: the one that comes with the package) and check it.

    Raises
    ------
    RecipeError
        If the file is missing or wrong, names a field the recipe does not have or one that
        decides what is judged, or a metric that is not measured; all faults are listed.
    """
    if path is None:
        text = (files("training.tuning") / "searches" / "default.toml").read_text("utf-8")
    elif path.is_file():
        text = path.read_text("utf-8")
    else:
        raise RecipeError(f"There is no search file {path}.", hint="Give a TOML file.")
    return parse_search(text, recipe, origin=str(path or "default"))


def parse_search(text: str, recipe: Recipe, *, origin: str = "search") -> SearchSpace:
    """Read a search space from TOML text; see :func:`load_search`."""
    try:
        document: dict[str, Any] = tomllib.loads(text)
        space = SearchSpace.model_validate(document)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"Search {origin!r} is not TOML: {error}.", search=origin) from error
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'search'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise _refusal(origin, faults) from error
    faults = [*_field_faults(space, recipe), *_metric_faults(space)]
    faults = faults or _range_faults(space, recipe)
    if faults:
        raise _refusal(origin, faults)
    space._text = text
    return space


def _field_faults(space: SearchSpace, recipe: Recipe) -> list[str]:
    known = flat(recipe.model_dump())
    found = []
    for field, values in space.search.items():
        value = known.get(field)
        if field not in known:
            found.append(f"{field}: the recipe has no such field")
        elif any(field.startswith(name) for name in DECIDE_WHAT_IS_JUDGED):
            found.append(f"{field}: it decides what is judged, not how it is predicted")
        elif not values.choices and (isinstance(value, bool) or not isinstance(value, int | float)):
            found.append(f"{field}: it is not a number; give choices")
    return found


def _metric_faults(space: SearchSpace) -> list[str]:
    return [
        f"objective.{name}: not measured; known are {', '.join(FIGURES)}"
        for name in space.objective
        if name not in FIGURES
    ]


def _range_faults(space: SearchSpace, recipe: Recipe) -> list[str]:
    """Ends of a range the recipe itself forbids, so that no trial meets them hours later."""
    found = []
    for field, values in space.search.items():
        known = flat(recipe.model_dump())[field]
        for value in values.choices or (values.low, values.high):
            typed = int(value) if isinstance(known, int) and isinstance(value, float) else value
            try:
                parse_recipe(with_fields(recipe.text, {field: typed}))  # type: ignore[dict-item]
            except RecipeError as error:
                found.append(f"{field} = {typed}: {error.message}")
    return found


def relative(name: str, value: float, base: float) -> float:
    """Return a figure against the base recipe's: 1 is the same, below 1 is better.

    NaN where a ratio says nothing (a base of 0, a ranking no better than chance).
    """
    if name.partition(".")[2] in LOWER_IS_BETTER:
        return value / base if base > 0 else float("nan")
    return base / value if value > 0 else float("nan")


def _refusal(origin: str, faults: list[str]) -> RecipeError:
    return RecipeError(
        f"Search {origin!r} has {len(faults)} fault(s): {'; '.join(faults)}.",
        hint="Compare with training/tuning/searches/default.toml, which explains every part.",
        search=origin,
        faults=faults,
    )
