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

from neural_painter.fast.files import ModelError, read_file
from neural_painter.fast.formats.feathering import even_side, run_feathered
from neural_painter.fast.formats.onnx_probe import survives
from neural_painter.fast.formats.onnx_read import Settled, Size, UnfitError, declared_size, read_onnx, settle
from neural_painter.fast.formats.onnx_write import RANGE, STYLE, UNIT_RANGE
from neural_painter.images import resize

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

CONTRAST = 4.0
"""Of a model whose colours go to 255: noise comes out with at least so much between darkest and lightest."""

LONGEST_NAME = 100

BEGINNING = re.compile(rb"\x08[\x03-\x1f][\x10-\x7a]")
"""The version of the format, which is all that ONNX files begin with; then the next field."""

_LOCK = threading.RLock()  # OpenCV's log level is global


def is_onnx(data: bytes, name: str) -> bool:
    """Whether a file of these bytes and this name is called or begins like ONNX, which has no mark of its own."""
    return name.lower().endswith(".onnx") or BEGINNING.match(data) is not None


class OnnxModel:
    """A style from an ONNX file: one picture in, one out, float32 `[1, 3, H, W]`, RGB.

    Colours go from 0 to 1 in files of `export_onnx`, which say so in their metadata; in all others from 0 to 255, as in
    the fast neural styles of ONNX's collection. Whatever leaves that range is clipped.

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

    Raises:
        ModelError: not an ONNX model, damaged, of another kind, or one that OpenCV cannot run.
    """

    def __init__(self, path: Path | str, data: bytes | None = None) -> None:
        self.path = Path(path)
        self._model = read_onnx(read_file(self.path) if data is None else data, self.path)
        about = {entry.key: entry.value for entry in self._model.metadata_props}
        self._top = 1.0 if about.get(RANGE) == UNIT_RANGE else 255.0
        self.name = " ".join(about.get(STYLE, "").split())[:LONGEST_NAME] or self.path.stem
        self._fixed: Size | None = None
        self._grid, self._least, self._bytes_per_pixel = 1, LEAST_SIDE, 0.0
        self._loaded: tuple[Size, Any] | None = None
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
        for grid in GRIDS:
            near, far = ((side // grid * grid, (side + 2) // grid * grid) for side in (67, 99))
            try:
                small, large = settle(self._model, near), settle(self._model, far)
                if any(b - a < 16 for a, b in zip(small.size, large.size, strict=True)):
                    raise UnfitError("what comes out does not grow with what goes in")
            except UnfitError as error:
                unfit = unfit or error
                continue
            self._grid, self._least = grid, max(LEAST_SIDE, large.border + MORE)
            self._bytes_per_pixel = large.memory / (far[0] * far[1])
            if MEMORY / self._bytes_per_pixel < (2 * OVERLAP) ** 2:
                raise ModelError(f"{self.path}: needs {self._bytes_per_pixel / 1e3:.0f} GB a megapixel")
            return self._try_out(small, near)
        height, width = declared_size(self._model)
        if not height or not width:
            raise self._unfit(unfit)
        try:
            self._fixed, settled = (height, width), settle(self._model, (height, width))
        except UnfitError as error:
            raise self._unfit(error) from error
        if min(self._fixed) < LEAST_TILE or settled.memory > MEMORY:
            raise ModelError(f"{self.path}: takes pictures of {width}x{height} only, which cannot be run")
        return self._try_out(settled, self._fixed)

    def _try_out(self, settled: Settled, size: Size) -> None:
        """Runs noise, first where a crash does no harm."""
        if not survives(settled.data, size):
            raise ModelError(f"{self.path}: OpenCV {cv2.__version__} crashes on it")
        result = self._raw(np.random.default_rng(0).random((*size, 3), np.float32))
        least, most = float(result.min()), float(result.max())
        if self._top > 1 and most - least < CONTRAST:
            raise ModelError(f"{self.path}: gives numbers from {least:.3g} to {most:.3g}, expected 0 to 255")

    def _run(self, picture: Array) -> Array:
        """A picture or tile that fits, of any size up to the fixed one."""
        height, width = picture.shape[:2]
        tall, wide = self._fixed or (-(-max(side, self._least) // self._grid) * self._grid for side in (height, width))
        if (tall, wide) != (height, width):
            picture = cv2.copyMakeBorder(picture, 0, tall - height, 0, wide - width, cv2.BORDER_REFLECT_101)
        result = self._raw(picture) / np.float32(self._top)
        result = np.ascontiguousarray(np.clip(result, 0, 1).transpose(1, 2, 0))
        grown = result.shape[0] - tall, result.shape[1] - wide
        if not all(0 <= more <= GROWTH for more in grown):
            result = resize(result, size=(tall, wide))
        return np.ascontiguousarray(result[:height, :width])

    def _raw(self, picture: Array) -> Array:
        """What the graph gives, `[3, h, w]`, finite."""
        blob = np.ascontiguousarray(picture.transpose(2, 0, 1)[None]) * np.float32(self._top)
        with _hushed():
            net = self._net((picture.shape[0], picture.shape[1]))
            try:
                net.setInput(blob)
                result = np.asarray(net.forward())
            except cv2.error as error:
                raise self._refused(error) from error
        if result.ndim != 4 or result.shape[:2] != (1, 3):
            raise ModelError(f"{self.path}: gives {list(result.shape)}, expected pictures [1, 3, H, W]")
        if not np.isfinite(result).all():
            raise ModelError(f"{self.path}: gives numbers that are not finite")
        return result[0]

    def _net(self, size: Size) -> Any:
        """OpenCV's network for pictures of a size; the last one is kept."""
        if self._loaded is None or self._loaded[0] != size:
            self._loaded = None
            try:
                settled: Settled = settle(self._model, size)
                self._loaded = size, cv2.dnn.readNetFromONNX(np.frombuffer(settled.data, np.uint8))
            except UnfitError as error:
                raise self._unfit(error) from error
            except cv2.error as error:
                raise self._refused(error) from error
        return self._loaded[1]

    def _unfit(self, error: Exception | None) -> ModelError:
        return ModelError(f"{self.path}: its graph makes no sense ({error})")

    def _refused(self, error: Any) -> Exception:
        if error.code == cv2.Error.StsNoMem:
            return MemoryError(str(error))
        operator = re.search(r"Node \[(\w+)@", str(error))
        reason = f"operator {operator[1]}" if operator else str(error.err).strip().splitlines()[0][:120]
        return ModelError(f"{self.path}: OpenCV {cv2.__version__} cannot run it ({reason})")


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
