"""Days and instants on the command line."""

from __future__ import annotations

from datetime import date, datetime, time

import typer


def known_at_instant(text: str | None) -> datetime | None:
    """Return the instant of knowledge that a person names; a day means all of it.

    Raises
    ------
    typer.BadParameter
        If it is no ISO 8601 day or instant.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no ISO 8601 day or instant.") from error
    if len(text) == len("2026-01-31"):
        return datetime.combine(date.fromisoformat(text), time.max)
    return moment
