"""Crops of photos to train on, at random places and scales, out of photos that are decoded once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neural_painter.errors import InputError
from neural_painter.images import read_image, resize, to_uint8

Array = np.ndarray

CACHE_BYTES = 2**30
"""Of photos that are kept decoded, each shrunk to at most three crops' sides."""

LARGEST = 3.0
"""A crop's side is that of a third of the photo's short side at least, where the photo is large enough."""

SLIMMEST = 8
"""Of photos that are more than so many times as long as wide, the rest is not looked at: enlarged, it would be huge."""

FLAT = 0.02
"""Crops none of whose channels deviates by more teach nothing: instance norm makes huge gradients of so little."""

TRIES = 20
"""Places looked at for a crop that is not flat."""


class Photos:
    """Crops of photos, at random places and scales. Safe to use from several threads.

    Args:
        paths: pictures; one that cannot be read is left out once it is met, and others are looked at in its place.
        crop: side in pixels.
        seed: of the choice; crop number n is always the same.

    Attributes:
        notes: one sentence for each photo that was left out.
    """

    def __init__(self, paths: Sequence[Path], crop: int, seed: int) -> None:
        if not paths:
            raise InputError("no photos to train on")
        self.paths, self.crop, self.seed = list(paths), crop, seed
        self.notes: list[str] = []
        self._readable = set(paths)
        self._kept: OrderedDict[Path, Array] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def batch(self, numbers: Sequence[int]) -> Tensor:
        """Crops `[N, 3, crop, crop]` in [0, 1]; the same numbers give the same crops.

        Raises:
            InputError: no photo can be read.
        """
        return torch.stack([torch.from_numpy(self._crop(number)).permute(2, 0, 1) for number in numbers])

    def _crop(self, number: int) -> Array:
        generator = np.random.default_rng((self.seed, number))
        for _ in range(TRIES):
            piece = self._piece(generator)
            if piece.std((0, 1)).max() > FLAT:
                break
        return np.ascontiguousarray(piece[:, ::-1] if generator.uniform() < 0.5 else piece, np.float32)

    def _piece(self, generator: np.random.Generator) -> Array:
        photo = self._chosen(generator)
        height, width = photo.shape[:2]
        # Sides between the crop's own and the whole short side, even in their logarithm.
        most = max(1.0, min(height, width) / self.crop)
        side = min(min(height, width), round(self.crop * most ** generator.uniform()))
        top, left = int(generator.integers(height - side + 1)), int(generator.integers(width - side + 1))
        piece = photo[top : top + side, left : left + side].astype(np.float32) / 255
        return resize(piece, size=(self.crop, self.crop))

    def _chosen(self, generator: np.random.Generator) -> Array:
        # An unreadable photo takes a draw whether or not it was met before: what crop n shows depends on n alone.
        while self._readable:
            path = self.paths[int(generator.integers(len(self.paths)))]
            if path not in self._readable:
                continue
            try:
                return self._photo(path)
            except InputError as error:
                with self._lock:
                    if path in self._readable:
                        self.notes.append(f"{error}; left out")
                        self._readable.remove(path)
        raise InputError(f"none of the {len(self.paths)} photos can be read", hint=self.notes[0])

    def _photo(self, path: Path) -> Array:
        with self._lock:
            if path in self._kept:
                self._kept.move_to_end(path)
                return self._kept[path]
        photo = read_image(path)
        short = min(photo.shape[:2])
        photo = photo[: SLIMMEST * short, : SLIMMEST * short]
        height, width = photo.shape[:2]
        if short != (wanted := min(max(short, self.crop), round(LARGEST * self.crop))):
            size = max(1, round(height * wanted / short)), max(1, round(width * wanted / short))
            photo = resize(photo, size=size)
        small = to_uint8(photo)
        with self._lock:
            if path not in self._kept:
                self._kept[path] = small
                self._bytes += small.nbytes
            while self._bytes > CACHE_BYTES and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return small
