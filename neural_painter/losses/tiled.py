"""Losses on features of a picture that is too large for one pass, exact but for what lies beyond a halo.

A Gram matrix is a sum over all pixels. So it is summed tile by tile first; then each tile is drawn through the network
once more, with the gradient that the whole has on its part. Tiles overlap by a halo as wide as the network looks, so no
seam can show: inside a tile's core the features are those of the whole picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from neural_painter.features import Features
from neural_painter.losses.gram import CONTENT_LAYER, STYLE_LAYERS, gram, products

GRID = 16
"""Pixels of a position in the deepest layer: cores and halos are multiples of it."""

HALO = 80
"""Pixels around a core that its features may depend on: a position of relu5_1 looks 70 pixels beyond its own 16."""

GRAIN = 0.03
"""Differences of neighbouring pixels below it are grain, above it edges; of all channels together, in [0, 1]."""


@dataclass(frozen=True)
class Tile:
    """A part of a picture: its core, and the core with its halo; (top, bottom, left, right) in pixels."""

    core: tuple[int, int, int, int]
    whole: tuple[int, int, int, int]


def tiles_of(height: int, width: int, side: int) -> list[Tile]:
    """Cores of at most `side` pixels, about equal, that cover the picture once; one where it is small enough."""
    if max(height, width) <= side:
        return [Tile((0, height, 0, width), (0, height, 0, width))]
    return [
        Tile(
            (top, bottom, left, right),
            (max(0, top - HALO), min(height, bottom + HALO), max(0, left - HALO), min(width, right + HALO)),
        )
        for top, bottom in _parts(height, side)
        for left, right in _parts(width, side)
    ]


def _parts(length: int, most: int) -> list[tuple[int, int]]:
    """Cuts a length into the fewest parts of at most `most`, at multiples of `GRID`."""
    count = math.ceil(length / (most // GRID * GRID))
    part = math.ceil(length / (count * GRID)) * GRID
    return [(start, min(start + part, length)) for start in range(0, length, part)]


def _core(features: Tensor, layer: str, tile: Tile) -> Tensor:
    """The features of a tile's core, `[C, h, w]`."""
    scale = 2 ** (int(layer[4]) - 1)
    (top, bottom, left, right), (whole_top, _, whole_left, _) = tile.core, tile.whole
    first_row, first_column = (top - whole_top) // scale, (left - whole_left) // scale
    # Sizes that do not divide are cut off by pooling; the last core ends where the features do.
    rows, columns = -(-(bottom - top) // scale), -(-(right - left) // scale)
    return features[0, :, first_row : first_row + rows, first_column : first_column + columns]


class TiledLoss:
    """Content and style loss of a picture with its gradient, in bounded memory.

    Args:
        features: the network.
        content: `[3, H, W]` in [0, 1].
        grams: of the style, by layer, from `gram_of`.
        content_weight, style_weight: weights; each term is divided by its target's energy.
        smoothness_weight: of total variation.
        side: of a tile's core.
    """

    def __init__(
        self,
        features: Features,
        content: Tensor,
        grams: Mapping[str, Tensor],
        *,
        content_weight: float,
        style_weight: float,
        smoothness_weight: float,
        side: int,
    ) -> None:
        self.features, self.grams = features, grams
        self.weights = {"content": content_weight, "style": style_weight, "smoothness": smoothness_weight}
        self.tiles = tiles_of(content.shape[1], content.shape[2], side)
        with torch.no_grad():
            self.contents = [
                _core(features(_cut(content, tile), [CONTENT_LAYER])[CONTENT_LAYER], CONTENT_LAYER, tile)
                for tile in self.tiles
            ]
        self.content_energy = sum(float(c.square().sum()) for c in self.contents) or 1e-12
        self.energies = {layer: float(wanted.square().mean().clamp_min(1e-12)) for layer, wanted in grams.items()}

    def __call__(self, picture: Tensor) -> tuple[Tensor, Tensor, dict[str, float]]:
        """The loss, its gradient `[3, H, W]`, and the terms without their weights."""
        whole = len(self.tiles) == 1
        gradient = torch.zeros_like(picture)
        layers = [*STYLE_LAYERS, CONTENT_LAYER]
        sums = _Sums()
        kept = None
        for tile in self.tiles:
            piece = _cut(picture.detach(), tile).requires_grad_(whole)
            found = self.features(piece, layers) if whole else self._quietly(piece)
            kept = (piece, found) if whole else None
            sums.add(found, tile)
        style, slopes = 0.0, {}
        for layer, found_gram in sums.grams().items():
            difference = found_gram - self.grams[layer]
            scale = 1 / (self.energies[layer] * len(self.grams) * difference.numel())
            style += float(difference.square().sum()) * scale
            count = len(difference) * sums.positions[layer]
            slopes[layer] = (2 * self.weights["style"] * scale / count) * difference
        content = 0.0
        for tile, wanted in zip(self.tiles, self.contents, strict=True):
            if kept is None:
                piece = _cut(picture.detach(), tile).requires_grad_()
                found = self.features(piece, layers)
            else:
                piece, found = kept
            change = (_core(found[CONTENT_LAYER], CONTENT_LAYER, tile) - wanted).square().sum() / self.content_energy
            content += float(change.detach())
            pull = self.weights["content"] * change
            for layer, slope in slopes.items():
                flat = _core(found[layer], layer, tile).flatten(1)
                pull = pull + (slope * products(flat)).sum()
            (part,) = torch.autograd.grad(pull, piece)
            top, bottom, left, right = tile.whole
            gradient[:, top:bottom, left:right] += part[0]
        terms = {"content": content, "style": style}
        if self.weights["smoothness"]:
            with torch.enable_grad():
                leaf = picture.detach().requires_grad_()
                smoothness = total_variation(leaf)
                (part,) = torch.autograd.grad(self.weights["smoothness"] * smoothness, leaf)
            gradient += part
            terms["smoothness"] = float(smoothness.detach())
        loss = sum(self.weights[name] * value for name, value in terms.items())
        return picture.new_tensor(loss), gradient, terms

    def _quietly(self, piece: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            return self.features(piece, STYLE_LAYERS)


class _Sums:
    """Products of the features of all cores that were added, by layer, and their positions."""

    def __init__(self) -> None:
        self.products: dict[str, Tensor] = {}
        self.positions: dict[str, int] = {}

    def add(self, found: Mapping[str, Tensor], tile: Tile) -> None:
        for layer in STYLE_LAYERS:
            flat = _core(found[layer].detach(), layer, tile).flatten(1)
            sums = products(flat)
            self.products[layer] = self.products[layer] + sums if layer in self.products else sums
            self.positions[layer] = self.positions.get(layer, 0) + flat.shape[1]

    def grams(self) -> dict[str, Tensor]:
        return {layer: gram(sums, self.positions[layer]) for layer, sums in self.products.items()}


def gram_of(features: Features, picture: Tensor, side: int) -> dict[str, Tensor]:
    """Gram matrices of a picture `[3, H, W]`, tile by tile: sums of products over C times the number of positions."""
    sums = _Sums()
    with torch.no_grad():
        for tile in tiles_of(picture.shape[1], picture.shape[2], side):
            sums.add(features(_cut(picture, tile), STYLE_LAYERS), tile)
    return sums.grams()


def total_variation(picture: Tensor) -> Tensor:
    """How much a picture `[C, H, W]` changes from pixel to pixel, a scalar; all channels together, edges cost little.

    The mean of the gradient's length, rounded off below `GRAIN`. Squares, as in Mahendran and Vedaldi 2015, would blunt
    brush strokes before they wiped out the grain between them.

    Source: Rudin, Osher and Fatemi 1992; Bresson and Chan 2008 for the channels together.
    """
    across, down = picture.diff(dim=2), picture.diff(dim=1)
    squares = pad(across, (0, 1)).square() + pad(down, (0, 0, 0, 1)).square()
    return ((squares.sum(0) + GRAIN**2).sqrt() - GRAIN).mean()


def _cut(picture: Tensor, tile: Tile) -> Tensor:
    top, bottom, left, right = tile.whole
    return picture[None, :, top:bottom, left:right].contiguous()
