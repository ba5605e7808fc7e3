"""Writes binary Torch7 files, so that tests need none: values, tensors, objects, shared things and cycles."""

import struct

import numpy as np

from neural_painter.fast.formats.torch7 import Table, TorchObject

TENSORS = {"<f4": "Float", "<f8": "Double", "|u1": "Byte", "|i1": "Char", "<i2": "Short", "<i4": "Int", "<i8": "Long"}


class Function:
    """A Lua function of some bytes and upvalues, written as one of the three kinds that there are."""

    def __init__(self, code=b"\x1bLJ\1", upvalues=None, tag=8):
        self.code, self.upvalues, self.tag = code, upvalues if upvalues is not None else Table(), tag


class Writer:
    """Gathers the bytes of a file.

    Args:
        width: bytes of a long.
        cuda: whether tensors are written as those of a GPU.
        versions: whether objects have a version before their name, as all but very old files do.
    """

    def __init__(self, width=8, *, cuda=False, versions=True):
        self.width, self.cuda, self.versions = width, cuda, versions
        self.data = bytearray()
        self.indices, self.kept = {}, []

    def write(self, value):
        if value is None:
            self.int(0)
        elif isinstance(value, bool):
            self.int(5)
            self.int(int(value))
        elif isinstance(value, int | float):
            self.int(1)
            self.data += struct.pack("<d", value)
        elif isinstance(value, str):
            self.int(2)
            self.string(value)
        elif isinstance(value, Function) and value.tag == 6:
            self.int(6)
            self.function(value)
        else:
            self.indexed(value)
        return self

    def indexed(self, value):
        tag = 3 if isinstance(value, Table) else value.tag if isinstance(value, Function) else 4
        self.int(tag)
        known = id(value) in self.indices
        self.kept.append(value)  # or another thing might get its id
        self.int(self.indices.setdefault(id(value), len(self.indices) + 1))
        if known:
            return
        if isinstance(value, Table):
            self.int(len(value))
            for key, entry in value.items():
                self.write(key)
                self.write(entry)
        elif isinstance(value, Function):
            self.function(value)
        elif isinstance(value, TorchObject):
            self.name(value.class_name)
            self.write(value.fields)
        else:
            self.tensor(value)

    def function(self, value):
        self.int(len(value.code))
        self.data += value.code
        self.write(value.upvalues)

    def tensor(self, value):
        """An array as a tensor; of a view, the storage is the whole array that it looks at."""
        whole = value if value.base is None else value.base
        name = TENSORS[whole.dtype.str]
        first = (value.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // whole.itemsize
        self.name(f"torch.{'Cuda' * self.cuda}{'' if self.cuda and name == 'Float' else name}Tensor")
        if not value.size:  # Torch's tensors of nothing have no dimensions and no storage
            self.int(0)
            self.long(1)
            self.int(0)
            return
        self.int(value.ndim)
        for number in (*value.shape, *(stride // value.itemsize for stride in value.strides), first + 1):
            self.long(number)
        self.int(4)
        known = ("storage", id(whole)) in self.indices
        self.int(self.indices.setdefault(("storage", id(whole)), len(self.indices) + 1))
        if not known:
            self.name(f"torch.{'Cuda' * self.cuda}{'' if self.cuda and name == 'Float' else name}Storage")
            self.long(whole.size)
            self.data += (whole.astype(f"<i{self.width}") if name == "Long" else whole).tobytes()

    def name(self, text):
        if self.versions:
            self.string("V 1")
        self.string(text)

    def int(self, number):
        self.data += struct.pack("<i", number)

    def long(self, number):
        self.data += number.to_bytes(self.width, "little", signed=True)

    def string(self, text):
        encoded = text.encode() if isinstance(text, str) else text
        self.int(len(encoded))
        self.data += encoded


def torch7_bytes(value, **settings):
    return bytes(Writer(**settings).write(value).data)


def table(*values, **fields):
    """A Lua table of these values under 1, 2 and so on, and of named ones."""
    return Table({**dict(enumerate(values, 1)), **fields})


def array(values, dtype="<f4"):
    return np.array(values, dtype)
