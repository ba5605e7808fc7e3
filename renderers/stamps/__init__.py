"""Where the painter's stamps come from: a table that the networks have filled, or the networks themselves.

Both draw stamps for shapes with gradients on the way back. A table takes a twentieth of the time, but a brush needs one
that is small and close to the networks: `renderers.stamps.axes` measures whether there is one.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from renderers.brush import Brush
from renderers.networks import NeuralRenderer
from renderers.stamps.axes import Axes, AxesError, fitted_axes
from renderers.stamps.networks import NetworkStamps
from renderers.stamps.table import StampTable
from renderers.weights import WeightsError, load_renderer, read_card

MOST_KEPT = 4
"""Tables kept for the next painting, the one of a batch or the next frame of a film."""

_tables: dict[tuple[str, str, int, str], StampTable | None] = {}

MEASURED, SEED = 500, 2**31 - 1
"""Shapes on which a table is compared with its networks, and what chooses them."""


class StampSource(Protocol):
    """What draws stamps: `StampTable`, `NetworkStamps` and `NeuralRenderer`."""

    @property
    def device(self) -> torch.device:
        """Where it draws."""

    def stamps(self, shape: Tensor) -> Tensor:
        """Shape `[N, P]`, aspect first, to stamps `[N, S, S, 3]`: matte, first weight, second weight."""


class NoTableError(ValueError):
    """A table was asked for, of a brush that has none.

    Attributes:
        exit_status: how the command line leaves.
    """

    exit_status = 2


def load_stamps(brush: Brush, device: torch.device, wish: str = "auto") -> tuple[StampSource, str]:
    """What draws the stamps of a brush, and the sha256 of its weights.

    Args:
        brush: with trained weights.
        device: where to draw.
        wish: auto (from a table where the brush has one), table or networks.

    Raises:
        WeightsError: the weights are missing or damaged, or their card makes no sense.
        NoTableError: a table is wished for, and there is none.
    """
    renderer, digest = load_renderer(brush)
    renderer = renderer.to(device).to(memory_format=torch.channels_last)
    table = None if wish == "networks" else _table(renderer, brush, digest)
    if table is None and wish == "table":
        raise NoTableError(f"renderer: {brush.name} has no table of stamps; networks draw its strokes")
    return table or (NetworkStamps(renderer) if device.type == "cpu" else renderer), digest


def _table(renderer: NeuralRenderer, brush: Brush, digest: str) -> StampTable | None:
    """The table of a brush, of those kept from earlier paintings or made anew; None where it has none."""
    told = read_card(brush).get("table", {})
    known = digest, repr(told), brush.colours, str(renderer.device)
    try:
        return _tables[known]
    except KeyError:
        axes = _axes(renderer, brush, told)
        table = StampTable(renderer, brush, axes) if axes else None
        while len(_tables) >= MOST_KEPT:
            _tables.pop(next(iter(_tables)), None)
        _tables[known] = table
        return table


def _axes(renderer: NeuralRenderer, brush: Brush, told: Any) -> Axes | None:
    """Those that the card tells; measured where it says nothing."""
    if told is None:
        return None
    if told == {}:
        return fitted_axes(renderer, brush, in_passing=True)
    try:
        return Axes.of_card(told, brush)
    except AxesError as error:
        raise WeightsError(f"{brush.name}.json: {error}") from error


def table_card(renderer: NeuralRenderer, brush: Brush) -> dict[str, Any] | None:
    """What the card of trained weights says of the brush's table; None where it has none.

    Beside the axes, for people: rms of what the table draws against the networks', of mattes and of colours.
    """
    axes = fitted_axes(renderer, brush)
    if axes is None:
        return None
    matte, colour = table_error(renderer, brush, axes)
    return {**axes.as_card(), "matte_rms": round(matte, 4), "colour_rms": round(colour, 4)}


@torch.no_grad()
def table_error(renderer: NeuralRenderer, brush: Brush, axes: Axes, count: int = MEASURED) -> tuple[float, float]:
    """Rms of a table's mattes, and of its weights of colours where the matte is, against those of the networks."""
    shape = torch.from_numpy(brush.sample_shape(count, np.random.default_rng(SEED))).to(renderer.device)
    wanted = renderer.stamps(shape)
    error = (StampTable(renderer, brush, axes).stamps(shape) - wanted).square()
    matte = wanted[..., :1]
    colour = (error[..., 1 : 1 + brush.colours] * matte).mean(dim=3).sum() / matte.sum()
    return float(error[..., 0].mean().sqrt()), float(colour.sqrt())
