"""Pictures of an animation as what has changed since the one before: for the file that keeps them while it is made."""

import zlib

import numpy as np

from neural_painter.errors import InputError

Array = np.ndarray


def difference(before: Array, after: Array) -> bytes:
    """What makes one picture of another of its size, uint8."""
    if after is before:
        return b""
    changed = before != after
    where = zlib.compress(np.packbits(changed).data, 1)
    return len(where).to_bytes(4, "little") + where + after[changed].tobytes()


def changed(before: Array, data: bytes) -> Array:
    """The picture that `difference` was given; the very same array where nothing had changed."""
    if not data:
        return before
    begin = 4 + int.from_bytes(data[:4], "little")
    bits = np.frombuffer(zlib.decompressobj().decompress(data[4:begin], before.size // 8 + 1), np.uint8)
    where = np.unpackbits(bits, count=before.size).view(bool).reshape(before.shape)
    after = before.copy()
    after[where] = np.frombuffer(data, np.uint8, offset=begin)
    return after


def laid_out(data: bytes, shape: tuple[int, ...], kind: type[np.generic]) -> Array:
    """Bytes as an array; raises InputError where they are of another one."""
    if len(data) != np.dtype(kind).itemsize * np.prod(shape, dtype=int):
        raise InputError("the unfinished work does not fit its document")
    return np.frombuffer(data, kind).reshape(shape)
