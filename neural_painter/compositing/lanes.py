"""Eight float32 numbers at a time, as numba takes them: arithmetic, comparisons, memory, and a gather of texels.

numba leaves vectors to LLVM's loops, which take numbers one by one where a loop is short or its memory is looked up.
Spans of a stroke are short and their texels are looked up, so here the vectors are spelled out: `Lanes` are eight
numbers of eight neighbouring pixels. Their operators take Lanes and float32; comparisons give `Choices`, which
`choose` and `any_of` take. LLVM makes of them what the processor has: one register or several.
"""

# mypy: allow-untyped-defs
# (What is written here are the code generators of a compiler; its types are not Python's.)

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as _intrinsic
from numba.extending import lower_builtin, models, register_model, type_callable

intrinsic: Any = _intrinsic  # what it returns is called by kernels only, without its first argument

WIDTH = 8
_FLOAT, _BIT, _INT = ir.FloatType(), ir.IntType(1), ir.IntType(32)
_FLOATS, _BITS, _INTS = (ir.VectorType(kind, WIDTH) for kind in (_FLOAT, _BIT, _INT))
_FOUR = ir.VectorType(_FLOAT, 4)


class LanesType(types.Type):
    """Eight float32 numbers."""

    def __init__(self) -> None:
        super().__init__("Lanes")


class ChoicesType(types.Type):
    """Eight answers."""

    def __init__(self) -> None:
        super().__init__("Choices")


LANES, CHOICES = LanesType(), ChoicesType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind) -> None:
        super().__init__(manager, kind, _FLOATS)


@register_model(ChoicesType)
class _ChoicesModel(models.PrimitiveModel):
    def __init__(self, manager, kind) -> None:
        super().__init__(manager, kind, _BITS)


def _constant(values, kind=_INT):
    return ir.Constant(ir.VectorType(kind, len(values)), list(values))


def _spread(builder, scalar, width=WIDTH):
    """The same number in all lanes."""
    one = builder.insert_element(ir.Constant(ir.VectorType(scalar.type, width), ir.Undefined), scalar, _INT(0))
    return builder.shuffle_vector(one, one, _constant([0] * width))


def _called(builder, name, arguments):
    """What one of LLVM's own functions makes of Lanes."""
    kind = ir.FunctionType(_FLOATS, [_FLOATS] * len(arguments))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"{name}.v{WIDTH}f32"), arguments)


def _as_lanes(builder, value):
    return value if isinstance(value.type, ir.VectorType) else _spread(builder, value)


