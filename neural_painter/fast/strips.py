"""Runs a transform network on a picture of any size: layer by layer, each in strips, exactly and in little memory.

Instance norm wants the mean of a whole layer before the next can begin, so a picture cannot simply be cut into tiles:
each would be normalised by itself, and seams would show. Here every layer is computed whole before the next, strip by
strip. What lies between two convolutions (norm, ReLU, enlarging, the border) is done while a strip is put together, so
a layer is read once and written once. The widest layers of large pictures are not kept at all, but computed again.

Activations lie pixel by pixel, `[H, W, C]`, which is what oneDNN calls channels last.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from neural_painter.fast.network import (
    MEANS,
    Architecture,
    Layer,
    TransformNetwork,
    same_zeros,
    transposed_first,
)
from neural_painter.fast.strip_kernels import (
    REFLECT,
    REPEAT,
    ZEROS,
    add_skip,
    add_up,
    gather,
    gather_taps,
    interleave,
)
from renderers.threads import core_count, in_shares

Array = np.ndarray

STRIP_BYTES = 16 << 20
"""About how large the input of one convolution is. Measured: 2 and 6 MiB take 28 and 18 % longer, 48 MiB 13 %."""

KEPT_BYTES = 512 << 20
"""Layers larger than this are computed twice instead of being kept."""

SPARE_BYTES = 256 << 20
"""Of arrays that a model keeps for the next layer, or the next picture."""

SUSPECT = 1e-8
"""Variances below so many squared means may be rounding; then the bound is looked at."""

ROUNDING = 5e-7
"""Of the sum of absolute terms: what the order of adding them changes at most; measured: 1e-7."""


class _Activations:
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


class _Again(_Activations):
    """The same, computed again whenever it is asked for."""

    def __init__(self, height: int, width: int, channels: int, step: _Step, source: _Activations) -> None:
        super().__init__(height, width, channels)
        self.step, self.source = step, source

    def rows(self, first: int, last: int) -> Array:
        return self.step.rows(self.source, first, last)


class _Spare:
    """Arrays that are used again: fresh memory costs a fifth of the whole time, for the system clears it first."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: list[Array] = []
        self._lock = threading.Lock()

    def take(self, *shape: int) -> Array:
        """An array `[H, W, C]` float32 with anything in it."""
        count = int(np.prod(shape))
        with self._lock:
            for index, spare in enumerate(self._kept):
                if spare.size == count:
                    return self._kept.pop(index).reshape(shape)
        return np.empty(shape, np.float32)

    def give(self, arrays: list[Array]) -> None:
        """Takes arrays back that nothing looks at any more, up to `most` bytes of them."""
        with self._lock:
            for array in arrays:
                if array.nbytes + sum(spare.nbytes for spare in self._kept) <= self.most:
                    self._kept.append(array)


