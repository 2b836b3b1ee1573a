"""The packs of the package, one file for each document's way to serve its tiers."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from tiering.errors import SchemeError
from tiering.packs.pack import Packs, pack_faults
from tiering.policy_text import parse_policy

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
    return parse_policy(
        text,
        Packs,
        lambda packs: pack_faults(packs, [pack.tier for pack in packs.tiers], origin),
        what="Packs",
        origin=origin,
        pattern="tiering/packs/four-tier.toml",
    )
