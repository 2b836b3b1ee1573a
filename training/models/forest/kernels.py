# mypy: disable-error-code="import-untyped,no-untyped-call,untyped-decorator"
# numba and llvmlite are typed in part, and what they make of a function has no type.
"""The loops over trees, compiled by numba: Shapley values in vectors of lanes.

Every lane does the same additions and multiplications in the same order on every machine, without
``fastmath`` (``tiering/compiled.py``), so replayed explanations have the same bits. For
the same reason a row's numbers come from that row alone, whatever is computed beside it.

Whoever changes a vector operation here changes the stored machine code with this file; it must
not move to another, which numba's cache does not look at.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model
from numba.np.arrayobj import make_array

from tiering.compiled import compiled
from training.models.forest.margins import view_of

_intrinsic: Any = intrinsic  # its results are called without the first argument


class Lanes(types.Type):
    """``n`` numbers in one vector of the processor, or in several narrower ones."""

    def __init__(self, n: int) -> None:
        self.n = n
        super().__init__(name=f"Lanes({n})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        super().__init__(manager, lanes, ir.VectorType(ir.DoubleType(), lanes.n))


def _elementwise(operation: Any, instruction: str) -> None:
    @infer_global(operation)
    class _Template(AbstractTemplate):
        def generic(self, args: Any, _: Any) -> Any:
            same = len(args) == 2 and isinstance(args[0], Lanes) and args[0] == args[1]
            return signature(args[0], *args) if same else None

    @lower_builtin(operation, Lanes, Lanes)
    def _lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args)


for _operation, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _elementwise(_operation, _instruction)


def _address(context: Any, builder: Any, array_type: Any, args: Any, lanes: int) -> Any:
    array = make_array(array_type)(context, builder, args[0])
    vector = ir.VectorType(ir.DoubleType(), lanes)
    return builder.bitcast(builder.gep(array.data, [args[1]]), vector.as_pointer())


@_intrinsic  # pragma: no cover - numba runs it where nobody traces
def _lanes(_typing: Any, numbers: Any) -> Any:
    """Return a tuple of floats as lanes."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        found = ir.Constant(ir.VectorType(ir.DoubleType(), len(numbers)), ir.Undefined)
        for n in range(len(numbers)):
            one = builder.extract_value(args[0], n)
            found = builder.insert_element(found, one, ir.Constant(ir.IntType(32), n))
        return found

    return Lanes(len(numbers))(numbers), generate


