"""A round: an optimiser that takes its steps towards an objective, and can be stopped and gone on with after any.

What it needs for that beside the strokes is a handful of arrays, its state. A round that goes on from its state takes
the steps that it would have taken, to the byte on one machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from neural_painter.descent import Patience
from neural_painter.painter.objective import Objective
from neural_painter.painter.optimise import Standing, StrokeOptimiser
from neural_painter.strokes import Strokes

Array = np.ndarray

VALUES = ("placement", "shape", "paint")
MOST_STEPS = 2**31


class StateError(ValueError):
    """A state that makes no sense, or is of another painting."""


@dataclass(frozen=True)
class Tally:
    """What went wrong so far: gradients and losses left out, and steps whose loss was not finite."""

    recovered: int = 0
    failures: int = 0


@dataclass(frozen=True)
class Place:
    """Where a painting stands, so that it can go on.

    Attributes:
        strokes: as they are now.
        stage: the next or current round, from 0.
        step: steps done in it.
        state: arrays that make going on exact; empty where they are not known, and only the strokes go on.
    """

    strokes: Strokes
    stage: int = 0
    step: int = 0
    state: Mapping[str, Array] = field(default_factory=dict)

    @property
    def begun(self) -> bool:
        """Whether the round's own state is there."""
        return "counts" in self.state

    def tally(self) -> Tally:
        """What went wrong before.

        Raises:
            StateError: the state is not of these strokes, or makes no sense.
        """
        if not self.state:
            return Tally()
        if not np.array_equal(_taken(self.state, "strokes", np.uint8, (32,)), digest(self.strokes)):
            raise StateError("its state is of other strokes")
        return Tally(*_counts(self.state, "tally", 2))


def place_between(strokes: Strokes, stage: int = 0, tally: Tally = Tally()) -> Place:
    """Where a painting stands before a round; by default before the first."""
    return Place(strokes, stage, 0, _told(strokes, tally))


@dataclass(frozen=True)
class _Moment:
    """A round after a step: one object, so that an interrupt anywhere finds what belongs together."""

    done: int
    standing: Standing
    memory: Mapping[str, Array]
    tally: Tally


class Round:
    """Steps of an optimiser towards an objective.

    Args:
        name: for messages: `in stage 2`.
        optimiser: with the strokes in it.
        objective: what to lower.
        steps: how many.
        before: called before each step with the steps done.
        start: strokes from which the round was made, where it cannot be made again without them.
        restarted: `start` is not from before the first step.
        held: placement and shape never leave those of `start`.
    """

    def __init__(
        self,
        name: str,
        optimiser: StrokeOptimiser,
        objective: Objective,
        steps: int,
        *,
        before: Callable[[int], None] | None = None,
        start: Strokes | None = None,
        restarted: bool = False,
        held: bool = False,
    ) -> None:
        self.name, self.optimiser, self.objective, self.steps = name, optimiser, objective, steps
        self.start, self._restarted, self._before, self._held = start, restarted, before, held
        self._earlier, self._patience = Tally(), Patience()
        self._now = _Moment(0, optimiser.now, {}, self._earlier)

    @property
    def done(self) -> int:
        """Steps done."""
        return self._now.done

    @property
    def tally(self) -> Tally:
        """What went wrong in this round and those before."""
        return self._now.tally

    def run(self, on_step: Callable[[int, float], None]) -> None:
        """Takes all steps that are left.

        Args:
            on_step: told the steps done and the loss after each.

        Raises:
            NumericalError: the loss stopped being finite and did not recover.
        """
        while self.done < self.steps:
            if self._before:
                self._before(self.done)
            value = self.optimiser.step(self.objective, self.done / self.steps)
            recovered = self._earlier.recovered + self.optimiser.now.recovered + self.objective.recovered
            self._patience.follow(value, self.name)
            tally = Tally(recovered, self._patience.failures)
            self._now = _Moment(self.done + 1, self.optimiser.now, self.objective.memory(), tally)
            on_step(self.done, value)

    def strokes(self) -> Strokes:
        """The strokes after the last whole step."""
        found = self.optimiser.strokes(self._now.standing)
        if self._held and self.start is not None:
            return Strokes(self.start.placement.copy(), self.start.shape.copy(), found.paint)
        return found

    def place(self, stage: int) -> Place:
        """Where the round stands, being round `stage` of its painting."""
        now, strokes = self._now, self.strokes()
        standing = now.standing
        state = _told(strokes, now.tally)
        for name in VALUES:
            state[name] = _array(standing.values[name])
            state[f"{name}_first"] = _array(standing.first[name])
            state[f"{name}_second"] = _array(standing.second[name])
        if standing.drawn is not None:
            state["drawn"] = _array(standing.drawn)
        if standing.halves is not None:
            state["halves"] = _array(standing.halves)
        state |= {f"loss_{name}": value.copy() for name, value in now.memory.items()}
        state["counts"] = np.array([standing.taken], np.int64)
        state["ages"] = np.concatenate([_array(standing.steps[name]) for name in VALUES], axis=1)
        if self.start is not None:
            state["start"] = self.start.table()
        if self._restarted:  # `start` is where a round went on whose own start was not known
            state["restarted"] = np.ones(1, np.uint8)
        return Place(strokes, stage, now.done, state)

    def go_on(self, place: Place) -> None:
        """Goes on from a place before this round or in it, exactly where its state is known.

        Raises:
            StateError: the state is not of this round.
        """
        self._earlier = place.tally()
        self._patience = Patience(self._earlier.failures)
        if place.begun:
            standing = _standing(self.optimiser, place.state)
            memory = {name[5:]: array.copy() for name, array in place.state.items() if name[:5] == "loss_"}
            try:
                self.objective.restore(memory)
                self.optimiser.strokes(standing).check(self.optimiser.brush)
            except ValueError as error:
                raise StateError(f"its state makes no sense: {error}") from error
            self.optimiser.go_on(standing)
        self._now = _Moment(place.step, self.optimiser.now, self.objective.memory(), self._earlier)


