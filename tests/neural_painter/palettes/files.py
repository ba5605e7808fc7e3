"""Palettes of Adobe, written as its programs write them."""

import struct


def ase(*paints):
    """Of (name, model, values); a group around them, as Illustrator writes it."""
    blocks = [_block(0xC001, _name("Group"))]
    blocks += [
        _block(1, _name(name) + model + struct.pack(f">{len(values)}fH", *values, 2)) for name, model, values in paints
    ]
    blocks.append(_block(0xC002, b""))
    return b"ASEF" + struct.pack(">HHI", 1, 0, len(blocks)) + b"".join(blocks)


def aco(*paints, named=True):
    """Of (name, space, four numbers)."""
    made = struct.pack(">HH", 1, len(paints))
    made += b"".join(struct.pack(">H4H", space, *values) for _, space, values in paints)
    if named:
        made += struct.pack(">HH", 2, len(paints))
        for name, space, values in paints:
            made += struct.pack(">H4HI", space, *values, len(name) + 1) + (name + "\0").encode("utf-16-be")
    return made


def _block(kind, body):
    return struct.pack(">HI", kind, len(body)) + body


def _name(name):
    return struct.pack(">H", len(name) + 1) + (name + "\0").encode("utf-16-be")
