"""Paints a film frame by frame with strokes that live through it; holds one frame at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from neural_painter.film.advecting import advected
from neural_painter.film.beginning import LEAST, Begun, begun, taken_over
from neural_painter.film.bench import Bench
from neural_painter.film.keyframes import cast_of
from neural_painter.film.lighting import Light, cast_in, moved_on, shot_in
from neural_painter.film.living import Cast, anew_of, born, buried
from neural_painter.film.look import PLAIN, Look
from neural_painter.film.refitting import refitted
from neural_painter.film.rounding import rounded
from neural_painter.film.shots import Shot
from neural_painter.film.textures import Textures
from neural_painter.film.waking import RISE, at_rest, expected, remembered, restless_after, woken
from neural_painter.images import fit_long_side, in_greys, resize
from neural_painter.motion import Motion, carried
from neural_painter.painter.config import PaintConfig
from neural_painter.strokes import Strokes
from renderers.brushes import brush as find_brush

Array = np.ndarray

SIDE = 512
"""Long side at which frames are looked at, in pixels."""

ROUNDS = 3
"""Of the fit of strokes that wake, at most."""
LEAN = 0.5
"""How much of the last canvas, carried along, is in what strokes are fitted to."""
LEAN_ERROR, LEAN_AROUND = 4.0, 1.5
"""Its error, in the film's mean error and about so many pixels around, at which it is half as much."""
ENOUGH = 0.9
"""Error in what has changed, in what it may be, below which no further round is done."""


@dataclass(frozen=True)
class PaintedFrame:
    """A frame of a film as strokes.

    Attributes:
        strokes: as they are painted, with ids that are the same from frame to frame of a shot.
        fresh: whether it was painted afresh: the first frame, and the first of each shot.
        awake: how many strokes were fitted again.
        born: how many are new, where it was not painted afresh.
    """

    strokes: Strokes
    fresh: bool
    awake: int = 0
    born: int = 0


@dataclass(frozen=True)
class Scene:
    """What the next frame needs to know of those before.

    Attributes:
        cast: the strokes.
        picture: what they paint, `[H, W, 3]`: where nothing changes, that which it was when it was last painted.
        error: that they have left, `[H, W]`.
        level: mean error of the shot's first frame.
        frame: how many frames of the shot there were.
        restless: `[H, W]` int32, for how many frames strokes may still change.
        shot: what holds until the next cut.
        textures: what has been drawn of the strokes, which need not be kept: it is drawn again where it is missing.
    """

    cast: Cast
    picture: Array
    error: Array
    level: float
    frame: int
    restless: Array
    shot: Shot
    textures: Textures | None = field(default=None, repr=False, compare=False)

    @property
    def goal(self) -> Array:
        """What the strokes are to show, `[H, W, 3]`."""
        return self.shot.goal(self.picture)


def paint_frames(
    frames: Iterable[Array], config: PaintConfig | None = None, *, side: int = SIDE, look: Look = PLAIN
) -> Iterator[PaintedFrame]:
    """Paints a film with strokes that stay.

    Args:
        frames: `[H, W, 3]` float32 in [0, 1]; where their shape changes another shot begins.
        config: how the first frame of each shot is painted, and with what.
        side: long side at which frames are looked at, in pixels; larger ones are made smaller.
        look: what else the film should look like.

    Yields:
        The strokes of each frame. Same frames, same options, same machine: same strokes.

    Raises:
        NumericalError: the loss stopped being finite and did not recover.
        KeyboardInterrupt: the first frame of a shot was interrupted.
    """
    config, scene = config or PaintConfig(), None
    for picture in frames:
        scene, painted = next_frame(scene, picture, config, side=side, look=look)
        yield painted


def next_frame(
    scene: Scene | None,
    picture: Array,
    config: PaintConfig,
    *,
    side: int = SIDE,
    look: Look = PLAIN,
    given: Strokes | None = None,
) -> tuple[Scene, PaintedFrame]:
    """A frame, and what the one after it needs to know; as `paint_frames`, `scene` being None before the first.

    `given` are strokes that take over in this frame; None: none.
    """
    if max(picture.shape[:2]) > side:
        picture = resize(picture, size=fit_long_side(picture.shape[0], picture.shape[1], side)).clip(0, 1)
    if find_brush(config.brush).greys:
        picture = in_greys(picture)
    going_on = None if scene is None else _gone_on(scene, picture, config)
    if going_on is not None and given is None:
        scene, awake, births = going_on
        return scene, PaintedFrame(shown(scene, config), False, awake, births)
    if given is None:
        made = begun(picture, config, look)
        scene = _begun(made, Cast.fresh(made.strokes, 0), 1)
    else:
        scene = _taken_over(picture, config, look, given, going_on[0] if going_on else None)
    return scene, PaintedFrame(shown(scene, config), True)


def shown(scene: Scene, config: PaintConfig) -> Strokes:
    """The strokes of the last frame as they are painted."""
    return rounded(scene.cast.shown(), find_brush(config.brush))


