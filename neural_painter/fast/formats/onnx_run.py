"""Runs ONNX files of styles through OpenCV, ours and those of strangers."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from neural_painter.fast.config import MOST_GRAIN
from neural_painter.fast.files import ModelError, read_file
from neural_painter.fast.formats.feathering import even_side, run_feathered
from neural_painter.fast.formats.onnx_probe import trouble
from neural_painter.fast.formats.onnx_ranges import (
    BYTES,
    CENTRED,
    SIGNED,
    UNIT,
    Range,
    is_normed,
    range_in,
    range_of,
    range_out,
    shown,
)
from neural_painter.fast.formats.onnx_read import (
    Settled,
    Size,
    UnfitError,
    declared_size,
    layouts_of,
    read_onnx,
    settle,
    taken,
)
from neural_painter.fast.formats.onnx_write import GRAIN, RANGE, STYLE, UNIT_RANGE
from neural_painter.fast.grain import grain, grainy
from neural_painter.files import HEAD, kind_of
from neural_painter.images import resize
from neural_painter.kinds import begins_like_onnx

Array = np.ndarray

MEMORY = 1536 * 2**20
"""Bytes that the tensors of one run may take; larger pictures are run in tiles. The paper's network reaches it at 3
megapixels. OpenCV 5.0 takes 1.3 times as much as is counted here, 4.11 2.8 times."""

OVERLAP = 128
"""Pixels that tiles share. The paper's network looks 54 pixels far, so what borders do to a tile fades out."""

LEAST_SIDE, MORE = 32, 8
"""Pixels; shorter sides, and those not `MORE` longer than the graph's own borders, are filled up by reflection."""

LEAST_TILE = 32
"""Pixels a side of a file whose size is fixed."""

GRIDS = (1, 8, 32)
"""Sides that a graph may want to be multiples of, in the order in which they are tried."""

GROWTH = 8
"""Pixels by which a side may grow and is cropped again: after strides they are multiples of 4. More is resized."""

LONGEST_NAME = 100

_LOCK = threading.RLock()  # OpenCV's log level is global


def is_onnx(data: bytes, name: str) -> bool:
    """Whether a file of these bytes and this name begins like ONNX, or is called so and begins like nothing else."""
    return begins_like_onnx(data) or (name.lower().endswith(".onnx") and kind_of(data[:HEAD]) == "unknown data")


def _grain_of(told: str) -> float:
    """The strength of grain that a file tells of; 0 for what is none."""
    try:
        strength = float(told)
    except ValueError:
        return 0.0
    return strength if 0 <= strength <= MOST_GRAIN else 0.0


