"""The root of every error Tierwise raises on purpose.

The tree (each package adds its own leaves below its branch)::

    TierwiseError
    ├── DataError                  features/: something is wrong with the input
    │   ├── SourceNotFoundError    a file, folder or table that was named is not there
    │   ├── EmptySourceError       a table has no usable row
    │   ├── ContractError          columns or values break the source contract
    │   ├── MappingError           the mapping TOML is wrong
    │   └── SnapshotError          a snapshot that the data cannot support
    ├── PolicyError                tiering/errors.py: a scheme is wrong
    ├── TrainingError              training/errors.py: a model, backtest, gate or registry
    └── ServiceError               serving/errors.py: a request that cannot be answered

No class here knows HTTP: ``serving/problems.py`` alone maps classes to statuses.
"""

from __future__ import annotations


class TierwiseError(Exception):
    """An expected failure, told to a person.

    Parameters
    ----------
    message
        What is wrong and where, one sentence.
    hint
        What to do about it, one sentence; empty when there is nothing to add.
    context
        Machine-readable particulars (table, column, counts ...), JSON-serialisable.
    """

    def __init__(self, message: str, *, hint: str = "", **context: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.context = context

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class DataError(TierwiseError):
    """Something is wrong with the input data."""


class SourceNotFoundError(DataError):
    """A file, folder or table that was named is not there."""


class EmptySourceError(DataError):
    """A required table has no usable row."""


class ContractError(DataError):
    """Columns or values break the source contract (``features/sources.py``)."""


class MappingError(DataError):
    """The mapping TOML is wrong: unknown key, missing column, unreadable file."""


class SnapshotError(DataError):
    """A snapshot that the data cannot support, for instance before the first order."""
