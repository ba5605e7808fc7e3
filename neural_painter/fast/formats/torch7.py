"""Reads the binary files of Torch7 (`.t7`), which hold tables, numbers, strings, tensors and objects with fields.

Nothing of such a file is ever run: Lua functions are passed over.

Source: Torch7, `File.lua` and `generic/Tensor.c`.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from neural_painter.fast.files import ModelError, wrong_kind

MOST_DEPTH = 100
"""Tables and objects inside one another; published models have a dozen."""

MOST_VALUES = 1_000_000
"""Values in one file, keys of tables included; a published model with its history of losses has a hundred thousand."""

MOST_DIMENSIONS, MOST_NAME = 16, 100

NIL, NUMBER, STRING, TABLE, OBJECT, BOOLEAN, FUNCTION, OLD_CLOSURE, CLOSURE = range(9)

_ELEMENTS = {
    "Byte": "u1",
    "Char": "i1",
    "Short": "<i2",
    "Int": "<i4",
    "Long": "",  # its size is the writing machine's
    "Half": "<f2",
    "Float": "<f4",
    "Double": "<f8",
    "": "<f4",  # torch.CudaTensor
}
_ARRAY = re.compile(r"torch\.(?:Cuda)?(|[A-Z][a-z]+)(Tensor|Storage)")


class Table(dict[Any, Any]):
    """A Lua table. As a key of another it stands for itself, whatever it holds, as in Lua."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def sequence(self) -> list[Any]:
        """The values under 1, 2, 3 and so on."""
        values: list[Any] = []
        while len(values) + 1 in self:
            values.append(self[len(values) + 1])
        return values


@dataclass(eq=False)
class TorchObject:
    """An object of a Lua class, or a function, of which nothing is kept but that there is one.

    Attributes:
        class_name: such as `nn.ReLU`; `function` of a function.
        fields: by name.
    """

    class_name: str
    fields: Table = field(default_factory=Table)


def value_of(data: bytes, path: Path) -> Any:
    """The value that the bytes of a file hold.

    Files of 64-bit machines are read, and of others, which differ in the size of a long.

    Args:
        data: of the file.
        path: the file, for messages.

    Returns:
        None, bool, int (whole numbers), float, str, `Table`, `TorchObject`, or an array of a tensor or storage, which
        must not be written to. What was one thing in Lua is one thing here, cycles included.

    Raises:
        ModelError: not such a file, damaged, or beyond any model in size or depth.
    """
    if is_ascii(data):
        raise ModelError(f"{path}: an ASCII file of Torch7, of which only binary ones are read")
    if not is_torch7(data):
        raise wrong_kind(data, path)
    try:
        return _Reader(data, 8).only_value()
    except _Damaged as error:
        try:
            return _Reader(data, 4).only_value()
        except _Damaged:
            raise ModelError(f"{path}: not a readable Torch7 file ({error})") from None


def is_torch7(head: bytes) -> bool:
    """Whether a file that begins like this may be a binary file of Torch7."""
    return len(head) >= 4 and head[1:4] == b"\0\0\0" and NUMBER <= head[0] <= CLOSURE


def is_ascii(head: bytes) -> bool:
    """Whether a file that begins like this may be one of Torch7's in its ASCII format."""
    return re.match(rb"[0-8]\r?\n-?\d", head) is not None


class _Damaged(Exception):
    """What is wrong, in words that fit into brackets."""


_UNFINISHED = object()