def _begun(made: Begun, cast: Cast, frame: int) -> Scene:
    """A shot's first frame. Nothing of the shots before it counts, so that shots may be painted apart."""
    bench = made.bench
    error, restless = bench.error(bench.canvas(cast.strokes)), np.zeros(bench.size, np.int32)
    return Scene(cast, made.source, error, made.level, frame, restless, made.shot, bench.textures)


def _taken_over(picture: Array, config: PaintConfig, look: Look, given: Strokes, scene: Scene | None) -> Scene:
    """A frame in which other strokes take over; `scene` is the one without them, None where another shot begins."""
    if scene is None:
        cast = cast_of(given, None)
        made = taken_over(picture, config, look, cast.strokes)
        return _begun(made, cast.but(made.strokes), 1)
    cast = cast_of(given, scene.cast)
    made = taken_over(picture, config, look, cast.strokes, scene.shot, scene.level)
    return _begun(made, cast.but(made.strokes), scene.frame)


def _gone_on(scene: Scene, picture: Array, config: PaintConfig) -> tuple[Scene, int, int] | None:
    """The next frame of a shot; how many strokes were fitted, and how many are new. None: it is another shot's."""
    source = Bench(picture, config, smallest=scene.shot.smallest).target
    if scene.picture.shape != source.shape:
        return None
    went = moved_on(scene.picture, source, scene.shot)
    if went is None:
        return None
    light, motion = went
    if light is not None:
        scene = _in(scene, light, config)
    shot = scene.shot.next(picture, config, motion)
    bench = shot.bench(picture, config, scene.textures)
    bench.textures.begin(scene.cast.strokes)
    return _lived_on(scene, shot, bench, source, motion)


def _in(scene: Scene, light: Light, config: PaintConfig) -> Scene:
    """The scene in another light. Strokes that multiply, or have few paints, follow as they follow other changes."""
    gain, cast, error = light.gain**2, scene.cast, scene.error
    if find_brush(config.brush).blend == "over" and scene.shot.paints is None:
        cast, error = cast_in(cast, light, scene.shot), (gain * error).astype(np.float32)
    level = max(gain * scene.level, LEAST)
    return replace(
        scene, cast=cast, picture=light.on(scene.picture), error=error, level=level, shot=shot_in(scene.shot, light)
    )


def _lived_on(scene: Scene, shot: Shot, bench: Bench, source: Array, motion: Motion) -> tuple[Scene, int, int]:
    """A frame later."""
    cast, level, frame, repeated = scene.cast.older(), scene.level, scene.frame + 1, bool(motion.still.all())
    restless = restless_after(scene.restless, motion)
    rest = at_rest(restless)
    if rest.all():
        return Scene(cast, scene.picture, scene.error, level, frame, restless, shot, bench.textures), 0, 0
    strokes = advected(cast.strokes, scene.goal, motion).strokes
    before = expected(scene.error, level, motion)
    lean = _leaning(bench, scene.cast.strokes, motion, level)
    strokes, awake = _fitted(bench, strokes, before, level, rest, lean)
    cast = cast.but(strokes)
    next_id = cast.next_id
    if repeated:  # no one is born who would fade in, and with the next repeat all is at rest
        restless = np.zeros_like(restless)
    else:
        error = bench.error(bench.canvas(strokes))
        anew = anew_of(motion.seen, rest, error, level)
        left = buried(cast, bench, error, rest, anew)
        cast = born(left, bench, before, level, rest, motion.seen, anew, (frame,))
    error = bench.error(bench.canvas(cast.strokes))
    picture = np.where(motion.still[..., None], scene.picture, source)
    scene = Scene(cast, picture, remembered(before, error, level, rest), level, frame, restless, shot, bench.textures)
    return scene, awake, cast.next_id - next_id


def _leaning(bench: Bench, strokes: Strokes, motion: Motion, level: float) -> Array:
    """What is added to the frame, `[H, W, 3]`, so that strokes stay like the last canvas, carried along.

    Less where that is far from the frame: what was painted badly is not to stay so.
    """
    apart = carried(bench.canvas(strokes), motion.back, cv2.INTER_CUBIC) - bench.target
    error = cv2.GaussianBlur((apart**2).mean(axis=2), (0, 0), LEAN_AROUND)
    part = LEAN * motion.seen / (1 + error / (LEAN_ERROR * level))
    return (part[..., None] * apart).astype(np.float32)


def _fitted(
    bench: Bench, strokes: Strokes, before: Array, level: float, rest: Array, lean: Array
) -> tuple[Strokes, int]:
    """The strokes, those fitted again that the frame has woken; and how many these are."""
    error = bench.error(bench.canvas(strokes))
    free = woken(strokes, error, before, level, rest)
    changed = (error - before > RISE * level) & ~rest
    if not free.any() or not changed.any():
        return strokes, 0
    for _ in range(ROUNDS):
        strokes = refitted(bench, strokes, free, lean)
        error = bench.error(bench.canvas(strokes))
        if error[changed].mean() <= ENOUGH * max(0.3 * level, before[changed].mean()):
            break
    return strokes, int((free > 0).sum())