@_intrinsic  # pragma: no cover - numba runs it where nobody traces
def _spread(_typing: Any, like: Any, number: Any) -> Any:
    """Return lanes, as many as ``like``, that all hold one number."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        vector = ir.VectorType(ir.DoubleType(), like.n)
        empty = ir.Constant(vector, ir.Undefined)
        first = builder.insert_element(empty, args[1], ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), like.n), [0] * like.n)
        return builder.shuffle_vector(first, empty, everywhere)

    return like(like, types.float64), generate


@_intrinsic  # pragma: no cover - numba runs it where nobody traces
def _load(_typing: Any, like: Any, array: Any, at: Any) -> Any:
    """Return the lanes that stand in ``array`` from position ``at``; unchecked."""

    def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        found = builder.load(_address(context, builder, array, args[1:], like.n))
        found.align = 8
        return found

    return like(like, array, types.intp), generate


@_intrinsic  # pragma: no cover - numba runs it where nobody traces
def _store(_typing: Any, array: Any, at: Any, lanes: Any) -> Any:
    """Write lanes into ``array`` from position ``at``; unchecked."""

    def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        builder.store(args[2], _address(context, builder, array, args, lanes.n)).align = 8
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@compiled  # pragma: no cover - it runs as machine code
def shapley(
    matrix: Any,
    chosen: Any,
    ends: Any,
    largest: Any,
    point: Any,
    rest: Any,
    weight: Any,
    first: Any,
    column: Any,
    threshold: Any,
    missing_left: Any,
    left: Any,
    right: Any,
    leaf: Any,
    feature: Any,
    left_share: Any,
    right_share: Any,
    above: Any,
    above_left: Any,
    entry_share: Any,
    phi: Any,
) -> None:
    """Add the Shapley values of the ``chosen`` trees of ``g`` ensembles to ``phi`` ``(n, g, f)``.

    ``ends`` ``(g + 1,)`` says where in ``chosen`` each ensemble begins, and the end. The names are
    those of the derivation in ``training/models/forest/forest.py``; each lane is a point of the
    quadrature. ``largest`` is the number of splits of the largest tree.
    """
    lanes, inputs = len(point), matrix.shape[1]
    t, s, w = _lanes(point), _lanes(rest), _lanes(weight)
    view = np.empty(3 * inputs)
    follows = np.empty(largest, np.bool_)
    here = np.empty(largest, np.int64)  # lanes of the child where the row goes, and of the other
    there = np.empty(largest, np.int64)
    share_here = np.empty(largest)
    share_there = np.empty(largest)
    product = np.empty((2 * largest + 1) * lanes)  # G of each node, leaves included
    mean = np.empty((2 * largest + 1) * lanes)  # U of each node
    gathered = np.empty(inputs * lanes)
    for r in range(matrix.shape[0]):
        view_of(matrix[r], view)
        for ensemble in range(len(ends) - 1):
            gathered[:] = 0.0
            for place in range(ends[ensemble], ends[ensemble + 1]):
                tree = chosen[place]
                start = first[tree]
                splits = first[tree + 1] - start
                for i in range(splits):
                    e = start + i
                    x = view[column[e]]
                    left_here = (x <= threshold[e]) | ((x != x) & missing_left[e])
                    on_left, on_right = left[e] * lanes, right[e] * lanes
                    here[i] = on_left if left_here else on_right
                    there[i] = on_right if left_here else on_left
                    share_here[i] = left_share[e] if left_here else right_share[e]
                    share_there[i] = right_share[e] if left_here else left_share[e]
                for i in range(splits + 1):
                    _store(mean, (splits + i) * lanes, _spread(t, leaf[start + tree + i]))
                _store(product, 0, w)
                for i in range(splits):  # down: a parent stands before its children
                    e = start + i
                    p_here, p_there = _spread(t, share_here[i]), _spread(t, share_there[i])
                    g = _load(t, product, i * lanes)
                    a = above[e]
                    if a < 0:
                        follows[i] = True
                        _store(product, here[i], g * (t + s * p_here))
                        _store(product, there[i], g * (s * p_there))
                    else:
                        above_here = here[a] == left[start + a] * lanes
                        follows[i] = follows[a] & (above_here == above_left[e])
                        if follows[i]:
                            p = _spread(t, entry_share[e])
                            g = g / (t + s * p)
                            _store(product, here[i], g * (t + s * (p * p_here)))
                            _store(product, there[i], g * (s * (p * p_there)))
                        else:
                            _store(product, here[i], g * p_here)
                            _store(product, there[i], g * p_there)
                for i in range(splits - 1, -1, -1):  # and up again
                    e = start + i
                    u_here, u_there = _load(t, mean, here[i]), _load(t, mean, there[i])
                    p_there = _spread(t, share_there[i])
                    u = _spread(t, share_here[i]) * u_here + p_there * u_there
                    if follows[i]:
                        g = _load(t, product, i * lanes)
                        at = feature[e] * lanes
                        if above[e] >= 0:
                            p = _spread(t, entry_share[e])
                            z = t + s * p
                            g = g / (z * z) * p
                            u = (t * u_here + s * p * u) / z
                        else:
                            u = t * u_here + s * u
                        added = p_there * (g * (u_here - u_there))
                        _store(gathered, at, _load(t, gathered, at) + added)
                    _store(mean, i * lanes, u)
            for j in range(inputs):
                total = 0.0
                for lane in range(lanes):
                    total += gathered[j * lanes + lane]
                phi[r, ensemble, j] += total
