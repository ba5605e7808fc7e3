"""Birth and death of strokes in a film: who goes, who comes, and how newcomers fade in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neural_painter.film.bench import Bench
from neural_painter.film.colouring import newly_painted
from neural_painter.film.refitting import fitted_over
from neural_painter.film.spots import inside, share_of, shown_at, spots
from neural_painter.painter.seeding import join, keep
from neural_painter.painter.stages import SMALLER
from neural_painter.strokes import Strokes
from renderers.brush import HALF_LENGTH, HALF_WIDTH, OPACITY

Array = np.ndarray

FADES = 2
"""Frames in which a newcomer reaches its full opacity."""
UNSEEN = 2
"""Frames after which a stroke that makes no difference to any pixel dies."""
HARM = 0.05
"""Part of the error under its box by which it must fall without a stroke, for the stroke to die."""
CALM, NEXT_TO = 0.5, 0.75
"""Parts of a stroke's box that have come to rest, from which on it does not die, and is not born."""

LACKING, HUNGRY = 1.2, 1.1
"""Error above which strokes are born: where there are as many as wanted, and where fewer; in the mean error of the
shot's first frame or of this one, whichever is less."""
CROWD = 4.0
"""Newcomers at most where one would cover, if there is error for so many."""
MOST_BORN = 0.06
"""Part of the wanted strokes that may be born in a frame."""
MOST = 1.15
"""Strokes that there may be, in those that are wanted."""
GAIN = 0.35
"""Error that a newcomer takes away where it lies, in the film's mean error; those that take less are not kept."""
NEW_OF, BADLY = 3.0, 20.0
"""Strokes that are replaced beyond the usual, in the part of a frame that is new and badly painted; and the error above
which that is, in the film's mean error."""
USELESS = 0.5
"""Part of what newcomers must gain, below which strokes go where there are more than wanted."""
SWAPPED = 0.4
"""Part of a newcomer's worth below which a stroke makes room for it where there are as many as wanted."""
MOST_DEAD = 0.019
"""Part of the strokes that may die in a frame of which little is new, half of them because they do harm; those that
left the picture or are hidden go first."""
UNCOVERED = 0.3
"""Part of a newcomer's box that was not in the frame before, from which on it is there at once: nothing was there that
it could flash over."""
STEPS, RATE = 30, 0.7
"""How newcomers are fitted."""


@dataclass(frozen=True)
class Cast:
    """The strokes of a film that are alive.

    Attributes:
        strokes: in painting order, with ids, as they are when they have faded in.
        age: `[N]` int32, frames since they were born, counted up to `FADES`.
        unseen: `[N]` int32, frames for which they have made no difference.
        next_id: of the next newcomer.
    """

    strokes: Strokes
    age: Array
    unseen: Array
    next_id: int

    @classmethod
    def fresh(cls, strokes: Strokes, next_id: int) -> Cast:
        """A first frame's strokes, which nobody has seen before: nothing fades."""
        count = len(strokes)
        return cls(named(strokes, next_id), np.full(count, FADES, np.int32), np.zeros(count, np.int32), next_id + count)

    def shown(self) -> Strokes:
        """The strokes as they are painted now, newcomers faintly."""
        paint = self.strokes.paint.copy()
        paint[:, OPACITY] *= (np.minimum(self.age, FADES) / FADES).astype(np.float32)
        return Strokes(self.strokes.placement, self.strokes.shape, paint, self.strokes.ids)

    def older(self) -> Cast:
        """The same a frame later."""
        return Cast(self.strokes, np.minimum(self.age + 1, FADES), self.unseen, self.next_id)

    def but(self, strokes: Strokes) -> Cast:
        """The same with other numbers."""
        return Cast(strokes, self.age, self.unseen, self.next_id)

    def kept(self, chosen: Array) -> Cast:
        """Those that are `chosen` `[N]` bool."""
        return Cast(keep(self.strokes, chosen), self.age[chosen], self.unseen[chosen], self.next_id)

    def joined(self, newcomers: Strokes, age: Array) -> Cast:
        """With newcomers on top, of ages `[M]`."""
        count = len(newcomers)
        unseen = np.zeros(count, np.int32)
        return Cast(
            join(self.strokes, named(newcomers, self.next_id)),
            np.concatenate([self.age, age.astype(np.int32)]),
            np.concatenate([self.unseen, unseen]),
            self.next_id + count,
        )


def anew_of(seen: Array, rest: Array, error: Array, level: float) -> float:
    """Part of the strokes that may be replaced in a frame beyond the usual: as much as is new and badly painted.

    Args:
        seen: `[H, W]` bool, what was in the frame before.
        rest: `[H, W]` bool, where strokes are left alone.
        error: `[H, W]`, of what is there.
        level: the film's mean error.
    """
    return NEW_OF * float((~seen & ~rest & (error > BADLY * level)).mean())


class Survivors(NamedTuple):
    """Who lives on in a frame.

    Attributes:
        cast: they.
        worth: of each, `[N]` float64.
        may_go: how many of them may still die, to make room.
    """

    cast: Cast
    worth: Array
    may_go: int


def named(strokes: Strokes, first: int = 0) -> Strokes:
    """The strokes with ids in their order, from the first on."""
    ids = np.arange(first, first + len(strokes), dtype=np.uint32)
    return Strokes(strokes.placement, strokes.shape, strokes.paint, ids)


