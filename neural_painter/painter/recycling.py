"""Which strokes a painting would miss least, and which lie on paper."""

from __future__ import annotations

import numpy as np
import torch

from neural_painter.compositing import worth
from neural_painter.painter.optimise import StrokeOptimiser
from neural_painter.strokes import Strokes
from renderers.brush import SWEEP

Array = np.ndarray

MOSTLY = 0.5
"""Part of a stroke that lies on paper, beyond which it is one too many there."""


@torch.no_grad()
def least_useful(optimiser: StrokeOptimiser, count: int) -> Array:
    """The strokes without which the squared error would grow least, `[N]` bool, `count` of them true.

    Without them one by one: two that lie on each other are both worth little, and one of them may go with the next lot.
    """
    view = optimiser.view
    strokes = optimiser.placement(), optimiser.paint(), optimiser.draw_stamps()
    blend = optimiser.brush.blend
    found = worth(*strokes, optimiser.background, view.goal, view.size, weight=view.weights, blend=blend)
    least = np.zeros(len(found), bool)
    least[np.argsort(found.cpu().numpy(), kind="stable")[:count]] = True
    return least


def on_paper(strokes: Strokes, paper: Array) -> Array:
    """The strokes that lie mostly on paper that is as bare in the photo, `[N]` bool.

    No brush paints white as white as paper: its bristles show. And what such a stroke hides is another of them.

    Args:
        strokes: any.
        paper: `[H, W]` bool, where the photo is like the bare canvas.
    """
    height, width = paper.shape
    along, across = (grid.ravel() for grid in np.meshgrid(np.linspace(-0.85, 0.85, 9), np.linspace(-0.75, 0.75, 5)))
    x, y, half_length, half_width, angle = (column[:, None] for column in strokes.placement.T[:SWEEP])
    u, v = along * half_length, across * half_width
    columns = ((x + u * np.cos(angle) - v * np.sin(angle)) * max(paper.shape)).astype(int)
    rows = ((y + u * np.sin(angle) + v * np.cos(angle)) * max(paper.shape)).astype(int)
    on = paper[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    return on.mean(axis=1) > MOSTLY
