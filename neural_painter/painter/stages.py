"""The painter: stage by stage, look at what the canvas lacks, add strokes there, optimise all of them together."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from neural_painter.devices import choose_device
from neural_painter.images.tensors import picture_of
from neural_painter.painter.choosing import Choice
from neural_painter.painter.config import MOST_SIDE, PaintConfig, Stage, canvas_of, plan
from neural_painter.painter.emphasis import Emphasis
from neural_painter.painter.objective import Objective
from neural_painter.painter.optimise import Limits, Rates, StrokeOptimiser, refresh_of
from neural_painter.painter.phases import Phases, View, exact_side, paper_of
from neural_painter.painter.prefixes import Prefixes
from neural_painter.painter.recycling import least_useful, on_paper
from neural_painter.painter.rounds import Place, Round
from neural_painter.painter.seeding import form_of, join, keep, seed_strokes
from neural_painter.painter.true_strokes import TrueStrokes
from neural_painter.painter.work import Planned
from neural_painter.strokes import Strokes
from renderers.brush import PLACEMENT_WIDTH, Brush
from renderers.brushes import brush as find_brush
from renderers.stamps import load_stamps

Array = np.ndarray

COVERS = 0.8
"""A brush whose opacity never falls below this is expected to leave no canvas bare."""

RENEWED = 0.1
"""Part of the strokes that are replaced at a time."""

SMALLER = 0.8
"""Size of strokes that replace others, against those of the stage."""


def empty_strokes(brush: Brush) -> Strokes:
    """No strokes at all."""
    return Strokes(np.zeros((0, PLACEMENT_WIDTH)), np.zeros((0, len(brush.free_shape))), np.zeros((0, 7)))


class Painter:
    """What it takes to paint one picture; `rounds` are the stages.

    Args:
        image: `[H, W, 3]` float32 in [0, 1].
        config: options.
        size: `(height, width)` of the photo, where `image` is a smaller copy of it.
        weights: `[H, W]` of the image, how much each pixel matters, as from `importance_map`; None: all alike.
        choice: to which paints the strokes' colours are limited in the end; None: any colours.
        smallest: size of the smallest strokes, where the weights do not say so: those of a film's frames hang together.

    Raises:
        UsageError: the device is not there.
        NoTableError: a table of stamps is asked for, and the brush has none.
        WeightsError: the brush's weights are missing or damaged.
    """

    def __init__(
        self,
        image: Array,
        config: PaintConfig,
        *,
        size: tuple[int, int] | None = None,
        weights: Array | None = None,
        choice: Choice | None = None,
        smallest: float | None = None,
    ) -> None:
        self.brush = find_brush(config.brush)
        self.image, self.config = image, config
        self.emphasis = None if weights is None else Emphasis(weights)
        self.paints = choice.paints(image, self.brush, weights) if choice else None
        self.device = choose_device(config.device)
        self.renderer, self.weights = load_stamps(self.brush, self.device, config.renderer)
        self.background = torch.tensor(canvas_of(config, self.brush), dtype=torch.float32, device=self.device)
        self.shape = size or (image.shape[0], image.shape[1])
        if smallest is None:
            smallest = 1.0 if self.emphasis is None else self.emphasis.smallest()
        self.smallest = smallest
        self.stages = plan(config, min(self.shape) / max(self.shape), smallest=smallest)

    def rounds(self) -> list[Planned]:
        """The stages, with strokes counted over all so far; time goes mostly with pixels, and with drawing strokes."""
        counts = np.cumsum([stage.count for stage in self.stages])
        return [
            Planned(
                f"stage {index + 1}",
                stage.iterations,
                stage.iterations * (stage.canvas**2 / 6e4 + int(count) / 500 + 0.3),
                int(count),
                partial(self._round, index, stage, int(count)),
            )
            for index, (stage, count) in enumerate(zip(self.stages, counts, strict=True))
        ]

    def _round(self, index: int, stage: Stage, expected: int, place: Place) -> Round:
        """A stage, with new strokes where it has not begun yet."""
        sight, strokes = Sight(self, stage), place.strokes
        if not place.step and not place.begun:
            before = self.optimiser(stage, sight.plain, strokes)
            kept = ~on_paper(strokes, sight.paper)
            strokes = keep(strokes, kept)
            canvas = picture_of(before.canvas()) if kept.all() else None
            generator = np.random.default_rng((self.config.seed, index))
            strokes = join(strokes, self.new_strokes(stage, sight, strokes, expected - len(strokes), generator, canvas))
        optimiser = self.optimiser(stage, sight.plain, strokes)
        plain = sight.plain
        objective = Objective(plain.goal, self.config, weights=plain.weights, transport=stage.transport)
        prefixes = self._prefixes(stage)
        paints = self.paints if stage is self.stages[-1] else None
        bare = self.background.cpu().numpy()

        def before_step(done: int) -> None:
            if paints:
                paints.mix(optimiser, done, stage.iterations)
            if done in stage.renewals:
                self._renew(index, stage, sight, optimiser, done)
            if paints and paints.are_assigned(done, stage.iterations):
                optimiser.look(plain, self.background)
                paints.assign(optimiser, sight.target, bare, plain.weights, done, stage.iterations)
            if sight.finishing(done):
                optimiser.true = TrueStrokes(self.brush, self.renderer, self.config.seed, sight.pixel)
            view = sight.view(done)
            optimiser.look(view, self.background if sight.uncovered(done) else None)
            objective.goal, objective.weights = view.goal, view.weights
            optimiser.prefix = prefixes.at(done, len(optimiser.now.values["paint"])) if prefixes else None

        return Round(f"in stage {index + 1}", optimiser, objective, stage.iterations, before=before_step)

    def _renew(self, index: int, stage: Stage, sight: Sight, optimiser: StrokeOptimiser, done: int) -> None:
        """Strokes that help least make room for new ones where the canvas needs them."""
        optimiser.look(sight.plain)
        count = round(RENEWED * len(optimiser.now.values["paint"]))
        strokes = optimiser.strokes()
        kept = ~(least_useful(optimiser, count) | on_paper(strokes, sight.paper))
        generator = np.random.default_rng((self.config.seed, index, done))
        strokes, missing = keep(strokes, kept), int((~kept).sum())
        optimiser.renew(kept, self.new_strokes(stage, sight, strokes, missing, generator, scale=SMALLER))

    def new_strokes(
        self,
        stage: Stage,
        sight: Sight,
        strokes: Strokes,
        count: int,
        generator: np.random.Generator,
        canvas: Array | None = None,
        scale: float = 1.0,
    ) -> Strokes:
        """So many strokes to be laid over those that are there."""
        if canvas is None:
            canvas = picture_of(self.optimiser(stage, sight.plain, strokes).canvas())
        limits = self.limits(sight.plain.size)
        return seed_strokes(
            sight.target,
            canvas,
            self.brush,
            count,
            min(scale * stage.size, limits.broadest * self.brush.aspect.default),
            generator,
            self.emphasis,
            form=sight.form,
            least=limits.half_width,
            most=limits.half_length,
        )

    def optimiser(self, stage: Stage, view: View, strokes: Strokes) -> StrokeOptimiser:
        """Of these strokes in a stage."""
        return StrokeOptimiser(
            self.renderer,
            self.brush,
            strokes,
            view,
            step=stage.size,
            limits=self.limits(view.size),
            rates=Rates.of(self.brush).times(stage.boldness),
            refresh=refresh_of(len(strokes)),
        )

    def _prefixes(self, stage: Stage) -> Prefixes | None:
        """What the steps of a stage look at beside the whole canvas; None for nothing.

        Strokes that multiply hide none: those below cannot drift, and were the first ones to be as dark as the photo
        by themselves, no room would be left for the others.
        """
        if self.brush.blend == "multiply":
            return None
        return Prefixes(
            self.image,
            self.shape,
            stage.canvas,
            stage.iterations,
            background=self.background,
            config=self.config,
            emphasis=self.emphasis,
        )

    def limits(self, size: tuple[int, int]) -> Limits:
        """How small and how large strokes may become on a canvas of `(height, width)`."""
        sizes = None if self.emphasis is None else torch.from_numpy(self.emphasis.sizes(size)).to(self.device)
        return Limits.of(self.stages[-1], self.brush, sizes)


class Sight:
    """What the steps of a stage see.

    Attributes:
        plain: the canvas' own grid, for everything but steps.
        target: its picture, `[H, W, 3]`.
        form: what `form_of` says of it.
        paper: where it is like the bare canvas, `[H, W]` bool.
        pixel: side of the finest pixel that steps see, in canvas long sides.
    """

    def __init__(self, painter: Painter, stage: Stage) -> None:
        image, shape = painter.image, painter.shape
        longest, shortest = max(image.shape[:2]), min(image.shape[:2])
        side = min(stage.canvas, longest)
        phases = max(1, min(stage.phases, longest // side, shortest))
        side = exact_side(shape, side, phases, most=max(1, longest // phases))
        behind, brush = painter.background, painter.brush
        covers = brush.blend == "over" and brush.opacity.low >= COVERS
        self.plain = Phases(image, shape, side, 1, behind, painter.device, painter.emphasis, covers=covers).view(0)
        self.target = picture_of(self.plain.goal)
        self.form = form_of(self.target, painter.brush, stage.size)
        self.paper = paper_of(self.target, painter.background.cpu().numpy())
        self._phases = Phases(image, shape, side, phases, behind, painter.device, painter.emphasis, covers=covers)
        self._finish, self._finest = stage.finish, self._phases
        if stage.finish is not None:
            side = min(MOST_SIDE, longest)
            phases = max(1, min(stage.phases, longest // side, shortest))
            side = exact_side(shape, side, phases, most=max(1, longest // phases))
            self._finest = Phases(image, shape, side, phases, behind, painter.device, painter.emphasis)
        self.pixel = 1 / max(self._finest.fine.shape[:2])
        # By now nothing is bare; the end of the work sees what will shine through an almost opaque stroke.
        self._uncovered = stage.iterations // 2 if stage is painter.stages[-1] else stage.iterations

    def view(self, done: int) -> View:
        """That of a step, after so many."""
        return (self._finest if self.finishing(done) else self._phases).view(done)

    def finishing(self, done: int) -> bool:
        """Whether a step sees the strokes as they will be painted, at the size of the picture."""
        return self._finish is not None and done >= self._finish

    def uncovered(self, done: int) -> bool:
        """Whether a step sees the bare canvas under the strokes, whatever the brush."""
        return done >= self._uncovered
