"""Reading parts of a document into models, so that every fault is told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tiering.errors import Fault, WeightsError


class Frozen(BaseModel):
    """A part of a document: unknown keys are faults, and numbers are numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


_Model = TypeVar("_Model", bound=BaseModel)


def read(model: type[_Model], part: Any, place: str, faults: list[Fault]) -> _Model | None:
    """Return a part of a document as a model; None if it is none, with its faults noted."""
    try:
        return model.model_validate(part)
    except ValidationError as error:
        faults += faults_of(error, place)
        return None


def head_of(model: type[_Model], document: Mapping[str, Any], faults: list[Fault]) -> _Model:
    """Return a document's head; what is unknown or wrong is noted, and its defaults stand in."""
    known = {key: value for key, value in document.items() if key in model.model_fields}
    faults += [Fault(key, "unknown key.") for key in document if key not in known]
    return read(model, known, "", faults) or model()


def rows_of(
    model: type[_Model], document: Mapping[str, Any], key: str, faults: list[Fault]
) -> Iterator[tuple[str, _Model]]:
    """Yield the place and the model of every entry of a list that can be read."""
    listed = document.get(key, [])
    if not isinstance(listed, list | tuple):
        faults.append(Fault(key, "must be a list."))
        return
    for index, part in enumerate(listed):
        place = f"{key}[{index}]"
        row = read(model, part, place, faults)
        if row is not None:
            yield place, row


def faults_of(error: ValidationError, place: str) -> Iterator[Fault]:
    """Yield what pydantic found, as faults with their place in the document."""
    for found in error.errors(include_url=False):
        path = place
        for step in found["loc"]:
            path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
        extra = found["type"] == "extra_forbidden"
        told = "unknown key" if extra else f"{found['msg'][0].lower()}{found['msg'][1:]}"
        yield Fault(path, f"{told}.")


def refuse(what: str, faults: list[Fault], hint: str) -> WeightsError:
    """Return the error that tells all faults of ``what``."""
    return WeightsError(
        f"{what}: {len(faults)} fault{'s' if len(faults) > 1 else ''}.",
        hint=hint,
        faults=faults,
    )
