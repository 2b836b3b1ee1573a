"""Whether a file or a relation has the columns that a mapping names."""

from __future__ import annotations

from collections.abc import Sequence

from features.contract import suggest
from features.errors import MappingError

_SHOWN = 30
_WIDTH = 40


def check_columns(
    header: Sequence[str], wanted: Sequence[str], place: str, table: str, delimiter: str = ""
) -> None:
    """Refuse a source that lacks columns.

    Parameters
    ----------
    header, wanted
        Names the source has, and names it must have.
    place, table
        The file or relation, and the contract name, for messages.
    delimiter
        Of a CSV file: a header of one column hints at another delimiter.

    Raises
    ------
    MappingError
        With all missing names, each with the nearest one there is.
    """
    missing = [name for name in wanted if name not in header]
    if not missing:
        return
    told = ", ".join(f"{name!r}{suggest(name, header)}" for name in missing)
    # A file that is no CSV can have anything in its first line, terminal controls included.
    shown = [
        "".join(c if c.isprintable() else "\ufffd" for c in name)[:_WIDTH]
        for name in header[:_SHOWN]
    ]
    more = f" and {len(header) - _SHOWN} more" if len(header) > _SHOWN else ""
    hint = f"It has: {', '.join(shown)}{more}."
    others = [mark for mark in ",;\t|" if mark != delimiter and mark in header[0]]
    if delimiter and len(header) == 1 and others:
        hint = f"The file seems to be separated by {others[0]!r}: set 'delimiter'."
    raise MappingError(
        f"{table}: {place} has no column {told}.",
        hint=hint,
        table=table,
        path=place,
        missing=missing,
    )