_ARITHMETIC = {
    operator.add: "fadd",
    operator.iadd: "fadd",
    operator.sub: "fsub",
    operator.mul: "fmul",
    operator.truediv: "fdiv",
}
_COMPARISONS = {operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=", operator.eq: "=="}
_PAIRS = ((LANES, LANES), (LANES, types.float32), (types.float32, LANES))


def _define(symbol, result, build) -> None:
    """Teaches numba an operator on Lanes."""

    @type_callable(symbol)
    def typed(context):
        return lambda left, right: result if (left, right) in _PAIRS else None

    for pair in _PAIRS:

        @lower_builtin(symbol, *pair)
        def lowered(context, builder, signature, arguments):
            left, right = (_as_lanes(builder, value) for value in arguments)
            return build(builder, left, right)


for _symbol, _name in _ARITHMETIC.items():
    _define(_symbol, LANES, lambda builder, a, b, name=_name: getattr(builder, name)(a, b))
for _symbol, _name in _COMPARISONS.items():
    _define(_symbol, CHOICES, lambda builder, a, b, name=_name: builder.fcmp_ordered(name, a, b))


@intrinsic
def spread(typing, number):
    """Lanes that are all `number`, a float32."""

    def build(context, builder, signature, arguments):
        return _spread(builder, arguments[0])

    return LANES(types.float32), build


@intrinsic
def ramp(typing):
    """Lanes 0, 1, ... 7."""

    def build(context, builder, signature, arguments):
        return _constant(range(WIDTH), _FLOAT)

    return LANES(), build


@intrinsic
def choose(typing, choices, yes, no):
    """`yes` where the choice is true, else `no`; Lanes or float32."""

    def build(context, builder, signature, arguments):
        return builder.select(arguments[0], *(_as_lanes(builder, value) for value in arguments[1:]))

    return LANES(choices, yes, no), build


@intrinsic
def any_of(typing, choices):
    """Whether any choice is true."""

    def build(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[0], ir.IntType(WIDTH))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(choices), build


@intrinsic
def floor(typing, lanes):
    """The largest whole numbers that are not above."""

    def build(context, builder, signature, arguments):
        return _called(builder, "llvm.floor", arguments)

    return LANES(lanes), build


@intrinsic
def root(typing, lanes):
    """The square root."""

    def build(context, builder, signature, arguments):
        return _called(builder, "llvm.sqrt", arguments)

    return LANES(lanes), build


@intrinsic
def exponential(typing, lanes):
    """e to the power of the numbers."""

    def build(context, builder, signature, arguments):
        return _called(builder, "llvm.exp", arguments)

    return LANES(lanes), build


@intrinsic
def magnitude(typing, lanes):
    """Without the sign."""

    def build(context, builder, signature, arguments):
        return _called(builder, "llvm.fabs", arguments)

    return LANES(lanes), build


@intrinsic
def total(typing, lanes):
    """The sum of the eight, in pairs."""

    def build(context, builder, signature, arguments):
        (value,) = arguments
        for half in (4, 2, 1):
            low = builder.shuffle_vector(value, value, _constant(range(half)))
            high = builder.shuffle_vector(value, value, _constant(range(half, 2 * half)))
            value = builder.fadd(low, high)
        return builder.extract_element(value, _INT(0))

    return types.float32(lanes), build


def _place(context, builder, kind, array, index):
    """A pointer to eight numbers of a flat array."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), ir.PointerType(_FLOATS))


def _flat(kind) -> bool:
    return isinstance(kind, types.Array) and kind.ndim == 1 and kind.layout == "C" and kind.dtype == types.float32


@intrinsic
def load(typing, array, index):
    """Eight numbers of a flat float32 array from `index` on; nothing tests that they are there."""
    if not _flat(array):
        return None

    def build(context, builder, signature, arguments):
        return builder.load(_place(context, builder, array, arguments[0], arguments[1]), align=4)

    return LANES(array, types.intp), build


@intrinsic
def store(typing, array, index, lanes):
    """Writes eight numbers into a flat float32 array from `index` on; nothing tests that there is room."""
    if not _flat(array):
        return None

    def build(context, builder, signature, arguments):
        builder.store(arguments[2], _place(context, builder, array, arguments[0], arguments[1]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), build


def _whole(kind) -> bool:
    return isinstance(kind, types.Array) and kind.ndim == 1 and kind.layout == "C" and kind.dtype == types.int32


@intrinsic
def store_whole(typing, array, index, lanes):
    """Writes eight whole numbers into a flat int32 array from `index` on; nothing tests that there is room."""
    if not _whole(array):
        return None

    def build(context, builder, signature, arguments):
        data = context.make_array(array)(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.PointerType(_INTS))
        builder.store(builder.fptosi(arguments[2], _INTS), place, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), build


@intrinsic
def gather(typing, array, start, offsets):
    """Four neighbours in a flat float32 array for every lane, from `start + offset` on; they have to be there.

    Args:
        array, start: where to count from.
        offsets: Lanes, whole numbers from 0 to 2**24.

    Returns:
        four Lanes.
    """
    if not _flat(array):
        return None
    return types.UniTuple(LANES, 4)(array, types.intp, LANES), _gather


@intrinsic
def scatter(typing, array, start, offsets, values):
    """Adds four Lanes to the numbers that `gather` reads, one lane after the other: offsets may be equal."""
    if not _flat(array):
        return None
    return types.void(array, types.intp, LANES, values), _scatter


def _fours(context, builder, kind, array, start, offsets):
    """Pointers to four numbers each, one for every lane."""
    base = builder.gep(context.make_array(kind)(context, builder, array).data, [start])
    whole = builder.fptosi(offsets, _INTS)
    for lane in range(WIDTH):
        at = builder.zext(builder.extract_element(whole, _INT(lane)), ir.IntType(64))
        yield builder.bitcast(builder.gep(base, [at]), ir.PointerType(_FOUR))


def _turn(builder, rows):
    """Four vectors of eight, the halves of each turned like 4 x 4 numbers."""
    low, high = _constant([0, 8, 1, 9, 4, 12, 5, 13]), _constant([2, 10, 3, 11, 6, 14, 7, 15])
    turned = []
    for order in (low, high):
        even = builder.shuffle_vector(rows[0], rows[2], order)
        odd = builder.shuffle_vector(rows[1], rows[3], order)
        turned += [builder.shuffle_vector(even, odd, half) for half in (low, high)]
    return turned


def _gather(context, builder, signature, arguments):
    places = _fours(context, builder, signature.args[0], *arguments)
    fours = [builder.load(place, align=4) for place in places]
    # Lanes p and p + 4 share a vector, so that all is turned within halves.
    rows = [builder.shuffle_vector(fours[p], fours[p + 4], _constant(range(WIDTH))) for p in range(4)]
    return context.make_tuple(builder, signature.return_type, _turn(builder, rows))


def _scatter(context, builder, signature, arguments):
    *where, values = arguments
    rows = _turn(builder, cgutils.unpack_tuple(builder, values, 4))
    for lane, place in enumerate(_fours(context, builder, signature.args[0], *where)):
        half = WIDTH // 2 * (lane // 4)
        four = builder.shuffle_vector(rows[lane % 4], rows[lane % 4], _constant(range(half, half + 4)))
        builder.store(builder.fadd(builder.load(place, align=4), four), place, align=4)
    return context.get_dummy_value()


@intrinsic
def drain(typing, array, index, fours, at):
    """Adds eight times three numbers to a flat float32 array, out of eight times four, and makes those zero.

    Args:
        array, index: where to add 24 numbers.
        fours, at: where to take 32 from: of four, the last is left out.
    """
    if not (_flat(array) and _flat(fours)):
        return None
    return types.void(array, types.intp, fours, types.intp), _drain


def _drain(context, builder, signature, arguments):
    array, index, fours, at = arguments
    pairs = []
    for k in range(4):
        place = _place(context, builder, signature.args[2], fours, builder.add(at, at.type(8 * k)))
        pairs.append(builder.load(place, align=4))
        builder.store(ir.Constant(_FLOATS, None), place, align=4)
    for k, order in enumerate(([0, 1, 2, 4, 5, 6, 8, 9], [2, 4, 5, 6, 8, 9, 10, 12], [5, 6, 8, 9, 10, 12, 13, 14])):
        place = _place(context, builder, signature.args[0], array, builder.add(index, index.type(8 * k)))
        three = builder.shuffle_vector(pairs[k], pairs[k + 1], _constant(order))
        builder.store(builder.fadd(builder.load(place, align=4), three), place, align=4)
    return context.get_dummy_value()


@intrinsic
def prefetch(typing, array, index):
    """Has the memory around a number of a flat float32 array fetched, to be read soon; it need not be there."""
    if not _flat(array):
        return None

    def build(context, builder, signature, arguments):
        place = builder.bitcast(_place(context, builder, array, *arguments), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, _INT, _INT, _INT])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [place, _INT(0), _INT(3), _INT(1)])  # to read, into the nearest cache, data
        return context.get_dummy_value()

    return types.void(array, types.intp), build
