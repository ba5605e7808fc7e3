"""What strokes are optimised for: the painter's losses and the styler's, in one place. A new one is added here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor

from neural_painter.losses.pixel import pixel_loss
from neural_painter.losses.sinkhorn import TransportError
from neural_painter.losses.transport import TransportLoss
from neural_painter.painter.config import PaintConfig

Array = np.ndarray

TRANSPORT_EVERY = 12
"""Steps for one solution of the transport problem, at weights of up to 1: its pull is then much weaker than that of the
pixels, and what there is to be carried hardly changes meanwhile. A strong pull that is old overshoots."""


class Objective:
    """Loss of a canvas `[3, H, W]`: pixels and their edges, perhaps a style, perhaps transport.

    Args:
        goal: what the canvas should show, `[3, H, W]` in [0, 1].
        config: weights of the losses.
        weights: `[H, W]`, how much each pixel counts in the pixel loss, of mean 1; None where all count alike.
        transport: weight of the transport loss in this round; 0 leaves it out.
        style: a further loss of the canvas, weighted already.

    Attributes:
        recovered: transport losses that did not converge and were left out, which does no harm to a step.
    """

    def __init__(
        self,
        goal: Tensor,
        config: PaintConfig,
        *,
        weights: Tensor | None = None,
        transport: float = 0.0,
        style: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.goal, self.edges, self.style, self.weight = goal, config.edges, style, transport
        self.weights = weights
        every = max(1, int(TRANSPORT_EVERY / max(1.0, transport)))
        self.transport = TransportLoss(goal, every=every) if transport > 0 else None
        self.recovered = 0

    def __call__(self, canvas: Tensor) -> Tensor:
        value = pixel_loss(canvas, self.goal, edge_weight=self.edges, weights=self.weights)
        if self.style is not None:
            value = value + self.style(canvas)
        if self.transport is not None:
            try:
                value = value + self.weight * self.transport(canvas)
            except TransportError:
                self.recovered += 1
        return value

    def memory(self) -> dict[str, Array]:
        """What the losses remember from call to call; these arrays are never changed."""
        return {} if self.transport is None else self.transport.memory()

    def restore(self, memory: Mapping[str, Array]) -> None:
        """Goes on from what `memory` gave.

        Raises:
            ValueError: it is of another objective.
        """
        if self.transport is not None:
            self.transport.restore(memory)
        elif memory:
            raise ValueError("memory of a loss that is not there")
