"""The packs of the package, one file for each document's way to serve its tiers."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import ValidationError

from tiering.errors import Fault, SchemeError
from tiering.packs.pack import Packs, pack_faults

PACKAGED = ("four-tier", "account", "b2b-score", "graded")
"""Packs of the package; a scheme carries its own copy, so that its hash covers them."""


@cache
def packaged_packs(name: str) -> Packs:
    """Return packs of the package, one of :data:`PACKAGED`.

    Raises
    ------
    SchemeError
        If there are none of that name.
    """
    if name not in PACKAGED:
        raise SchemeError(
            f"There are no packs {name!r}.", hint=f"There are: {', '.join(PACKAGED)}."
        )
    return parse_packs((files("tiering") / "packs" / f"{name}.toml").read_text("utf-8"), name)


def parse_packs(text: str, origin: str = "packs") -> Packs:
    """Read packs from TOML text and check them; tiers are those they name themselves.

    Raises
    ------
    SchemeError
        If the text is no TOML or breaks a rule; all faults are listed.
    """
    try:
        packs = Packs.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SchemeError(f"Packs {origin} are not valid TOML: {error}.") from error
    except ValidationError as error:
        found = [
            Fault(".".join(map(str, fault["loc"])), f"{fault['msg']}.")
            for fault in error.errors(include_url=False)
        ]
    else:
        found = list(pack_faults(packs, [pack.tier for pack in packs.tiers], origin))
        if not found:
            return packs
    raise SchemeError(
        f"Packs {origin} have {len(found)} fault{'s' if len(found) > 1 else ''}:",
        hint="Compare with tiering/packs/four-tier.toml, which explains the format.",
        faults=found,
    )
