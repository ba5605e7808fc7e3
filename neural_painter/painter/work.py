"""Does the rounds of a painting one after another: the one place that knows of progress, interrupts and time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neural_painter.images import to_uint8
from neural_painter.images.tensors import picture_of
from neural_painter.painter.rounds import Place, Round, StateError, place_between
from neural_painter.strokes import Strokes

Array = np.ndarray

CANVAS_SECONDS = 0.1
"""How often a canvas is passed on at most."""


@dataclass(frozen=True)
class Progress:
    """How far a painting has come; passed to the caller's callbacks after a step.

    Attributes:
        stage, stages: counted from 1.
        step, steps: of the whole painting.
        strokes: on the canvas now.
        loss: of this step.
        work: fraction of the estimated time, 0 to 1.
    """

    stage: int
    stages: int
    step: int
    steps: int
    strokes: int
    loss: float
    work: float


@dataclass(frozen=True)
class Planned:
    """A round to come.

    Attributes:
        name: of its entry in `seconds`.
        steps: how many it will take.
        cost: how long it will take against the others.
        strokes: how many there may be on the canvas by its end.
        make: makes it from where the painting stands: before it, or in it, which `Place.step` and `Place.begun` tell.
    """

    name: str
    steps: int
    cost: float
    strokes: int
    make: Callable[[Place], Round]


class Work:
    """The rounds of a painting.

    Args:
        rounds: what to do.
        place: where to go on from.
        on_step: called after every step.
        on_state: called with where the work stands, between two steps, every `state_seconds`.
        state_seconds: how often.
        on_canvas: called with the canvas `[H, W, 3]` uint8 that a step has seen, after the first step and then at most
            every `canvas_seconds`.
        canvas_seconds: how often.

    Attributes:
        finished: whether all is done.
        seconds: that each round took.

    Raises:
        StateError: there is no such place in this work.
    """

    def __init__(
        self,
        rounds: Sequence[Planned],
        place: Place,
        *,
        on_step: Callable[[Progress], None] | None = None,
        on_state: Callable[[Place], None] | None = None,
        state_seconds: float = 10.0,
        on_canvas: Callable[[Array, Progress], None] | None = None,
        canvas_seconds: float = CANVAS_SECONDS,
    ) -> None:
        self.rounds, self.on_step, self.on_state, self.state_seconds = tuple(rounds), on_step, on_state, state_seconds
        self.on_canvas, self.canvas_seconds = on_canvas, canvas_seconds
        self.finished = False
        self.seconds: dict[str, float] = {}
        self._check(place)
        place.tally()  # raises where its state is of other strokes
        self._at: tuple[Place, Round | None] = place, None  # one object: an interrupt finds a place and its round
        self._told_state = time.monotonic()
        self._next_canvas = -math.inf

    def _check(self, place: Place) -> None:
        last = place.stage >= len(self.rounds)
        if last and (place.stage > len(self.rounds) or place.step or place.begun):
            raise StateError(f"its stage {place.stage + 1} is not one of {len(self.rounds)}")
        if not last and place.step > self.rounds[place.stage].steps:
            raise StateError(f"its step {place.step} is not one of {self.rounds[place.stage].steps}")
        most = self.rounds[min(place.stage, len(self.rounds) - 1)].strokes
        if len(place.strokes) > most:
            raise StateError(f"it holds {len(place.strokes)} strokes, more than {most}")

    def run(self) -> bool:
        """Does what is left; False where it was interrupted (KeyboardInterrupt), and `place` tells how far it came.

        Raises:
            NumericalError: the loss stopped being finite and did not recover.
            StateError: the state of the place is not of this work.
        """
        try:
            while self._at[0].stage < len(self.rounds):
                self._do(self.rounds[self._at[0].stage])
        except KeyboardInterrupt:
            return False
        self.finished = True
        return True

    def _do(self, planned: Planned) -> None:
        began, (place, _) = time.perf_counter(), self._at
        try:
            made = planned.make(place)
            made.go_on(place)
            self._at = place, made
            made.run(self._report)
        finally:
            self.seconds[planned.name] = time.perf_counter() - began
        self._at = place_between(made.strokes(), place.stage + 1, made.tally), None

    @property
    def place(self) -> Place:
        """Where the work stands, after the last whole step."""
        place, made = self._at
        return place if made is None else made.place(place.stage)

    @property
    def strokes(self) -> Strokes:
        """The strokes as they stand."""
        place, made = self._at
        return place.strokes if made is None else made.strokes()

    @property
    def recovered(self) -> int:
        """Gradients that were not finite, and losses that did not converge: all are left out."""
        place, made = self._at
        return (place.tally() if made is None else made.tally).recovered

    def _report(self, done: int, loss: float) -> None:
        made = self._at[1]
        assert made is not None
        if self.on_step:
            self.on_step(self._progress(done, loss))
        if self.on_canvas and time.monotonic() >= self._next_canvas:
            assert made.optimiser.composited is not None
            self.on_canvas(to_uint8(picture_of(made.optimiser.composited)), self._progress(done, loss))
            self._next_canvas = time.monotonic() + self.canvas_seconds
        if self.on_state and time.monotonic() - self._told_state >= self.state_seconds:
            self.on_state(self.place)
            self._told_state = time.monotonic()

    def _progress(self, done: int, loss: float) -> Progress:
        place, made = self._at
        assert made is not None
        index, steps, cost = place.stage, [r.steps for r in self.rounds], [r.cost for r in self.rounds]
        work = (sum(cost[:index]) + cost[index] * done / steps[index]) / sum(cost)
        count = len(made.optimiser.now.values["paint"])
        return Progress(index + 1, len(steps), sum(steps[:index]) + done, sum(steps), count, loss, work)
