"""Runs a transform network on a picture of any size: layer by layer, each in strips, exactly and in little memory.

Instance norm wants the mean of a whole layer before the next can begin, so a picture cannot simply be cut into tiles:
each would be normalised by itself, and seams would show. Here every layer is computed whole before the next, strip by
strip. What lies between two convolutions (norm, ReLU, enlarging, the border) is done while a strip is put together, so
a layer is read once and written once. The widest layers of large pictures are not kept at all, but computed again.

Activations lie pixel by pixel, `[H, W, C]`, which is what oneDNN calls channels last.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from neural_painter.fast.network import MEANS, Architecture, TransformNetwork
from neural_painter.fast.norms import HeldNorms
from neural_painter.fast.strip_kernels import add_skip, add_up
from neural_painter.fast.strip_state import StripState
from neural_painter.fast.strip_steps import Activations, Again, Step
from neural_painter.journal import SECONDS, Keeper
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


@dataclass(frozen=True)
class _Sizes:
    """Of what a layer gives, and whether it is kept."""

    height: int
    width: int
    kept: bool


class _Work:
    """How far a layer has come.

    Attributes:
        row: rows that are done.
        origin: `[C]`: a pixel of it, from which the sums are counted.
        sums: `[shares, 2, C]` float64: what its norm is made of.
    """

    def __init__(self, earlier: StripState | None = None) -> None:
        self.earlier = earlier
        self.row = earlier.row if earlier else 0
        self.origin: Array | None = None

    def begin(self, raw: Activations) -> None:
        """Takes what an earlier call has left of a layer."""
        self.sums = np.zeros((core_count(), 2, raw.channels))
        if not (self.earlier and self.row):
            return
        self.sums = self.earlier.array("sums", None, 2, raw.channels, kind=np.float64).copy()
        if "origin" in self.earlier.arrays:
            self.origin = self.earlier.array("origin", raw.channels)
        if raw.values is not None:
            raw.values[: self.row] = self.earlier.array("rows", self.row, raw.width, raw.channels)

    def state(self, layer: int, raw: Activations, done: list[Activations]) -> StripState:
        """Where the picture stands in the middle of a layer."""
        arrays: dict[str, Array] = {"sums": self.sums}
        if self.origin is not None:
            arrays["origin"] = self.origin
        if raw.values is not None:
            arrays["rows"] = raw.values[: self.row]
        for index, old in enumerate(done[1:]):
            arrays |= {f"{index}.a": old.a, f"{index}.b": old.b}
            if old.values is not None:
                arrays[f"{index}.values"] = old.values
        return StripState(layer, self.row, arrays)


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
        self.steps = [Step(layer, network.part(index)) for index, layer in enumerate(self.layers)]
        self._spare = _Spare(spare)

    @torch.inference_mode()
    def __call__(
        self,
        picture: Array,
        *,
        on_state: Callable[[StripState], object] | None = None,
        state_seconds: float = SECONDS,
        state: StripState | None = None,
        norms: HeldNorms | None = None,
    ) -> Array:
        """The restyled picture.

        Args:
            picture: `[H, W, 3]` float32 in [0, 1].
            on_state: called between two strips with where the picture stands; nothing there may be changed or kept.
            state_seconds: about how often.
            state: of an earlier call for the same picture, to go on from; the result is equal to the byte.
            norms: statistics of the frames before, which are told those of this one; without, it is normed by its own.

        Returns:
            `[H, W, 3]` float32 in [0, 1]; what the network's own forward pass gives, but for rounding.

        Raises:
            InputError: the state is of another network or size.
        """
        architecture = self.network.architecture
        keeper = Keeper(on_state, state_seconds)
        done = [self._first(picture)]
        plan = self._plan(done[0].height, done[0].width)
        if state is not None:
            self._restore(state, plan, done)
        for index in range(len(done) - 1, len(self.layers)):
            work = _Work(state) if state is not None and state.layer == index else _Work()
            raw = self._compute(index, plan[index], done, work, keeper, norms)
            if self.layers[index].adds:
                before = done[-2]
                edge = (before.height - raw.height) // 2
                in_shares(
                    add_skip, raw.values, raw.a, raw.b, raw.relu, before.values, edge, before.a, before.b, before.relu
                )
                raw = Activations(raw.height, raw.width, raw.channels, raw.values)
            done.append(raw)
            self._let_go(done)
        last = done[-1]
        assert last.values is not None
        edge = architecture.offset
        kept = last.values[edge : edge + picture.shape[0], edge : edge + picture.shape[1]]
        return _picture(last, kept, architecture)  # in the last layer's own memory

    def _needed(self, done: list[Activations]) -> list[Activations]:
        """The layers that the next one looks at, none of which may be let go."""
        last, index = done[-1], len(done) - 1
        skipped = index < len(self.layers) and self.layers[index].adds
        return [last.source if isinstance(last, Again) else last, *([done[-2]] if skipped else [])]

    def _let_go(self, done: list[Activations]) -> None:
        """Lets go of layers that nothing looks at any more, before the next one."""
        needed = self._needed(done)
        for old in done:
            if old.values is not None and not any(old is one for one in needed):
                self._spare.give([old.values])
                old.values = None

    def _restore(self, state: StripState, plan: list[_Sizes], done: list[Activations]) -> None:
        """The layers that an earlier call has left, after the picture."""
        layers = list(zip(self.layers, self.steps, plan, strict=True))[: state.layer]
        for index, (layer, step, sizes) in enumerate(layers):
            size = sizes.height, sizes.width, layer.channels
            made = Activations(*size) if sizes.kept else Again(*size, step, done[-1])
            made.relu = layer.relu and not layer.adds
            made.a, made.b = (state.array(f"{index}.{name}", layer.channels) for name in ("a", "b"))
            done.append(made)
        for index, made in enumerate(done[1:]):
            if any(made is one for one in self._needed(done)):
                made.values = state.array(f"{index}.values", made.height, made.width, made.channels)
        self._let_go(done)

    def _first(self, picture: Array) -> Activations:
        """What the first layer takes."""
        values, front = _colours_in(picture, self.network.architecture.colors), self.network.architecture.front
        if front:
            values = np.pad(values, ((front, front), (front, front), (0, 0)), mode="reflect")
        return Activations(values.shape[0], values.shape[1], 3, values)

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

    def _compute(
        self,
        index: int,
        sizes: _Sizes,
        done: list[Activations],
        work: _Work,
        keeper: Keeper,
        norms: HeldNorms | None,
    ) -> Activations:
        """What a layer gives, with its norm."""
        layer, step, source, height, width = self.layers[index], self.steps[index], done[-1], sizes.height, sizes.width
        raw = (
            Activations(height, width, layer.channels, self._spare.take(height, width, layer.channels))
            if sizes.kept
            else Again(height, width, layer.channels, step, source)
        )
        raw.relu = layer.relu
        if not (sizes.kept or layer.norm):
            return raw
        work.begin(raw)
        wide = 4 * source.width * layer.enlarge * source.channels * (1 if layer.transposed else layer.stride)
        count = max(4, self.strip // wide)
        for first in range(work.row, height, count):
            last = min(first + count, height)
            rows = step.rows(source, first, last)
            if raw.values is not None:
                raw.values[first:last] = rows
            if layer.norm:
                work.origin = rows[0, 0].copy() if work.origin is None else work.origin
                in_shares(add_up, rows, work.origin, work.sums, shares=len(work.sums))
            work.row = last
            keeper.tick(lambda: work.state(index, raw, done))
        if layer.norm:
            assert work.origin is not None
            moments = work.sums.sum(0) / (height * width)
            self._norm(index, raw, work.origin, moments, norms)
            if step.by_kinds:
                _still(raw, work.origin, moments, step, source)
        return raw

    def _norm(self, index: int, raw: Activations, origin: Array, moments: Array, norms: HeldNorms | None) -> None:
        """Instance norm as a factor and an addend."""
        part = self.network.part(index)
        mean, variance = moments[0] + origin, np.maximum(moments[1] - moments[0] ** 2, 0)
        if norms is not None:
            mean, variance = norms.hold(index, mean, variance)
        factor = part.scale.detach().numpy() / np.sqrt(variance + self.network.architecture.epsilon)
        raw.a = factor.astype(np.float32)
        raw.b = (part.shift.detach().numpy() - factor * mean).astype(np.float32)


def _still(raw: Activations, origin: Array, moments: Array, step: Step, source: Activations) -> None:
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


def _picture(last: Activations, kept: Array, architecture: Architecture) -> Array:
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
