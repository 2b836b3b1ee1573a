"""Several systems of one company, one mapping each, brought together at the door.

The first mapping names the folder: its ``world`` and its ``currency``, which the amounts of
the others are converted to. Tables that several systems give are united; two systems may
share the identifiers of customers, or keep them apart by ``id_prefix`` until they are
resolved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import ibis.expr.types as ir
from ibis.backends import BaseBackend

from features.errors import MappingError
from features.mapping.apply import apply_mapping
from features.mapping.document import Mapping_, read_mapping


@dataclass(frozen=True, slots=True)
class Inflow:
    """What all systems together bring to the door: arguments of ``ingest``."""

    tables: dict[str, tuple[ir.Table, ...]]
    world: str
    currency: str
    simulated: bool
    terms: str


def read_systems(mappings: Sequence[Path]) -> tuple[Mapping_, ...]:
    """Read the mappings of all systems, that of the first system first.

    Raises
    ------
    MappingError
        If one is wrong, or they do not go together.
    """
    read = tuple(read_mapping(path) for path in mappings)
    faults = []
    if not read[0].world:
        faults.append(f"'world' is missing in {read[0].path}, the first of the mappings")
    for mapping in read[1:]:
        if mapping.world not in ("", read[0].world):
            faults.append(
                f"{mapping.path} is of the world {mapping.world!r}, the first of {read[0].world!r}"
            )
    if len(read) > 1:
        faults += [f"'system' is missing in {m.path}" for m in read if not m.system]
    names = [mapping.system for mapping in read if mapping.system]
    twice = sorted({name for name in names if names.count(name) > 1})
    faults += [f"two mappings name their system {name!r}" for name in twice]
    if not any("orders" in mapping.tables for mapping in read):
        faults.append("none of them has [orders]")
    if faults:
        raise MappingError(
            f"The mappings do not go together: {'; '.join(faults)}.",
            hint="docs/how-to-use-your-own-data.md tells how several systems are mapped.",
            faults=faults,
        )
    return read


@contextmanager
def inflow(
    mappings: Sequence[Mapping_], folders: Sequence[Path | None], connection: BaseBackend
) -> Iterator[Inflow]:
    """Yield the raw tables of all systems; ingest them before the block ends.

    Parameters
    ----------
    mappings
        What :func:`read_systems` read.
    folders
        Folder of the files of each; None for what its ``data`` names.
    connection
        The engine that reads.

    Raises
    ------
    MappingError
        If a mapping has files but no folder.
    DataError
        See :func:`features.mapping.apply_mapping`.
    """
    first = mappings[0]
    tables: dict[str, tuple[ir.Table, ...]] = {}
    with TemporaryDirectory(prefix="tierwise-") as staging:
        for mapping, folder in zip(mappings, folders, strict=True):
            raw = apply_mapping(
                mapping,
                _folder(mapping, folder),
                connection,
                staging=Path(staging),
                currency=first.currency,
            )
            for name, table in raw.items():
                tables[name] = (*tables.get(name, ()), table)
        yield Inflow(
            tables=tables,
            world=first.world,
            currency=first.currency,
            simulated=any(mapping.simulated for mapping in mappings),
            terms="; ".join(dict.fromkeys(m.terms for m in mappings if m.terms)),
        )


def _folder(mapping: Mapping_, folder: Path | None) -> Path:
    beside = mapping.path.parent
    if folder is not None:
        return folder
    if mapping.data:
        return beside / mapping.data
    files = [name for name, table in mapping.tables.items() if table.file]
    if files:
        raise MappingError(
            f"{mapping.path}: no folder is named for the files of {', '.join(files)}.",
            hint='Give --data, or data = "folder" in the mapping.',
            path=str(mapping.path),
        )
    return beside
