"""From a wish for few paints to the paints, and from strokes that were painted freely to strokes of few paints."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from neural_painter.compositing import composite
from neural_painter.compositing.visible import visible
from neural_painter.errors import InputError, UsageError
from neural_painter.images import fit_long_side
from neural_painter.images.tensors import picture_of
from neural_painter.painter.config import ANY, OWN, PaintConfig
from neural_painter.painter.paints import Paints, PaintShare, shares_of
from neural_painter.palettes.carrying import nearest
from neural_painter.palettes.colours import Palette
from neural_painter.palettes.finding import find_palette
from neural_painter.palettes.sets import SETS
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brush import COLOURS, Brush
from renderers.stamps import StampSource

Array = np.ndarray

PAINTS = "paints"
"""What a document's options call its palette: a list of names and colours."""

SIDE = 512
"""Long side in pixels at which finished strokes are looked at."""


@dataclass(frozen=True)
class Choice:
    """Which paints there may be.

    Attributes:
        palette: they; None where they are to be found.
        count: how many are to be found.
    """

    palette: Palette | None = None
    count: int = 0

    def paints(self, picture: Array, brush: Brush, weights: Array | None = None) -> Paints:
        """They, found in a picture `[H, W, 3]` where they are not given; `weights` as for `find_palette`."""
        if self.palette is not None:
            return Paints(self.palette, brush, found=False)
        return Paints(find_palette(picture, self.count, weights=weights), brush, found=True)


def with_palette(
    config: PaintConfig, palette: Palette | None, resumed: StrokeDocument | None
) -> tuple[PaintConfig, Choice | None]:
    """The options, and which paints there may be: None for any.

    Raises:
        UsageError: paints are expected beside the options, and there are none.
        InputError: the document to go on with was painted with others.
    """
    if palette is not None:
        config = replace(config, palette=OWN)
    elif config.palette == OWN:
        palette = None if resumed is None else palette_of(resumed)
        if palette is None:
            raise UsageError("palette: paints are expected beside it")
    if config.palette == ANY:
        return config, None
    if config.palette.isdigit():
        return config, Choice(count=int(config.palette))
    if config.palette in SETS:
        palette = Palette.named(config.palette)
    if resumed is not None and resumed.options.get("palette") == config.palette and palette_of(resumed) != palette:
        raise InputError("the document to resume was painted with other paints")
    return config, Choice(palette)


def options_of(config: PaintConfig, choice: Choice | None) -> dict[str, Any]:
    """What a document tells of the painter's options, and of the paints where they are known before it is painted."""
    options = {name: value for name, value in asdict(config).items() if (name, value) != ("palette", ANY)}
    return options if choice is None or choice.palette is None else {**options, PAINTS: choice.palette.as_options()}


def palette_of(document: StrokeDocument) -> Palette | None:
    """The paints that a document tells of; None where it tells of none.

    Raises:
        InputError: they make no sense.
    """
    if PAINTS not in document.options:
        return None
    try:
        return Palette.of_options(document.options[PAINTS])
    except ValueError as error:
        raise InputError(f"the document's paints make no sense: {error}") from None


def choice_of(document: StrokeDocument) -> Choice | None:
    """Which paints a finished document may be painted with anew; None for any."""
    told, palette = document.options.get("palette"), palette_of(document)
    if palette is not None and isinstance(told, str) and told.isdigit():
        return Choice(count=len(palette))
    return None if palette is None else Choice(palette)


@torch.no_grad()
def in_paints(
    document: StrokeDocument, choice: Choice, brush: Brush, renderer: StampSource, *, free: bool
) -> tuple[StrokeDocument, tuple[PaintShare, ...]]:
    """A finished document that tells its paints, and how much of it each is.

    Args:
        document: finished.
        choice: which paints there may be.
        brush, renderer: the document's.
        free: whether its colours are no paints yet; they become so, with a picture as close as can be to what it was.
    """
    device, strokes, size = renderer.device, document.strokes, fit_long_side(*document.size, SIDE)
    placement, paint = (torch.from_numpy(array.copy()).to(device) for array in (strokes.placement, strokes.paint))
    drawn = placement, paint, renderer.stamps(torch.from_numpy(document.full_shape(brush)).to(device))
    background = torch.tensor(document.canvas, dtype=torch.float32, device=device)
    if free:
        shown = picture_of(composite(*drawn, background, size, blend=brush.blend))
        colours = choice.paints(shown, brush).assigned(*drawn, shown, background.cpu().numpy())
    else:
        colours = strokes.paint[:, COLOURS]
    colours = colours.reshape(-1, 3)
    palette = choice.palette or Palette.of_colours(colours)
    painted = strokes.paint.copy()
    painted[:, COLOURS] = palette.colours[nearest(colours, palette.colours)].reshape(-1, 6)  # brushes may bound colours
    shares = shares_of(palette, painted, visible(*drawn, size))
    options = {**document.options, PAINTS: palette.as_options()}
    made = Strokes(strokes.placement, strokes.shape, painted, strokes.ids)
    return replace(document, strokes=made, options=options), shares
