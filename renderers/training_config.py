"""How to train a renderer: one frozen dataclass, from which the command line takes names, defaults and help. Light."""

from __future__ import annotations

from dataclasses import dataclass, fields

from renderers.options import expected, option


@dataclass(frozen=True)
class TrainingConfig:
    """Options of training the renderer of a brush.

    Raises:
        ValueError: a value is out of range; the message says which and what was expected.
    """

    steps: int = option(2200, "optimiser steps", low=1, high=10_000_000)
    batch: int = option(128, "strokes a step and process", low=1, high=65_536)
    rate: float = option(
        4e-3, "peak learning rate; warmed up over 2 % of the steps, then lowered along a cosine", above=0, below=1
    )
    supersample: int = option(3, "ground-truth samples per stamp pixel and axis", low=1, high=16)
    seed: int = option(0, "of the initial weights and of every sample", low=0, high=2**32 - 1)
    held_out: int = option(
        2000, "strokes that the score is measured on, from a generator that training never uses", low=1, high=1_000_000
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if wanted := expected(value, one.default, one.metadata):
                raise ValueError(f"{one.name}: expected {wanted}, got {value}")
