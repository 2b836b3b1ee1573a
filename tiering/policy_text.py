"""From the text of a policy file to its model, with every fault told at once."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tiering.errors import Fault, SchemeError

Policy = TypeVar("Policy", bound=BaseModel)


def parse_policy(
    text: str,
    model: type[Policy],
    faults: Callable[[Policy], Iterable[Fault]],
    *,
    what: str,
    origin: str,
    pattern: str,
) -> Policy:
    """Read a policy from TOML text and check it.

    Parameters
    ----------
    model, faults
        What it is read into, and what yields the rules it breaks.
    what, origin
        Kind of policy and name of the text, for errors; a plural ends with ``s``.
    pattern
        File that explains the format.

    Raises
    ------
    SchemeError
        If the text is no TOML, does not fit the model, or breaks a rule; all faults are listed.
    """
    many = what.endswith("s")
    try:
        policy = model.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        verb = "are" if many else "is"
        raise SchemeError(f"{what} {origin} {verb} not valid TOML: {error}.") from error
    except ValidationError as error:
        found = [
            Fault(".".join(map(str, fault["loc"])), f"{fault['msg']}.")
            for fault in error.errors(include_url=False)
        ]
    else:
        found = list(faults(policy))
        if not found:
            return policy
    verb = "have" if many else "has"
    raise SchemeError(
        f"{what} {origin} {verb} {len(found)} fault{'s' if len(found) > 1 else ''}:",
        hint=f"Compare with {pattern}, which explains the format.",
        faults=found,
    )
