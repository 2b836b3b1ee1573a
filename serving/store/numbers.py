"""Numbers of a row as bytes: every float64 to the last bit, in about half its plain size.

A row of ``k`` numbers is a bitmap of ``ceil(k / 8)`` bytes (bit ``j`` of byte ``i``, the lowest
first, stands for number ``8 i + j``), and behind it the numbers whose bit is set, as
little-endian float64. A number whose bit is not set has the value that the column leaves out:
NaN (unknown) or 0. Their names and their order are kept once, with the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from features.schema import FloatArray
from serving.errors import StoreError

UNKNOWN = float("nan")
"""What a column of measurements leaves out."""
NOTHING = 0.0
"""What a column of parts and weights leaves out; a negative zero is written."""


def pack(table: FloatArray, absent: float) -> list[bytes]:
    """Return the bytes of every row of ``(n, k)`` numbers.

    Parameters
    ----------
    absent
        :data:`UNKNOWN` or :data:`NOTHING`: the value that is left out.
    """
    whole = np.ascontiguousarray(table, dtype=np.float64)
    written = ~np.isnan(whole) if absent != absent else whole.view(np.int64) != 0
    maps = np.packbits(written, axis=1, bitorder="little")
    width = maps.shape[1]
    bitmaps, numbers = maps.tobytes(), whole[written].astype("<f8").tobytes()
    ends = [0, *(8 * np.cumsum(written.sum(axis=1))).tolist()]
    return [
        bitmaps[row * width : (row + 1) * width] + numbers[ends[row] : ends[row + 1]]
        for row in range(len(whole))
    ]


def unpack(blob: bytes, k: int, absent: float) -> FloatArray:
    """Return the ``(k,)`` numbers of a row.

    Raises
    ------
    StoreError
        If the bytes are not those of ``k`` numbers.
    """
    width = (k + 7) // 8
    bits = np.unpackbits(np.frombuffer(blob[:width], dtype=np.uint8), bitorder="little")
    written = bits[:k].astype(np.bool_)
    if len(bits) != 8 * width or len(blob) != width + 8 * int(written.sum()):
        raise StoreError(
            "The numbers of a stored grade are damaged.",
            hint="Compare with a backup, or grade again: `tierwise batch --force`.",
        )
    found = np.full(k, absent)
    found[written] = np.frombuffer(blob, dtype="<f8", offset=width)
    return found


class Named(Mapping[str, float | None]):
    """Numbers by name, None where unknown; read from their bytes when first asked for.

    Parameters
    ----------
    names
        ``(k,)``.
    blob
        Their numbers, :data:`UNKNOWN` left out.
    """

    __slots__ = ("_blob", "_names", "_read")

    def __init__(self, names: Sequence[str], blob: bytes) -> None:
        self._names = names
        self._blob = blob
        self._read: dict[str, float | None] | None = None

    def __getitem__(self, name: str) -> float | None:
        return self._numbers()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(self._numbers())

    def _numbers(self) -> dict[str, float | None]:
        if self._read is None:
            row = unpack(self._blob, len(self._names), UNKNOWN).tolist()
            self._read = dict(zip(self._names, known(row), strict=True))
        return self._read


def known(numbers: Sequence[float]) -> list[float | None]:
    """Return numbers with None for the unknown."""
    return [None if number != number else number for number in numbers]


def floats(rows: Sequence[Sequence[float | None]], k: int) -> FloatArray:
    """Return rows of numbers as ``(n, k)``, NaN for None."""
    return np.array(rows, dtype=np.float64).reshape(len(rows), k)
