"""The Triton kernels behind `photo/cuda.py`. Imports triton: only `cuda.py` imports it, and only to smooth."""

# mypy: allow-untyped-defs
# (Triton's types are not Python's: a kernel's arguments are pointers, numbers and compile-time constants.)

import triton
import triton.language as tl


@triton.jit
def _pixels(height, width, BLOCK: tl.constexpr):
    """Row and column of each of this program's pixels, and whether it is in the picture."""
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    return pixel // width, pixel % width, pixel < height * width


@triton.jit(do_not_specialize=("height", "width"))  # else it is compiled for each kind of size
def fit(photo, made, maps, height, width, ridge, BLOCK: tl.constexpr):
    """Least squares in a 3x3 patch. The offset has no ridge, so colours may be centred, and a 3x3 system is left."""
    row, column, here = _pixels(height, width, BLOCK)
    plane = height * width
    count = tl.zeros((BLOCK,), tl.float32)
    p0, p1, p2 = count, count, count
    q0, q1, q2 = count, count, count
    for k in tl.static_range(9):
        y, x = row + k // 3 - 1, column + k % 3 - 1
        inside = here & (y >= 0) & (y < height) & (x >= 0) & (x < width)
        at = y * width + x
        count += tl.where(inside, 1.0, 0.0)
        p0 += tl.load(photo + at, inside, 0.0)
        p1 += tl.load(photo + plane + at, inside, 0.0)
        p2 += tl.load(photo + 2 * plane + at, inside, 0.0)
        q0 += tl.load(made + at, inside, 0.0)
        q1 += tl.load(made + plane + at, inside, 0.0)
        q2 += tl.load(made + 2 * plane + at, inside, 0.0)
    count = tl.maximum(count, 1.0)
    p0, p1, p2 = p0 / count, p1 / count, p2 / count
    q0, q1, q2 = q0 / count, q1 / count, q2 / count
    zero = tl.zeros((BLOCK,), tl.float32)
    xx, yy, zz = zero + ridge, zero + ridge, zero + ridge
    xy, xz, yz = zero, zero, zero
    a0, a1, a2 = zero, zero, zero
    b0, b1, b2 = zero, zero, zero
    c0, c1, c2 = zero, zero, zero
    for k in tl.static_range(9):
        y, x = row + k // 3 - 1, column + k % 3 - 1
        inside = here & (y >= 0) & (y < height) & (x >= 0) & (x < width)
        at = y * width + x
        d0 = tl.where(inside, tl.load(photo + at, inside, 0.0) - p0, 0.0)
        d1 = tl.where(inside, tl.load(photo + plane + at, inside, 0.0) - p1, 0.0)
        d2 = tl.where(inside, tl.load(photo + 2 * plane + at, inside, 0.0) - p2, 0.0)
        e0 = tl.load(made + at, inside, 0.0) - q0
        e1 = tl.load(made + plane + at, inside, 0.0) - q1
        e2 = tl.load(made + 2 * plane + at, inside, 0.0) - q2
        xx += d0 * d0
        xy += d0 * d1
        xz += d0 * d2
        yy += d1 * d1
        yz += d1 * d2
        zz += d2 * d2
        a0 += d0 * e0
        a1 += d1 * e0
        a2 += d2 * e0
        b0 += d0 * e1
        b1 += d1 * e1
        b2 += d2 * e1
        c0 += d0 * e2
        c1 += d1 * e2
        c2 += d2 * e2
    # The inverse of a symmetric matrix by its cofactors. In float32 little would be left of them where the photo is
    # grey: the ridge is a thousandth of the colours' variance there, and the determinant a millionth.
    xx, yy, zz = xx.to(tl.float64), yy.to(tl.float64), zz.to(tl.float64)
    xy, xz, yz = xy.to(tl.float64), xz.to(tl.float64), yz.to(tl.float64)
    i00, i01, i02 = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    i11, i12, i22 = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    scale = 1.0 / (xx * i00 + xy * i01 + xz * i02)
    out = maps + (row * width + column).to(tl.int64) * 12  # int32 ends at 179 megapixels
    for c in tl.static_range(3):
        r0 = a0 if c == 0 else (b0 if c == 1 else c0)
        r1 = a1 if c == 0 else (b1 if c == 1 else c1)
        r2 = a2 if c == 0 else (b2 if c == 1 else c2)
        q = q0 if c == 0 else (q1 if c == 1 else q2)
        s0 = (i00 * r0 + i01 * r1 + i02 * r2) * scale
        s1 = (i01 * r0 + i11 * r1 + i12 * r2) * scale
        s2 = (i02 * r0 + i12 * r1 + i22 * r2) * scale
        tl.store(out + 4 * c, s0, here)
        tl.store(out + 4 * c + 1, s1, here)
        tl.store(out + 4 * c + 2, s2, here)
        tl.store(out + 4 * c + 3, q - s0 * p0 - s1 * p1 - s2 * p2, here)


@triton.jit(do_not_specialize=("height", "width"))  # else it is compiled for each kind of size
def mean(photo, maps, spatial, out, height, width, radius, sharpness, BLOCK: tl.constexpr):
    """The mean of maps around each pixel, weighed by distance and by likeness of colour."""
    row, column, here = _pixels(height, width, BLOCK)
    plane = height * width
    pixel = row * width + column
    r = tl.load(photo + pixel, here, 0.0)
    g = tl.load(photo + plane + pixel, here, 0.0)
    b = tl.load(photo + 2 * plane + pixel, here, 0.0)
    entry = tl.arange(0, 16)
    total = tl.zeros((BLOCK, 16), tl.float32)
    norm = tl.zeros((BLOCK,), tl.float32)
    side = 2 * radius + 1
    for i in range(side):
        y = row + i - radius
        for j in range(side):
            x = column + j - radius
            inside = here & (y >= 0) & (y < height) & (x >= 0) & (x < width)
            at = y * width + x
            dr = tl.load(photo + at, inside, 0.0) - r
            dg = tl.load(photo + plane + at, inside, 0.0) - g
            db = tl.load(photo + 2 * plane + at, inside, 0.0) - b
            weight = tl.load(spatial + i * side + j) * tl.exp(-(dr * dr + dg * dg + db * db) * sharpness)
            weight = tl.where(inside, weight, 0.0)
            wanted = inside[:, None] & (entry < 12)[None, :]
            total += weight[:, None] * tl.load(maps + at.to(tl.int64)[:, None] * 12 + entry[None, :], wanted, 0.0)
            norm += weight
    result = total / tl.maximum(norm, 1e-30)[:, None]
    tl.store(out + pixel.to(tl.int64)[:, None] * 12 + entry[None, :], result, here[:, None] & (entry < 12)[None, :])
