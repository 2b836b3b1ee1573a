"""What is too much for memory between two passes: kept in a file that leaves no trace.

Between grading and writing, a run of a million customers waits here, so that the store is locked
only for as long as it takes to write.
"""

from __future__ import annotations

import marshal
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")
_LENGTH = struct.Struct("<Q")


class Spool(Generic[T]):
    """Plain values (tuples and lists of texts, numbers, bytes, None) in the order added.

    The file has no name: it is gone with the process, however that ends.

    Parameters
    ----------
    folder
        Where there is room; None: where the system keeps temporary files.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix=".tierwise-")  # noqa: SIM115
        self._count = 0

    def add(self, value: T) -> None:
        """Keep a value."""
        content = marshal.dumps(value)  # type: ignore[arg-type]  # the caller's promise
        self._file.write(_LENGTH.pack(len(content)))
        self._file.write(content)
        self._count += 1

    def __iter__(self) -> Iterator[T]:
        self._file.seek(0)
        for _ in range(self._count):
            (length,) = _LENGTH.unpack(self._file.read(_LENGTH.size))
            yield marshal.loads(self._file.read(length))

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