def start_of(place: Place) -> tuple[Strokes, bool]:
    """The strokes that a round which keeps its `start` is made from, and whether they are those before its first step.

    Raises:
        StateError: they are not of this painting.
    """
    if "start" not in place.state:
        return place.strokes, not place.step
    table = _taken(place.state, "start", np.float32, place.strokes.table().shape)
    return Strokes.of(table), "restarted" not in place.state


def digest(strokes: Strokes) -> Array:
    """SHA-256 of all numbers of the strokes, uint8 `[32]`."""
    return np.frombuffer(hashlib.sha256(strokes.table().tobytes()).digest(), np.uint8)


def _told(strokes: Strokes, tally: Tally) -> dict[str, Array]:
    return {"strokes": digest(strokes), "tally": np.array([tally.recovered, tally.failures], np.int64)}


def _array(value: Tensor) -> Array:
    return value.cpu().numpy().copy()  # on the CPU it would be the tensor's own memory


def _standing(optimiser: StrokeOptimiser, state: Mapping[str, Array]) -> Standing:
    """The optimiser's standing out of a state, on its device; raises StateError where it is not one of its strokes."""
    known = optimiser.now.values
    device = known["paint"].device

    def tensors(ending: str) -> dict[str, Tensor]:
        found = {}
        for name in VALUES:
            array = _taken(state, name + ending, np.float32, tuple(known[name].shape))
            found[name] = torch.from_numpy(array.copy()).to(device)
        return found

    (taken,) = _counts(state, "counts", 1)
    ages = torch.from_numpy(_ages(state, len(known["paint"]))).to(device)
    steps = {name: ages[:, k : k + 1].contiguous() for k, name in enumerate(VALUES)}
    drawn = None
    if "drawn" in state:
        brush = optimiser.brush
        table = _taken(state, "drawn", np.float32, (len(known["shape"]), len(brush.shape)))
        if not ((table >= brush.shape_low * 0.999 - 1e-4) & (table <= brush.shape_high * 1.001 + 1e-4)).all():
            raise StateError("its state makes no sense: stamps of shapes that there are not")
        drawn = torch.from_numpy(table.copy()).to(device)
    elif taken:
        raise StateError("its state makes no sense: no stamps")
    halves = None
    if "halves" in state:
        found = _taken(state, "halves", np.float32, (len(known["shape"]),))
        if not (found > 0).all():
            raise StateError("its state makes no sense: strokes without a width")
        halves = torch.from_numpy(found.copy()).to(device)
    second = tensors("_second")
    if any(bool((value < 0).any()) for value in second.values()):
        raise StateError("its state makes no sense: a second moment below 0")
    return Standing(tensors(""), tensors("_first"), second, steps, taken, 0, drawn, halves)


def _ages(state: Mapping[str, Array], count: int) -> Array:
    ages = _taken(state, "ages", np.float32, (count, len(VALUES)))
    if not ((ages >= 0) & (ages < MOST_STEPS)).all():
        raise StateError(f"its state makes no sense: ages must be from 0 to {MOST_STEPS - 1}")
    return ages.copy()


def _taken(state: Mapping[str, Array], name: str, dtype: type, shape: tuple[int, ...]) -> Array:
    """One array of a state; raises StateError unless it is there, as expected and finite."""
    array = state.get(name)
    if array is None or array.dtype != dtype or array.shape != shape or not np.isfinite(array).all():
        found = "nothing" if array is None else f"{array.dtype} {list(array.shape)}"
        raise StateError(f"its state makes no sense: {name} must be finite {dtype.__name__} {list(shape)}, got {found}")
    return array


def _counts(state: Mapping[str, Array], name: str, size: int) -> list[int]:
    counts = _taken(state, name, np.int64, (size,))
    if not ((counts >= 0) & (counts < MOST_STEPS)).all():
        raise StateError(f"its state makes no sense: {name} must be from 0 to {MOST_STEPS - 1}")
    return [int(count) for count in counts]
