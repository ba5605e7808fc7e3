"""The loops of local-affine smoothing on the CPU; a share of the work each, so that they run side by side.

`smoothing` says what they compute and holds the readable twin; the same in Triton is in `cuda_kernels`.
"""

import math

import numpy as np

from renderers.kernels import kernel

TILE = 32
"""Pixels along the side of a tile."""


@kernel()
def fit_kernel(photo, made, ridge, maps, share, shares):  # type: ignore[no-untyped-def]
    """The best affine map of every 3x3 patch. The offset has no ridge: with colours centred, a 3x3 system is left."""
    height, width, _ = photo.shape
    p, q, d = np.empty(3), np.empty(3), np.empty(3)
    cross = np.empty((3, 3))
    for row in range(share, height, shares):
        for column in range(width):
            top, bottom = max(row - 1, 0), min(row + 2, height)
            left, right = max(column - 1, 0), min(column + 2, width)
            count = (bottom - top) * (right - left)
            p[:] = 0
            q[:] = 0
            for y in range(top, bottom):
                for x in range(left, right):
                    for c in range(3):
                        p[c] += photo[y, x, c] / count
                        q[c] += made[y, x, c] / count
            xx = yy = zz = ridge
            xy = xz = yz = 0.0
            cross[:] = 0
            for y in range(top, bottom):
                for x in range(left, right):
                    for c in range(3):
                        d[c] = photo[y, x, c] - p[c]
                    xx += d[0] * d[0]
                    xy += d[0] * d[1]
                    xz += d[0] * d[2]
                    yy += d[1] * d[1]
                    yz += d[1] * d[2]
                    zz += d[2] * d[2]
                    for c in range(3):
                        for k in range(3):
                            cross[c, k] += d[k] * (made[y, x, c] - q[c])
            i00, i01, i02 = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
            i11, i12, i22 = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
            scale = 1 / (xx * i00 + xy * i01 + xz * i02)
            for c in range(3):
                r0, r1, r2 = cross[c, 0] * scale, cross[c, 1] * scale, cross[c, 2] * scale
                s0, s1, s2 = (
                    i00 * r0 + i01 * r1 + i02 * r2,
                    i01 * r0 + i11 * r1 + i12 * r2,
                    i02 * r0 + i12 * r1 + i22 * r2,
                )
                maps[row, column, 4 * c], maps[row, column, 4 * c + 1], maps[row, column, 4 * c + 2] = s0, s1, s2
                maps[row, column, 4 * c + 3] = q[c] - s0 * p[0] - s1 * p[1] - s2 * p[2]


@kernel(fastmath={"contract", "reassoc", "arcp", "nsz"})
def bilateral_kernel(photo, maps, spatial, sharpness, out, share, shares):  # type: ignore[no-untyped-def]
    """The mean of maps around a pixel, weighed by distance and by likeness of colour; tile by tile."""
    height, width, _ = photo.shape
    radius = (len(spatial) - 1) // 2
    rows, columns = (height + TILE - 1) // TILE, (width + TILE - 1) // TILE
    total = np.empty(12, np.float32)
    for tile in range(share, rows * columns, shares):
        top, left = tile // columns * TILE, tile % columns * TILE
        for row in range(top, min(top + TILE, height)):
            for column in range(left, min(left + TILE, width)):
                r, g, b = photo[row, column, 0], photo[row, column, 1], photo[row, column, 2]
                total[:] = 0
                norm = np.float32(0)
                for y in range(max(row - radius, 0), min(row + radius + 1, height)):
                    for x in range(max(column - radius, 0), min(column + radius + 1, width)):
                        dr, dg, db = photo[y, x, 0] - r, photo[y, x, 1] - g, photo[y, x, 2] - b
                        far = (dr * dr + dg * dg + db * db) * sharpness
                        if far > 20:  # a weight below 2e-9
                            continue
                        weight = spatial[y - row + radius, x - column + radius] * math.exp(-far)
                        norm += weight
                        for k in range(12):
                            total[k] += weight * maps[y, x, k]
                for k in range(12):
                    out[row, column, k] = total[k] / norm


@kernel(fastmath={"contract", "reassoc", "arcp", "nsz"})
def carry_kernel(maps, small, photo, sharpness, out, share, shares):  # type: ignore[no-untyped-def]
    """Joint bilateral upsampling of maps from the 4x4 nearest, applied on the way."""
    rows, columns, _ = small.shape
    height, width, _ = photo.shape
    total = np.empty(12, np.float32)
    for row in range(share, height, shares):
        y = np.float32((row + 0.5) * rows / height - 0.5)
        top = math.floor(y)
        for column in range(width):
            x = np.float32((column + 0.5) * columns / width - 0.5)
            left = math.floor(x)
            r, g, b = photo[row, column, 0], photo[row, column, 1], photo[row, column, 2]
            total[:] = 0
            norm = np.float32(0)
            for i in range(max(top - 1, 0), min(top + 3, rows)):
                for j in range(max(left - 1, 0), min(left + 3, columns)):
                    dr, dg, db = small[i, j, 0] - r, small[i, j, 1] - g, small[i, j, 2] - b
                    dy, dx = np.float32(i) - y, np.float32(j) - x
                    far = (dr * dr + dg * dg + db * db) * sharpness + (dy * dy + dx * dx) * np.float32(0.8)
                    # The floor lets a colour that none of the neighbours has still get a map.
                    weight = np.float32(math.exp(-far)) + np.float32(1e-9)
                    norm += weight
                    for k in range(12):
                        total[k] += weight * maps[i, j, k]
            for c in range(3):
                value = total[4 * c] * r + total[4 * c + 1] * g + total[4 * c + 2] * b + total[4 * c + 3]
                out[row, column, c] = value / norm
