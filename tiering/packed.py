# mypy: disable-error-code="no-untyped-call,untyped-decorator"
# what numba makes of a function has no type
"""Many arrays in one, for loops that are asked of one customer.

To hand an array over to compiled code takes half a microsecond, and what a model is made of are
thirty. Behind each other in one array, with where each begins in front, they are handed over
together, and lie together in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.compiled import compiled

WholeArray = npt.NDArray[np.int32]


def packed(
    wholes: Sequence[npt.ArrayLike], floats: Sequence[npt.ArrayLike]
) -> tuple[WholeArray, FloatArray]:
    """Return arrays of whole numbers in one, and arrays of floats in another.

    The first begins with where each of its own arrays begins, the end, and the same of the second.
    """
    of_whole = [np.asarray(each, dtype=np.int32).reshape(-1) for each in wholes]
    of_float = [np.asarray(each, dtype=np.float64).reshape(-1) for each in floats]
    head = len(of_whole) + len(of_float) + 2
    starts = [
        *accumulate((len(each) for each in of_whole), initial=head),
        *accumulate((len(each) for each in of_float), initial=0),
    ]
    first = np.array(starts, dtype=np.int32)
    return np.concatenate([first, *of_whole]), np.concatenate(of_float)


@compiled  # pragma: no cover - it runs as machine code
def part(pack: Any, starts: Any, number: Any) -> Any:
    """Return an array of a pack; ``starts`` says where each one begins in it."""
    return pack[starts[number] : starts[number + 1]]