def buried(cast: Cast, bench: Bench, error: Array, rest: Array, anew: float) -> Survivors:
    """Those that live on: strokes that left the picture or are hidden die, and of those that do harm the worst.

    Args:
        cast: of this frame.
        bench: of this frame.
        error: of its canvas, `[H, W]`.
        rest: where strokes are left alone, `[H, W]` bool.
        anew: part of the strokes that may die beyond the usual, as from `anew_of`.
    """
    placement = cast.strokes.placement
    worth = bench.worth(cast.strokes)
    unseen = np.where(worth == 0, cast.unseen + 1, 0).astype(np.int32)
    under = shown_at(error, spots(placement)).mean(axis=1) * _area(bench, placement)
    gone = ~inside(spots(placement, 9, 5), bench.size).any(axis=1)
    active = share_of(rest, placement) < CALM
    dead = gone | (active & (unseen >= UNSEEN))
    harm = np.where(active & ~dead & (worth < -HARM * under), worth, 0)
    most = round((MOST_DEAD + anew) * len(placement))
    worst = np.argsort(harm, kind="stable")[: max(0, most - int(dead.sum()) + 1) // 2]
    dead[worst[harm[worst] < 0]] = True
    lives = Cast(cast.strokes, cast.age, unseen, cast.next_id).kept(~dead)
    return Survivors(lives, worth[~dead], max(0, most - int(dead.sum())))


def born(
    left: Survivors,
    bench: Bench,
    before: Array,
    level: float,
    rest: Array,
    seen: Array,
    anew: float,
    seed: tuple[int, ...],
) -> Cast:
    """The cast with newcomers where the canvas lacks much; the least useful make room where there are too many.

    Args:
        left: those that live on.
        bench: of this frame.
        before: what error may be where, `[H, W]`.
        level: the film's mean error.
        rest: where strokes are left alone, `[H, W]` bool.
        seen: what was in the frame before, `[H, W]` bool; who paints what was not need not fade in.
        anew: part of the wanted strokes that may be born beyond the usual, as from `anew_of`.
        seed: chooses what is tried.
    """
    cast, wanted, config = left.cast, bench.config.strokes, bench.config
    canvas = bench.canvas(cast.strokes)
    error = bench.error(canvas)
    level = min(level, float(error.mean()))
    need = HUNGRY if len(cast.strokes) < wanted else LACKING
    lacking = (error > need * level) & (error > need * before) & ~rest
    one = np.pi * bench.width**2 * bench.painter.brush.aspect.default
    crowd = np.minimum(error[lacking] / (LACKING * level), CROWD).sum()
    count = int(min(np.ceil((MOST_BORN + anew) * wanted), crowd / one))
    if count < 1:
        return cast
    masked = np.where(lacking[..., None], canvas, bench.target)
    generator = np.random.default_rng((config.seed, *seed))
    tried = bench.painter.new_strokes(bench.stage, bench.sight, cast.strokes, count, generator, masked, scale=SMALLER)
    tried = newly_painted(bench, fitted_over(bench, tried, canvas, steps=STEPS, rate=RATE), canvas)
    gain = bench.worth(tried, canvas)
    good = (gain >= GAIN * level * _area(bench, tried.placement)) & (share_of(rest, tried.placement) < NEXT_TO)
    if not good.any():
        return cast
    order = np.argsort(-gain, kind="stable")
    order = order[good[order]]
    newcomers = keep(tried, order)
    age = np.where(share_of(~seen, newcomers.placement) >= UNCOVERED, FADES, 1)
    return _with_room(left, newcomers, gain[order], age, bench, level, rest)


def _with_room(
    left: Survivors, newcomers: Strokes, gain: Array, age: Array, bench: Bench, level: float, rest: Array
) -> Cast:
    """The cast and its newcomers, the best of which come first, as far as there is room for them.

    Where there are as many as wanted, a newcomer takes the place of a stroke that is worth much less than it; up to
    `MOST` it may come without. Strokes that are worth next to nothing go where there are more than wanted.
    """
    (cast, worth, may_go), wanted = left, bench.config.strokes
    placement = cast.strokes.placement
    free = (share_of(rest, placement) < CALM) & (cast.age >= FADES)
    least = np.flatnonzero(free)[np.argsort(worth[free], kind="stable")]
    lives, kept = np.ones(len(placement), bool), np.ones(len(newcomers), bool)
    total, leaves = len(placement), list(least[:may_go])
    for newcomer in range(len(newcomers)):
        if total >= wanted and leaves and worth[leaves[0]] < SWAPPED * gain[newcomer]:
            lives[leaves.pop(0)] = False
        elif total < int(MOST * wanted):
            total += 1
        else:
            kept[newcomer] = False
    useless = USELESS * GAIN * level * _area(bench, placement)
    for old in leaves[: max(0, total - wanted)]:
        lives[old] = worth[old] >= useless[old]
    return cast.kept(lives).joined(keep(newcomers, kept), age[kept])


def _area(bench: Bench, placement: Array) -> Array:
    """Numbers, pixels times channels, that a stroke covers about."""
    halves = placement[:, HALF_LENGTH].astype(np.float64) * placement[:, HALF_WIDTH] * max(bench.size) ** 2
    return 3 * np.pi * halves  # type: ignore[no-any-return]
