"""Compiled loops between two convolutions of a network that is run in strips; each a share of the rows.

Arrays lie pixel by pixel, `[H, W, C]` float32.
"""

import numpy as np

from renderers.kernels import kernel

REFLECT, ZEROS, REPEAT = 0, 1, 2
"""What lies beyond a border."""


@kernel()
def inside(i, size, border):  # type: ignore[no-untyped-def]
    """The row that stands for one beyond the border: that as far inside, or the outermost."""
    if border == REPEAT:
        return min(max(i, 0), size - 1)
    if i < 0:
        i = -i
    if i >= size:
        i = 2 * (size - 1) - i
    return min(max(i, 0), size - 1)


@kernel()
def gather(raw, start, height, a, b, relu, enlarge, border, first, before, out, share, shares):  # type: ignore[no-untyped-def]
    """Rows `first` and on of what a convolution takes, with its border, out of rows `start` and on of a layer.

    `before` columns lie left of the picture. Values are a times raw plus b, and not below zero where there is a ReLU.
    """
    rows, columns, channels = out.shape
    tall, wide = height * enlarge, raw.shape[1] * enlarge
    for row in range(share, rows, shares):
        y = first + row
        if border == ZEROS and (y < 0 or y >= tall):
            out[row] = 0
            continue
        source = raw[inside(y, tall, border) // enlarge - start]
        for column in range(columns):
            x = column - before
            if border == ZEROS and (x < 0 or x >= wide):
                for c in range(channels):
                    out[row, column, c] = 0
                continue
            x = inside(x, wide, border) // enlarge
            if relu:
                for c in range(channels):
                    out[row, column, c] = max(a[c] * source[x, c] + b[c], np.float32(0))
            else:
                for c in range(channels):
                    out[row, column, c] = a[c] * source[x, c] + b[c]


@kernel(fastmath={"reassoc", "contract", "nsz"})
def add_up(rows, origin, sums, share, shares):  # type: ignore[no-untyped-def]
    """Adds to sums of values less `origin`, and of their squares, `[shares, 2, C]` float64."""
    height, width, channels = rows.shape
    mine = sums[share]
    line = np.empty((2, channels), np.float32)
    for row in range(share, height, shares):
        line[:] = 0
        for column in range(width):
            for c in range(channels):
                value = rows[row, column, c] - origin[c]
                line[0, c] += value
                line[1, c] += value * value
        for c in range(channels):
            mine[0, c] += line[0, c]
            mine[1, c] += line[1, c]


@kernel(fastmath={"reassoc", "contract", "nsz"})
def gather_taps(parts, bias, out, share, shares):  # type: ignore[no-untyped-def]
    """Sums what the rows of a kernel gave, each in three channels of its own, to a picture's rows."""
    height, width, _ = out.shape
    kernel = parts.shape[0] - height + 1
    for row in range(share, height, shares):
        for column in range(width):
            for c in range(3):
                total = bias[c]
                for k in range(kernel):
                    total += parts[row + k, column, 3 * k + c]
                out[row, column, c] = total


@kernel()
def interleave(parts, first, out, share, shares):  # type: ignore[no-untyped-def]
    """Rows `first` and on of an enlarged picture, out of what its four kinds of pixels gave: even, odd; even, odd."""
    height, width, channels = out.shape
    for row in range(share, height, shares):
        odd = (first + row) & 1
        source = parts[(first + row) // 2 - first // 2 + odd]
        for column in range(width):
            kind = 2 * odd + (column & 1)
            for c in range(channels):
                out[row, column, c] = source[column // 2 + (column & 1), kind * channels + c]


@kernel()
def add_skip(raw, a, b, relu, skip, edge, skip_a, skip_b, skip_relu, share, shares):  # type: ignore[no-untyped-def]
    """In place: what a layer gives, plus what went into the layer before, which was `edge` pixels larger all around."""
    height, width, channels = raw.shape
    for row in range(share, height, shares):
        for column in range(width):
            for c in range(channels):
                value = a[c] * raw[row, column, c] + b[c]
                if relu:
                    value = max(value, np.float32(0))
                other = skip_a[c] * skip[row + edge, column + edge, c] + skip_b[c]
                if skip_relu:
                    other = max(other, np.float32(0))
                raw[row, column, c] = value + other
