"""Stress scenarios: what is done to the events, and which way the grades must not go."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.errors import DataError
from features.perturb.kinds import Perturbation
from training.errors import RecipeError


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DirectionCheck(_Section):
    """A change that business sense forbids.

    Attributes
    ----------
    measure
        ``score``, ``dimension.<name>``, ``ltv``, ``churn_probability``, or ``referred``: 1
        for a customer who goes to the panel, else 0.
    of
        Mean change, change of the median, or the change of each customer.
    among
        All customers, or those with an indicator that changed.
    expect
        ``not_up`` and ``not_down`` allow ``tolerance``; ``down`` and ``up`` ask for more.
    tolerance
        In the measure's unit, 0 and up.
    max_share
        With ``each``: share of customers (0 to 1) allowed to break it.
    """

    measure: Annotated[
        str, Field(pattern=r"^(score|ltv|churn_probability|referred|dimension\.[a-z]+)$")
    ]
    of: Literal["mean", "median", "each"]
    among: Literal["all", "touched"] = "all"
    expect: Literal["up", "down", "not_up", "not_down"]
    tolerance: Annotated[float, Field(ge=0.0)] = 0.0
    max_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0

    @property
    def text(self) -> str:
        """The check in words."""
        who = "touched customers" if self.among == "touched" else "all customers"
        verb = self.expect.replace("not_", "not ")
        margin = f" by more than {self.tolerance:g}" if self.tolerance else ""
        return f"{self.of} {self.measure} of {who}: {verb}{margin}"


class Scenario(_Section):
    """One stress scenario of ``training/scenarios``.

    Attributes
    ----------
    id
        Also the name of its figures and gates, ``stress.<id>.<figure>``.
    title_en, title_zh
        For people.
    perturbation
        What is done to the sources; ``kind`` says which of ``features/perturb/kinds.py``.
    checks
        Which way the grades must not go; one or more, ``[[check]]`` in the file.
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title_en: str
    title_zh: str
    perturbation: Annotated[Perturbation, Field(discriminator="kind")]
    checks: Annotated[tuple[DirectionCheck, ...], Field(alias="check", min_length=1)]


def scenario_names() -> tuple[str, ...]:
    """Return the names of the scenarios that come with the package, sorted."""
    folder = files("training") / "scenarios"
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def load_scenario(path_or_name: str | Path) -> Scenario:
    """Read a scenario: a packaged name or the path of a TOML file.

    Raises
    ------
    RecipeError
        If there is no such scenario, it is not TOML, or a field is wrong; all faults are
        listed.
    """
    name = str(path_or_name)
    if name in scenario_names():
        text = (files("training") / "scenarios" / f"{name}.toml").read_text("utf-8")
    elif Path(name).is_file():
        text = Path(name).read_text("utf-8")
    else:
        raise RecipeError(
            f"There is no stress scenario {name!r}.",
            hint=f"Give a TOML file or one of: {', '.join(scenario_names())}.",
            scenario=name,
        )
    try:
        return Scenario.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"Scenario {name!r} is not TOML: {error}.", scenario=name) from error
    except DataError as error:  # a size out of its range
        raise RecipeError(
            f"Scenario {name!r}: {error.message}", hint=error.hint, scenario=name
        ) from error
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise RecipeError(
            f"Scenario {name!r} has {len(faults)} fault(s): {'; '.join(faults)}.",
            hint="Compare with training/scenarios/demand_minus_30.toml.",
            scenario=name,
            faults=faults,
        ) from error
