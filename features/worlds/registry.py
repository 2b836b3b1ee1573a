"""The demo worlds by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ibis.backends import BaseBackend

from features.contract import suggest
from features.errors import SourceNotFoundError
from features.worlds import b2b, cdnow, journey
from features.worlds.world import WorldTables

WORLDS: Mapping[str, Callable[..., WorldTables]] = MappingProxyType(
    {"journey": journey.tables, "cdnow": cdnow.tables, "b2b": b2b.tables}
)
"""Functions that give the raw tables of a world, by its name."""


def load(name: str, connection: BaseBackend, **options: object) -> WorldTables:
    """Return the raw tables of a world.

    Parameters
    ----------
    name
        A key of :data:`WORLDS`.
    connection
        The connection that will ingest them.
    options
        What the world's own ``tables`` takes, for instance ``seed`` of ``b2b``.

    Raises
    ------
    SourceNotFoundError
        If there is no such world, or the package that carries it is not installed.
    """
    if name not in WORLDS:
        raise SourceNotFoundError(
            f"There is no world {name!r}{suggest(name, WORLDS)}.",
            hint=f"Worlds: {', '.join(WORLDS)}. For your own data write a mapping.",
            world=name,
        )
    return WORLDS[name](connection, **options)
