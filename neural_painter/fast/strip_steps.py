"""One convolution of a network on rows of a layer, with what lies between it and the one before: norm, ReLU, border."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from neural_painter.fast.network import Layer, same_zeros, transposed_first
from neural_painter.fast.strip_kernels import REFLECT, REPEAT, ZEROS, gather, gather_taps, interleave
from renderers.threads import in_shares

Array = np.ndarray


class Activations:
    """What a layer gives, before its norm; kept whole.

    Attributes:
        values: `[H, W, C]`.
        a, b: `[C]`: the norm, as a factor and an addend.
        relu: whether a ReLU follows the norm.
    """

    def __init__(self, height: int, width: int, channels: int, values: Array | None = None) -> None:
        self.height, self.width, self.channels = height, width, channels
        self.values = values
        self.a, self.b = np.ones(channels, np.float32), np.zeros(channels, np.float32)
        self.relu = False

    def rows(self, first: int, last: int) -> Array:
        """Rows `first` to `last`, `[last - first, W, C]`."""
        assert self.values is not None
        return self.values[first:last]


class Again(Activations):
    """The same, computed again whenever it is asked for."""

    def __init__(self, height: int, width: int, channels: int, step: Step, source: Activations) -> None:
        super().__init__(height, width, channels)
        self.step, self.source = step, source

    def rows(self, first: int, last: int) -> Array:
        return self.step.rows(self.source, first, last)


class Step:
    """The convolution of a layer, on rows."""

    def __init__(self, layer: Layer, part: Any) -> None:
        self.layer = layer
        last = torch.channels_last
        weight = part.weight.detach()
        self.bias = None if layer.norm else part.bias.detach()
        # A kernel of few outputs: each of its rows by itself, side by side, so that there are many; then their sum.
        self.by_taps = layer.channels == 3 and layer.kernel > 3 and layer.stride == 1 and not layer.transposed
        if self.by_taps:
            taps = weight.permute(2, 0, 1, 3).reshape(3 * layer.kernel, weight.shape[1], 1, layer.kernel)
            weight = F.pad(taps, (0, 0, 0, 0, 0, 0, 0, -len(taps) % 8))
        # A kernel of three on a picture enlarged twice sees each pixel of it twice, or once and its neighbour: four
        # kernels of two on the small picture, one for each kind of pixel, do the same with less than half the work.
        self.by_kinds = layer.enlarge == 2 and layer.kernel == 3 and layer.stride == 1 and layer.border == "reflect"
        if self.by_kinds:
            weight = _kinds(weight)
            self.bias = None if self.bias is None else self.bias.repeat(4)
        self.weight = weight.contiguous(memory_format=last)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Of what comes out."""
        layer = self.layer
        if layer.transposed:
            return height * layer.stride, width * layer.stride
        lost = layer.kernel - 1 if layer.border == "none" else 0
        sides = (-(-(side * layer.enlarge - lost) // layer.stride) for side in (height, width))
        return next(sides), next(sides)

    def rows(self, source: Activations, first: int, last: int) -> Array:
        """Rows `first` to `last` of what comes out, `[last - first, W, C]`."""
        if self.layer.transposed:
            return self._transposed(source, first, last)
        if self.by_kinds:
            return self._enlarged(source, first, last)
        layer = self.layer
        above, left, right = self._border(source)
        start, count = first * layer.stride - above, (last - first - 1) * layer.stride + layer.kernel
        buffer = np.empty((count, left + source.width * layer.enlarge + right, source.channels), np.float32)
        self._fill(source, start, left, buffer)
        if self.by_taps:
            parts = _convolution(buffer, self.weight, None, 1)
            out = np.empty((last - first, parts.shape[1], 3), np.float32)
            bias = np.zeros(3, np.float32) if self.bias is None else self.bias.numpy()
            in_shares(gather_taps, parts, bias, out)
            return out
        return _convolution(buffer, self.weight, self.bias, layer.stride)

    def _border(self, source: Activations) -> tuple[int, int, int]:
        """Pixels of border above, to the left and to the right."""
        layer = self.layer
        if layer.border == "same":
            above, _ = same_zeros(source.height * layer.enlarge, layer)
            return above, *same_zeros(source.width * layer.enlarge, layer)
        half = 0 if layer.border == "none" else layer.kernel // 2
        return half, half, half

    def _enlarged(self, source: Activations, first: int, last: int) -> Array:
        """Reflection of what is enlarged repeats the outermost pixels of what is not."""
        start = first // 2 - 1
        buffer = np.empty(((last - 1) // 2 + 2 - start, source.width + 2, source.channels), np.float32)
        self._fill(source, start, 1, buffer)
        out = np.empty((last - first, 2 * source.width, self.layer.channels), np.float32)
        in_shares(interleave, _convolution(buffer, self.weight, self.bias, 1), first, out)
        return out

    def _fill(self, source: Activations, start: int, left: int, buffer: Array) -> None:
        layer = self.layer
        enlarge = 1 if self.by_kinds else layer.enlarge
        tall = source.height * enlarge
        reach = np.arange(start, start + len(buffer))
        reach = np.abs(reach)  # what lies beyond the border is that far inside; zeros need nothing
        reach = np.clip(np.where(reach >= tall, 2 * (tall - 1) - reach, reach), 0, tall - 1) // enlarge
        top, bottom = int(reach.min()), int(reach.max()) + 1
        border = REPEAT if self.by_kinds else REFLECT if layer.border == "reflect" else ZEROS
        in_shares(
            gather, source.rows(top, bottom), top, source.height, source.a, source.b, source.relu, enlarge,
            border, start, left, buffer,
        )  # fmt: skip

    def _transposed(self, source: Activations, first: int, last: int) -> Array:
        layer, offset = self.layer, transposed_first(self.layer)
        top = max(0, -(-(first + offset - layer.kernel + 1) // layer.stride))
        bottom = min(source.height, (last - 1 + offset) // layer.stride + 1)
        buffer = np.empty((bottom - top, source.width, source.channels), np.float32)
        in_shares(
            gather, source.rows(top, bottom), top, source.height, source.a, source.b, source.relu, 1, ZEROS, top, 0,
            buffer,
        )  # fmt: skip
        y = F.conv_transpose2d(_as_tensor(buffer), self.weight, self.bias, layer.stride)
        row = first + offset - top * layer.stride
        y = y[0, :, row : row + last - first, offset : offset + source.width * layer.stride]
        return np.ascontiguousarray(y.permute(1, 2, 0).numpy())


def _kinds(weight: torch.Tensor) -> torch.Tensor:
    """Kernels `[4 * C, I, 2, 2]` of even and odd rows and columns, of one `[C, I, 3, 3]` on a picture enlarged."""
    even, odd = weight.new_tensor([[1, 0, 0], [0, 1, 1]]), weight.new_tensor([[1, 1, 0], [0, 0, 1]])
    return torch.cat(
        [torch.einsum("ay,bx,oiyx->oiab", rows, columns, weight) for rows in (even, odd) for columns in (even, odd)]
    )


def _as_tensor(rows: Array) -> torch.Tensor:
    return torch.from_numpy(rows).permute(2, 0, 1)[None]


def _convolution(rows: Array, weight: torch.Tensor, bias: torch.Tensor | None, stride: int) -> Array:
    y = F.conv2d(_as_tensor(rows), weight, bias, stride)
    # A picture one pixel wide counts as contiguous either way, so torch may answer in the other order.
    return np.ascontiguousarray(y[0].permute(1, 2, 0).numpy())
