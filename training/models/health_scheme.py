"""What the health score looks at: dimensions and their indicators, from a TOML file (#81)."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from features.schema import CATALOGUE
from training.errors import RecipeError

_Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HealthIndicator(_Section):
    """An indicator of the catalogue, and the two values that are worth 0 and 100 points.

    Without them its points are a rank among the customers the model was fitted on.
    """

    name: str
    worst: _Finite | None = None
    best: _Finite | None = None

    @model_validator(mode="after")
    def _points_go_the_way_of_the_catalogue(self) -> Self:
        known = CATALOGUE.get(self.name)
        if known is None:
            raise ValueError(f"the catalogue has no indicator {self.name!r}")
        if known.direction == 0:
            raise ValueError(f"{self.name} is neither good nor bad, so it has no points")
        if (self.worst is None) != (self.best is None):
            raise ValueError(f"{self.name} needs both worst and best, or neither")
        if (
            self.worst is not None
            and self.best is not None
            and (self.best - self.worst) * known.direction <= 0
        ):
            raise ValueError(
                f"{self.name}: from worst to best must go the way of its direction, "
                f"{known.direction:+d}"
            )
        return self


class HealthDimension(_Section):
    """One dimension of health, with its labels."""

    name: str
    label_en: str
    label_zh: str
    indicators: Annotated[tuple[HealthIndicator, ...], Field(min_length=1)]


class HealthScheme(_Section):
    """All dimensions, and how strongly weights are held together."""

    id: str
    penalty: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
    dimensions: Annotated[tuple[HealthDimension, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _nothing_counts_twice(self) -> Self:
        for names in ([d.name for d in self.dimensions], [i.name for i in self.indicators]):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"named twice: {', '.join(twice)}")
        return self

    @property
    def indicators(self) -> tuple[HealthIndicator, ...]:
        """All indicators, in the order of the file."""
        return tuple(i for dimension in self.dimensions for i in dimension.indicators)


def load_health_scheme(path_or_name: str | Path = "default") -> HealthScheme:
    """Read a health scheme: ``default``, which comes with the package, or a TOML file.

    Raises
    ------
    RecipeError
        If there is no such file, it is not TOML, or any field is wrong; all faults are listed.
    """
    name = str(path_or_name)
    place = files("training") / "health" / f"{name}.toml"
    path = Path(path_or_name)
    if not place.is_file() and not path.is_file():
        raise RecipeError(
            f"There is no health scheme {name!r}.", hint="Give a TOML file or 'default'."
        )
    try:
        text = place.read_text("utf-8") if place.is_file() else path.read_text("utf-8")
        return HealthScheme.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"Health scheme {name!r} is not TOML: {error}.") from error
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'scheme'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise RecipeError(
            f"Health scheme {name!r} has {len(faults)} fault(s): {'; '.join(faults)}.",
            hint="Compare with training/health/default.toml.",
            faults=faults,
        ) from error
