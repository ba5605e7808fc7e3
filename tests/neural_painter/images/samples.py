"""Pictures of every kind; PNG, TIFF and ICC profiles that Pillow cannot write are put together by hand."""

import io
import struct
import zlib

import numpy as np

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # PNG colour types
CANVAS = (0.2, 0.4, 0.6)


def noise(height, width, channels, top=255, seed=0):
    return np.random.default_rng(seed).integers(0, top + 1, (height, width, channels))


def smooth(height=48, width=64):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * x / width, 255 * y / height, 128 + 0 * x], -1).astype(np.uint8)


def png(samples, depth, kind, *extra):
    """A PNG of `[H, W, C]` samples of 1 to 16 bits; `extra` are (name, data) chunks before the pixels."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = samples.shape[:2]
    rows = samples.astype(">u2" if depth == 16 else "u1").reshape(height, -1)
    if depth < 8:
        bits = (rows[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        rows = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    middle = b"".join(chunk(name, data) for name, data in extra)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + middle + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def tiff(samples, photometric, *, extra=None, turn=1, planar=1, order="<", profile=None):
    """An uncompressed TIFF of `[H, W, C]` samples of any type, in one strip."""
    height, width, channels = samples.shape
    bits, form = samples.dtype.itemsize * 8, 3 if samples.dtype.kind == "f" else 1
    pixels = (
        (np.moveaxis(samples, 2, 0) if planar == 2 else samples).astype(samples.dtype.newbyteorder(order)).tobytes()
    )
    strips = channels if planar == 2 else 1
    tags = {256: [width], 257: [height], 258: [bits] * channels, 259: [1], 262: [photometric], 273: [0] * strips}
    tags |= {274: [turn], 277: [channels], 278: [height], 279: [len(pixels) // strips] * strips, 284: [planar]}
    tags |= {339: [form] * channels} | ({} if extra is None else {338: [extra]})
    tags |= {} if profile is None else {34675: profile}
    data = 8 + 2 + 12 * len(tags) + 4
    tags[273] = [8 + 0] * strips
    bodies, entries = b"", b""
    long_values = {tag: v for tag, v in tags.items() if len(v) * (1 if isinstance(v, bytes) else 4) > 4}
    start = data + sum(len(v) if isinstance(v, bytes) else 4 * len(v) for v in long_values.values())
    tags[273] = [start + i * (len(pixels) // strips) for i in range(strips)]
    for tag in sorted(tags):
        value = tags[tag]
        packed = value if isinstance(value, bytes) else struct.pack(f"{order}{len(value)}I", *value)
        kind = 7 if isinstance(value, bytes) else 4
        entries += struct.pack(f"{order}HHI", tag, kind, len(value))
        entries += packed if len(packed) == 4 else struct.pack(f"{order}I", data + len(bodies))
        bodies += packed if len(packed) != 4 else b""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    header = mark + struct.pack(f"{order}I", 8) + struct.pack(f"{order}H", len(tags)) + entries + b"\0\0\0\0"
    assert len(header) == data
    return header + bodies + pixels


def icc(device_class, space, connection, tags):
    """An ICC profile, version 4.2, from named tags."""
    tags = {b"wtpt": xyz(0.9642, 1, 0.8249), b"cprt": text("none"), b"desc": text("by hand"), **tags}
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s", 128 + len(table) + len(body), b"\0" * 4, 0x04200000, device_class, space, connection
    )
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + table + body


def xyz(*values):
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def text(words):
    encoded = words.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(encoded), 28) + encoded


def swapped_profile(curve=(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)):
    """sRGB with red and green exchanged: the exact conversion swaps two channels."""
    curve = b"para\0\0\0\0\0\x03\0\0" + struct.pack(">5i", *(round(value * 65536) for value in curve))
    red, green, blue = xyz(0.43607, 0.22249, 0.01392), xyz(0.38515, 0.71687, 0.09708), xyz(0.14307, 0.06061, 0.7141)
    curves = {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return icc(b"mntr", b"RGB ", b"XYZ ", {b"rXYZ": green, b"gXYZ": red, b"bXYZ": blue, **curves})


def red_cyan_profile():
    """CMYK whose first ink is red; any other ink is black."""
    ramp = bytes(range(256))
    corners = [(255, 128, 128)] + [(0, 128, 128)] * 7 + [(136, 208, 195)] + [(0, 128, 128)] * 7  # Lab of 16 ink corners
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + bytes(sum(corners, ())) + ramp * 3
    return icc(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table, b"A2B1": table})


def saved(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def same(picture, expected, top=255):
    np.testing.assert_array_equal(picture, np.asarray(expected, np.float32) / np.float32(top))


def stored_for(upright, turn):
    """How a picture that should be seen as `upright` lies in a file of that EXIF orientation."""
    return {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[turn]