class OnnxModel:
    """A style from an ONNX file: one picture in, one out, float32 `[1, 3, H, W]`, RGB.

    Colours go from 0 to 1 in files of `export_onnx`, which say so in their metadata. In all others the graph tells, by
    what it does to a picture first and by what bounds the result (0 to 255, 0 to 1, -1 to 1); where it does not, the
    numbers that come out of a trial tell. Whatever leaves the range is clipped. Colours may come first or last.

    A size in the file is only a remark where its graph works at others: pictures are run whole. Where it does not, they
    are run in tiles of that size. What comes out a little larger is cropped, and resized where sizes differ by more.

    Pictures that would take more than `MEMORY` are run in tiles as well. Tiles are blended over their overlaps, so that
    no seam shows; but instance norm then sees each tile by itself, and contrast may wander from one to the next. Our
    own safetensors models are exact at any size.

    Args:
        path: the file. Nothing outside it is read.
        data: its bytes, where they have been read already.

    Attributes:
        path: the file.
        name: of the style: what the file says, else its stem.
        notes: sentences on what had to be assumed.

    Raises:
        ModelError: not an ONNX model, damaged, of another kind, or one that OpenCV cannot run; the package onnx is not
            installed.
    """

    def __init__(self, path: Path | str, data: bytes | None = None) -> None:
        self.path = Path(path)
        self._model = read_onnx(read_file(self.path) if data is None else data, self.path)
        about = {entry.key: entry.value for entry in self._model.metadata_props}
        self._ours = about.get(RANGE) == UNIT_RANGE
        self._grain = _grain_of(about.get(GRAIN, "0"))
        self._takes, self._gives = UNIT, UNIT  # until the range is found
        self.notes: list[str] = []
        self.name = " ".join(about.get(STYLE, "").split())[:LONGEST_NAME] or self.path.stem
        self._last = False
        self._fixed: Size | None = None
        self._grid, self._least, self._bytes_per_pixel = 1, LEAST_SIDE, 0.0
        self._loaded: tuple[Size, tuple[bool, Any]] | None = None
        self._find_sizes()

    def __call__(self, picture: Array) -> Array:
        """Restyles a picture.

        Args:
            picture: `[H, W, 3]` float32 in [0, 1].

        Returns:
            The same.

        Raises:
            ModelError: OpenCV fails at this size, or what comes out is not finite.
        """
        height, width = picture.shape[:2]
        if self._grain:
            picture = grainy(picture, grain(height, width, self._grain))
        if self._fixed:
            tile, overlap = self._fixed, (self._fixed[0] // 4, self._fixed[1] // 4)
        else:
            tile, overlap = self._tile(height, width), (OVERLAP, OVERLAP)
        if height <= tile[0] and width <= tile[1]:
            return self._run(np.ascontiguousarray(picture, np.float32))
        return run_feathered(picture, tile, overlap, self._run)

    def _tile(self, height: int, width: int) -> Size:
        """The tile to run: the whole picture where the memory allows that."""
        pixels = int(MEMORY / self._bytes_per_pixel)
        if height * width <= pixels:
            return height, width
        side = int(pixels**0.5)
        tall = height if height <= side else pixels // max(width, self._least) if width <= side else side
        wide = width if width <= side else pixels // max(tall, self._least)
        return even_side(height, tall, OVERLAP), even_side(width, wide, OVERLAP)

    def _find_sizes(self) -> None:
        """Finds out by trying which sizes the graph can run at."""
        unfit: UnfitError | None = None
        for last in layouts_of(self._model):
            for grid in GRIDS:
                near, far = ((side // grid * grid, (side + 2) // grid * grid) for side in (67, 99))
                try:
                    small, large = (settle(self._model, size, last=last) for size in (near, far))
                    if any(b - a < 16 for a, b in zip(small.size, large.size, strict=True)):
                        raise UnfitError("what comes out does not grow with what goes in")
                except UnfitError as error:
                    unfit = unfit or error
                    continue
                self._last, self._grid, self._least = last, grid, max(LEAST_SIDE, large.border + MORE)
                self._bytes_per_pixel = large.memory / (far[0] * far[1])
                if MEMORY / self._bytes_per_pixel < (2 * OVERLAP) ** 2:
                    raise ModelError(f"{self.path}: needs {self._bytes_per_pixel / 1e3:.0f} GB a megapixel")
                return self._try_out(small, near)
        return self._find_fixed(unfit)

    def _find_fixed(self, unfit: UnfitError | None) -> None:
        """Tries the size that the file asks for."""
        for last in layouts_of(self._model):
            height, width = declared_size(self._model, last=last)
            if not height or not width:
                continue
            try:
                settled = settle(self._model, (height, width), last=last)
            except UnfitError as error:
                unfit = error
                continue
            self._last, self._fixed = last, (height, width)
            if min(self._fixed) < LEAST_TILE or settled.memory > MEMORY:
                raise ModelError(f"{self.path}: takes pictures of {width}x{height} only, which cannot be run")
            return self._try_out(settled, self._fixed)
        raise self._unfit(unfit)

    def _try_out(self, settled: Settled, size: Size) -> None:
        """Runs a picture, first where a crash does no harm."""
        if why := trouble(settled.data, (1, *size, 3) if self._last else (1, 3, *size)):
            raise ModelError(f"{self.path}: OpenCV {cv2.__version__} {why}")
        self._find_range(size)

    def _find_range(self, size: Size) -> None:
        """Finds out from where to where colours go, in and out."""
        graph = self._model.graph
        takes, gives = (UNIT, UNIT) if self._ours else (range_in(graph), range_out(graph))
        told = takes is not None or gives is not None
        trial = _trial(size)
        if gives is None:
            self._takes = takes or BYTES
            gives = self._range_of_trial(trial)
            if takes is None and gives != BYTES:  # then bytes were not what it wants
                self._takes = gives
                gives = self._range_of_trial(trial)
        takes = takes or (BYTES if gives == CENTRED else gives)
        self._takes, self._gives = takes, gives
        self._raw(trial)  # whatever is wrong is told now
        if not told and not (takes == BYTES and is_normed(graph)):
            self.notes.append(f"{self.path}: its graph does not tell the range of colours; {shown(takes)} is assumed")

    def _range_of_trial(self, trial: Array) -> Range:
        result = self._raw(trial)
        least, most = float(result.min()), float(result.max())
        if (found := range_of(least, most)) is None:
            expected = f"{shown(BYTES)}, {shown(UNIT)} or {shown(SIGNED)}"
            raise ModelError(f"{self.path}: gives numbers from {least:.3g} to {most:.3g}, expected {expected}")
        return found

    def _run(self, picture: Array) -> Array:
        """A picture or tile that fits, of any size up to the fixed one."""
        height, width = picture.shape[:2]
        tall, wide = self._fixed or (-(-max(side, self._least) // self._grid) * self._grid for side in (height, width))
        if (tall, wide) != (height, width):
            picture = cv2.copyMakeBorder(picture, 0, tall - height, 0, wide - width, cv2.BORDER_REFLECT_101)
        low, high = self._gives
        result = (self._raw(picture) - np.float32(low)) / np.float32(high - low)
        result = np.ascontiguousarray(np.clip(result, 0, 1).transpose(1, 2, 0))
        grown = result.shape[0] - tall, result.shape[1] - wide
        if not all(0 <= more <= GROWTH for more in grown):
            result = resize(result, size=(tall, wide))
        return np.ascontiguousarray(result[:height, :width])

    def _raw(self, picture: Array) -> Array:
        """What the graph gives, `[3, h, w]`, finite."""
        low, high = self._takes
        blob = np.ascontiguousarray((picture if self._last else picture.transpose(2, 0, 1))[None])
        blob = blob * np.float32(high - low) + np.float32(low)
        with _hushed():
            gives_last, net = self._net((picture.shape[0], picture.shape[1]))
            try:
                net.setInput(blob)
                result = np.asarray(net.forward())
            except cv2.error as error:
                raise self._refused(error) from error
        if gives_last and result.ndim == 4:
            result = result.transpose(0, 3, 1, 2)
        if result.ndim != 4 or result.shape[:2] != (1, 3):
            raise ModelError(f"{self.path}: gives {list(result.shape)}, expected pictures [1, 3, H, W]")
        if not np.isfinite(result).all():
            raise ModelError(f"{self.path}: gives numbers that are not finite")
        return result[0]

    def _net(self, size: Size) -> tuple[bool, Any]:
        """Whether colours come last in what it gives, and OpenCV's network for pictures of a size; one is kept."""
        if self._loaded is None or self._loaded[0] != size:
            self._loaded = None
            try:
                settled: Settled = settle(self._model, size, last=self._last)
                net = cv2.dnn.readNetFromONNX(np.frombuffer(settled.data, np.uint8))
                self._loaded = size, (settled.gives_last, net)
            except UnfitError as error:
                raise self._unfit(error) from error
            except cv2.error as error:
                raise self._refused(error) from error
        return self._loaded[1]

    def _unfit(self, error: Exception | None) -> ModelError:
        return ModelError(f"{self.path}: its graph makes no sense ({error}; it takes {taken(self._model)})")

    def _refused(self, error: Any) -> Exception:
        if error.code == cv2.Error.StsNoMem or "bad_alloc" in str(error):
            return MemoryError(str(error))
        operator = re.search(r"Node \[(\w+)@", str(error))
        said = str(getattr(error, "err", error)).strip()
        reason = f"operator {operator[1]}" if operator else said.partition("\n")[0][:120]
        return ModelError(f"{self.path}: OpenCV {cv2.__version__} cannot run it ({reason})")


def _trial(size: Size) -> Array:
    """A picture with all colours, smooth and noisy, `[H, W, 3]` in [0, 1]."""
    noise = np.random.default_rng(0).random((*size, 3), np.float32)
    ramp = np.linspace(0, 1, size[1], dtype=np.float32)[None, :, None]
    return np.where(np.arange(size[0])[:, None, None] < size[0] // 2, noise, 0.9 * ramp + 0.1 * noise)


@contextmanager
def _hushed() -> Iterator[None]:
    """OpenCV would say on stderr what it raises as well."""
    log: Any = getattr(cv2.utils, "logging", cv2)  # up to 4.12 these were in cv2 itself
    with _LOCK:
        level = log.getLogLevel()
        log.setLogLevel(0)
        try:
            yield
        finally:
            log.setLogLevel(level)
