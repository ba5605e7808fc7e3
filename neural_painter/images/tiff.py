"""What a TIFF's tags say of its layout, before it is decoded."""

import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from PIL import TiffImagePlugin


def tags_of(file: BinaryIO) -> Any:
    """The tags of the first page: Pillow does not open TIFF of RGB floats, so its tags have to be read before.

    Raises:
        Exception: of many kinds, where they are damaged.
    """
    file.seek(0)
    header = file.read(8)
    if header[2] == 43 or header[3] == 43:  # BigTIFF
        header += file.read(8)
    tags = TiffImagePlugin.ImageFileDirectory_v2(header)
    file.seek(tags.next)
    tags.load(file)
    if 256 not in tags or 257 not in tags:
        raise struct.error("it states no size")
    return tags


def is_deep(tags: Any, say: Callable[[str], None]) -> bool:
    """Whether Pillow would cut samples to 8 bits; where it does so all the same, that is said."""
    bits = max(as_tuple(tags.get(258, 1)))
    if (bits, tags.get(262), tags.get(284, 1)) == (16, 5, 1):
        say("16-bit CMYK, read at 8 bits")  # by Pillow; converting CMYK has no more anyway
        return False
    return bool(bits > 8)


def check_layout(tags: Any) -> None:
    """Raises ValueError where OpenCV would refuse or garble the samples of a deep TIFF."""
    bits = set(as_tuple(tags.get(258, 1)))
    floats = set(as_tuple(tags.get(339, 1))) == {3}
    integers = set(as_tuple(tags.get(339, 1))) == {1}
    layout = (tags.get(262), tags.get(277, 1))  # photometric interpretation, samples per pixel
    known = layout in ((1, 1), (2, 3), (2, 4)) or (layout == (0, 1) and integers)
    depth = (integers and bits == {16}) or (floats and bits in ({32}, {64}))
    if not known or not depth or tags.get(284, 1) != 1:  # separate planes come out garbled
        kind = "floats" if floats else "integers"
        raise ValueError(f"TIFF of {tags.get(277, 1)} channels of {max(bits)}-bit {kind} in this layout not supported")


def as_tuple(value: Any) -> tuple[Any, ...]:
    """A tag's value as a tuple, however many there are."""
    return value if isinstance(value, tuple) else (value,)