class _Step:
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

    def rows(self, source: _Activations, first: int, last: int) -> Array:
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

    def _border(self, source: _Activations) -> tuple[int, int, int]:
        """Pixels of border above, to the left and to the right."""
        layer = self.layer
        if layer.border == "same":
            above, _ = same_zeros(source.height * layer.enlarge, layer)
            return above, *same_zeros(source.width * layer.enlarge, layer)
        half = 0 if layer.border == "none" else layer.kernel // 2
        return half, half, half

    def _enlarged(self, source: _Activations, first: int, last: int) -> Array:
        """Reflection of what is enlarged repeats the outermost pixels of what is not."""
        start = first // 2 - 1
        buffer = np.empty(((last - 1) // 2 + 2 - start, source.width + 2, source.channels), np.float32)
        self._fill(source, start, 1, buffer)
        out = np.empty((last - first, 2 * source.width, self.layer.channels), np.float32)
        in_shares(interleave, _convolution(buffer, self.weight, self.bias, 1), first, out)
        return out

    def _fill(self, source: _Activations, start: int, left: int, buffer: Array) -> None:
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

    def _transposed(self, source: _Activations, first: int, last: int) -> Array:
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


@dataclass(frozen=True)
class _Sizes:
    """Of what a layer gives, and whether it is kept."""

    height: int
    width: int
    kept: bool


class Strips:
    """A transform network made ready to run on the CPU, on pictures of any size.

    Args:
        network: with its weights.
        strip: bytes of the input of one convolution.
        kept: bytes up to which a layer is kept whole.
        spare: bytes of arrays that wait for the next layer or picture.
    """

    def __init__(
        self, network: TransformNetwork, *, strip: int = STRIP_BYTES, kept: int = KEPT_BYTES, spare: int = SPARE_BYTES
    ) -> None:
        self.network, self.strip, self.kept = network, strip, kept
        self.layers = network.architecture.layers
        self.steps = [_Step(layer, network.part(index)) for index, layer in enumerate(self.layers)]
        self._spare = _Spare(spare)

    @torch.inference_mode()
    def __call__(self, picture: Array) -> Array:
        """The restyled picture.

        Args:
            picture: `[H, W, 3]` float32 in [0, 1].

        Returns:
            `[H, W, 3]` float32 in [0, 1]; what the network's own forward pass gives, but for rounding.
        """
        architecture = self.network.architecture
        source = self._first(picture)
        plan = self._plan(source.height, source.width)
        before: _Activations | None = None
        for index, (layer, step, sizes) in enumerate(zip(self.layers, self.steps, plan, strict=True)):
            raw = self._compute(index, step, sizes, source)
            if layer.adds:
                assert before is not None
                edge = (before.height - raw.height) // 2
                in_shares(
                    add_skip, raw.values, raw.a, raw.b, raw.relu, before.values, edge, before.a, before.b, before.relu
                )
                raw = _Activations(raw.height, raw.width, raw.channels, raw.values)
            needed = index + 1 < len(self.layers) and self.layers[index + 1].adds
            left = [before, None if needed or isinstance(raw, _Again) else source]
            self._spare.give([old.values for old in left if old and old.values is not None])
            left.clear()  # what is not kept is let go before the next layer
            before, source = source if needed else None, raw
        assert source.values is not None
        edge = architecture.offset
        kept = source.values[edge : edge + picture.shape[0], edge : edge + picture.shape[1]]
        return _picture(source, kept, architecture)  # in the last layer's own memory

    def _first(self, picture: Array) -> _Activations:
        """What the first layer takes."""
        values, front = _colours_in(picture, self.network.architecture.colors), self.network.architecture.front
        if front:
            values = np.pad(values, ((front, front), (front, front), (0, 0)), mode="reflect")
        return _Activations(values.shape[0], values.shape[1], 3, values)

    def _plan(self, height: int, width: int) -> list[_Sizes]:
        """Sizes of all layers. The largest ones are not kept, if nothing else needs them and their neighbours are."""
        sizes = []
        for step in self.steps:
            height, width = step.size(height, width)
            sizes.append((height, width))
        spaces = [4 * h * w * layer.channels for (h, w), layer in zip(sizes, self.layers, strict=True)]
        plan: list[_Sizes] = []
        for index, (h, w) in enumerate(sizes):
            last = index == len(sizes) - 1
            around = spaces[max(0, index - 1) : index + 2]
            skips = self.layers[index].adds or any(layer.adds for layer in self.layers[index + 2 : index + 3])
            again = not last and not skips and spaces[index] > self.kept and spaces[index] == max(around)
            plan.append(_Sizes(h, w, kept=not again or (index > 0 and not plan[-1].kept)))
        return plan

    def _compute(self, index: int, step: _Step, sizes: _Sizes, source: _Activations) -> _Activations:
        """What a layer gives, with its norm."""
        layer, height, width = step.layer, sizes.height, sizes.width
        raw = (
            _Activations(height, width, layer.channels, self._spare.take(height, width, layer.channels))
            if sizes.kept
            else _Again(height, width, layer.channels, step, source)
        )
        raw.relu = layer.relu
        if sizes.kept or layer.norm:
            origin: Array | None = None
            shares = core_count()
            sums = np.zeros((shares, 2, layer.channels))
            wide = 4 * source.width * layer.enlarge * source.channels * (1 if layer.transposed else layer.stride)
            count = max(4, self.strip // wide)
            for first in range(0, height, count):
                last = min(first + count, height)
                rows = step.rows(source, first, last)
                if raw.values is not None:
                    raw.values[first:last] = rows
                if layer.norm:
                    origin = rows[0, 0].copy() if origin is None else origin
                    in_shares(add_up, rows, origin, sums, shares=shares)
            if layer.norm:
                assert origin is not None
                moments = sums.sum(0) / (height * width)
                self._norm(index, raw, origin, moments)
                if step.by_kinds:
                    _still(raw, origin, moments, step, source)
        return raw

    def _norm(self, index: int, raw: _Activations, origin: Array, moments: Array) -> None:
        """Instance norm as a factor and an addend."""
        part = self.network.part(index)
        variance = np.maximum(moments[1] - moments[0] ** 2, 0)
        factor = part.scale.detach().numpy() / np.sqrt(variance + self.network.architecture.epsilon)
        raw.a = factor.astype(np.float32)
        raw.b = (part.shift.detach().numpy() - factor * (moments[0] + origin)).astype(np.float32)


def _still(raw: _Activations, origin: Array, moments: Array, step: _Step, source: _Activations) -> None:
    """Sets channels that vary by rounding alone to their shift, where a norm would blow the rounding up.

    The four kinds of an enlarged pixel add up in different orders, so where all pixels are alike they differ by that.
    """
    mean, variance = moments[0] + origin, moments[1] - moments[0] ** 2
    if source.values is None or not (variance < SUSPECT * mean**2 + SUSPECT**2).any():
        return
    pixels = source.values.reshape(-1, source.channels)
    most = np.maximum(np.abs(source.a * pixels.min(0) + source.b), np.abs(source.a * pixels.max(0) + source.b))
    taps = step.weight.abs().sum((2, 3)).reshape(4, raw.channels, -1).amax(0).numpy()
    still = variance < (ROUNDING * (taps @ most)) ** 2
    raw.b = np.where(still, raw.b + raw.a * mean, raw.b).astype(np.float32)
    raw.a = np.where(still, 0, raw.a).astype(np.float32)


def _colours_in(picture: Array, colors: str) -> Array:
    values = np.ascontiguousarray(picture, np.float32) * np.float32(255)
    if colors == "raw":
        return values
    values -= np.array(MEANS[colors], np.float32)
    return np.ascontiguousarray(values[:, :, ::-1]) if colors == "caffe" else values


def _picture(last: _Activations, kept: Array, architecture: Architecture) -> Array:
    """What is kept of the last layer as a picture; in place."""
    values = torch.from_numpy(kept).mul_(torch.from_numpy(last.a)).add_(torch.from_numpy(last.b))
    if last.relu:
        values = values.relu_()
    if architecture.ending == "tanh":
        values = values.tanh_()
    values = values.mul_(architecture.amplitude / 255)
    if architecture.colors == "caffe":
        values = values.flip(2)
    values += torch.tensor(architecture.means) / 255
    return np.ascontiguousarray(values.clamp_(0, 1).numpy())