class _Reader:
    """Walks through the bytes of a file.

    Whatever the file claims is compared with the bytes that are left before memory is taken for it; tensors are views
    of the bytes.
    """

    def __init__(self, data: bytes, width: int) -> None:
        self.data, self.at = data, 0
        self.width = width
        self.objects: dict[int, Any] = {}
        self.values = self.depth = 0

    def only_value(self) -> Any:
        found = self.value()
        if self.left:
            raise _Damaged(f"{self.left} bytes follow the value")
        return found

    def value(self) -> Any:
        self.values += 1
        if self.values > MOST_VALUES:
            raise _Damaged(f"it holds more than {MOST_VALUES} values")
        place, tag = self.at, self.whole()
        if tag == NIL:
            return None
        if tag == NUMBER:
            return _number(*struct.unpack("<d", self.take(8)))
        if tag == STRING:
            return self.string()
        if tag == BOOLEAN:
            return self.whole() == 1
        if not TABLE <= tag <= CLOSURE:
            raise _Damaged(f"at byte {place} is a value of type {tag}, expected 0 to {CLOSURE}")
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise _Damaged(f"more than {MOST_DEPTH} tables and objects lie inside one another")
        found = self.function(None) if tag == FUNCTION else self.indexed(tag)
        self.depth -= 1
        return found

    def indexed(self, tag: int) -> Any:
        """What later values may refer to, or such a reference."""
        index = self.whole()
        if index in self.objects:
            if self.objects[index] is _UNFINISHED:
                raise _Damaged("a tensor holds itself")
            return self.objects[index]
        if tag == TABLE:
            return self.table(index)
        return self.torch_object(index) if tag == OBJECT else self.function(index)

    def table(self, index: int) -> Table:
        found = self.objects[index] = Table()
        count = self.whole()
        if not 0 <= 8 * count <= self.left:  # a key and a value are at least their types
            raise _Damaged(f"at byte {self.at} a table claims {count} entries, and {self.left} bytes are left")
        for _ in range(count):
            key = self.value()
            if key is None or isinstance(key, np.ndarray):
                raise _Damaged(f"at byte {self.at} a table has {'nil' if key is None else 'a tensor'} for a key")
            if key in found:
                raise _Damaged(f"at byte {self.at} a table has a key twice")
            found[key] = self.value()
        return found

    def torch_object(self, index: int) -> Any:
        name = self.string()
        if name.startswith("V "):  # without it, the file is older than versions are
            name = self.string()
        if not name.isprintable() or len(name) > MOST_NAME:
            raise _Damaged(f"at byte {self.at} an object has no proper class name")
        if array := _ARRAY.fullmatch(name):
            if (element := _ELEMENTS.get(array[1])) is None:
                raise _Damaged(f"at byte {self.at} is a {name}, which is not known")
            self.objects[index] = _UNFINISHED
            dtype = np.dtype(element or f"<i{self.width}")
            found = self.objects[index] = self.tensor(dtype) if array[2] == "Tensor" else self.storage(dtype)
            return found
        made = self.objects[index] = TorchObject(name)
        fields = self.value()
        if not isinstance(fields, Table):
            raise _Damaged(f"at byte {self.at} an object of class {name!r} has no table of fields")
        made.fields = fields
        return made

    def function(self, index: int | None) -> TorchObject:
        found = TorchObject("function")
        if index is not None:
            self.objects[index] = found
        self.take(self.whole())
        self.value()  # its upvalues, of which others may be references
        return found

    def tensor(self, dtype: np.dtype[Any]) -> np.ndarray:
        dimensions = self.whole()
        if not 0 <= dimensions <= MOST_DIMENSIONS:
            raise _Damaged(f"at byte {self.at} a tensor claims {dimensions} dimensions")
        sizes = [self.long() for _ in range(dimensions)]
        strides = [self.long() for _ in range(dimensions)]
        first = self.long() - 1
        storage = self.value()
        if dimensions == 0:
            return np.zeros(0, dtype)
        whole = isinstance(storage, np.ndarray) and storage.ndim == 1 and storage.flags.c_contiguous
        if not whole or storage.dtype != dtype:
            raise _Damaged(f"at byte {self.at} a tensor has no storage of its kind")
        last = first + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        if min(sizes) < 1 or min(strides) < 0 or first < 0 or last >= len(storage) or prod(sizes) > len(storage):
            raise _Damaged(
                f"a tensor of sizes {_list(sizes)} and strides {_list(strides)} from element {first + 1} on does not "
                f"fit its storage of {len(storage)}"
            )
        steps = [stride * dtype.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(storage[first:], sizes, steps, writeable=False)

    def storage(self, dtype: np.dtype[Any]) -> np.ndarray:
        count = self.long()
        if not 0 <= count <= self.left // dtype.itemsize:
            raise _Damaged(f"at byte {self.at} a storage claims {count} elements, and {self.left} bytes are left")
        self.at += count * dtype.itemsize
        return np.frombuffer(self.data, dtype, count, self.at - count * dtype.itemsize)

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, count: int) -> bytes:
        if not 0 <= count <= self.left:
            raise _Damaged(f"at byte {self.at} are {self.left} bytes left, expected {count}")
        self.at += count
        return self.data[self.at - count : self.at]

    def whole(self) -> int:
        return int.from_bytes(self.take(4), "little", signed=True)

    def long(self) -> int:
        return int.from_bytes(self.take(self.width), "little", signed=True)

    def string(self) -> str:
        return self.take(self.whole()).decode(errors="backslashreplace")


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _list(numbers: list[int]) -> str:
    return "x".join(map(str, numbers))
