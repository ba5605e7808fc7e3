"""The transfer: from two photos and their segments to a photo that looks like the one and shows the other.

1. Colours of each segment are carried to the style's, in closed form: where the optimisation starts.
2. A small picture is optimised: content, segmented Gram style, matting Laplacian; coarse to fine.
3. What came out is kept as a field of local affine colour maps, and applied to the photo at its full size.

So the work does not grow with the photo, and what cannot be said by maps of the photo's own colours is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from torch import Tensor

from neural_painter.colour import transport_colours
from neural_painter.descent import Patience, Standing
from neural_painter.devices import all_digits, choose_device
from neural_painter.errors import InputError, UsageError
from neural_painter.features import Features
from neural_painter.images import checked_picture, fit_long_side, resize
from neural_painter.images.tensors import picture_of, tensor_of
from neural_painter.journal import Keeper
from neural_painter.losses.gram import colour_target, style_target
from neural_painter.photo.config import PhotoConfig, Preset, check_masks
from neural_painter.photo.masks import (
    Segments,
    automatic_segments,
    of_one_shape,
    one_segment,
    read_segments,
    soft_masks,
)
from neural_painter.photo.optimise import Objective, PictureOptimiser
from neural_painter.photo.plan import Round, plan
from neural_painter.photo.smoothing import carry_up, exact_maps, fine_noise, guided_maps, refine

Array = np.ndarray


@dataclass(frozen=True)
class PhotoProgress:
    """How far a transfer has come; passed to the caller's callback after every step.

    Attributes:
        stage: `style` or `photorealism`.
        size: long side of the picture that is optimised.
        step, steps: of the whole transfer.
        loss: of this step.
    """

    stage: str
    size: int
    step: int
    steps: int
    loss: float


@dataclass(frozen=True)
class PhotoState:
    """Where a transfer stands, so that it can go on.

    Attributes:
        round: the one it is in, or the next; all of them when only the end is left.
        step: steps done in it.
        picture: the best so far, `[h, w, 3]`.
        optimiser: what it knows; without it, the round goes on from the picture alone.
        recovered: steps that were taken back in earlier rounds.
        losses: of the picture, without weights.
    """

    round: int
    step: int
    picture: Array
    optimiser: Standing | None = None
    recovered: int = 0
    losses: Mapping[str, float] = field(default_factory=dict)


@dataclass
class PhotoResult:
    """What came out.

    Attributes:
        picture: `[H, W, 3]` float32 in [0, 1], of the content's size.
        device: where it was computed.
        seconds: per phase and `total`.
        finished: False after Ctrl-C.
        recovered: steps whose loss or gradient was not finite, and which were taken back.
        state: where it stands; None where nothing was optimised.
        losses: of the best step: content, style, photorealism, each without its weight.
        segments: what took its look from what, with notes of what was reassigned.
    """

    picture: Array
    device: str
    seconds: dict[str, float] = field(default_factory=dict)
    finished: bool = True
    recovered: int = 0
    state: PhotoState | None = None
    losses: dict[str, float] = field(default_factory=dict)
    segments: Segments | None = None


def photo_transfer(
    content: Array,
    style: Array,
    *,
    content_mask: Array | None = None,
    style_mask: Array | None = None,
    auto_mask: int = 0,
    config: PhotoConfig | None = None,
    features: Features | None = None,
    init: Array | None = None,
    on_step: Callable[[PhotoProgress], None] | None = None,
    on_state: Callable[[PhotoState], object] | None = None,
    state_seconds: float = 10.0,
    state: PhotoState | None = None,
) -> PhotoResult:
    """Gives a photo the look of another. Prints nothing.

    Args:
        content: the photo, `[H, W, 3]`, floats in [0, 1] or uint8, any size.
        style: the other photo, `[h, w, 3]`.
        content_mask, style_mask: pictures whose colours say which parts belong together; both or neither.
        auto_mask: without masks, how many segments to look for; 0: everything is one.
        config: options; the defaults by default.
        features: from `load_features`; not needed for the preset `fast`.
        init: a picture to start from, such as the result of another transfer; of the content's shape up to scale.
        on_step: called after every step.
        on_state: called between steps with where the transfer stands, to be kept.
        state_seconds: about how often; less often where it takes long.
        state: of an unfinished transfer of the same pictures, options and features, to go on from: on the same
            machine, the result is that of a whole run, to the byte.

    Returns:
        The picture and how it came to be. After Ctrl-C (KeyboardInterrupt) it is the picture so far, `finished` is
        False, and `state` goes on with it.

    Raises:
        ValueError: a picture is not `[H, W, 3]` of finite numbers in [0, 1].
        InputError: masks without a label in common, or `init` of another shape than the content.
        UsageError: one mask without the other, masks and `auto_mask`, no features, or a device that is not there.
        NumericalError: the loss stopped being finite and did not recover.
    """
    config = config or PhotoConfig()
    content, style = checked_picture(content, "content"), checked_picture(style, "style")
    check_masks(content_mask, style_mask, auto_mask)
    if content_mask is not None and style_mask is not None:
        masks = checked_picture(content_mask, "content mask"), checked_picture(style_mask, "style mask")
        segments = read_segments(content, style, *masks)
    elif auto_mask:
        segments = automatic_segments(content, style, auto_mask, seed=config.seed)
    else:
        segments = one_segment(content, style)
    if init is not None:
        init = checked_picture(init, "init")
        if not of_one_shape(init.shape[:2], content.shape[:2]):  # it would be stretched
            (h, w), (height, width) = init.shape[:2], content.shape[:2]
            raise InputError(f"the picture to start from is {w}x{h}, the content {width}x{height}: expected one shape")
    keeper = Keeper(on_state, state_seconds)
    transfer = Transfer(
        content, style, segments, config, features, init=init, on_step=on_step, keeper=keeper, state=state
    )
    result = transfer.run()
    result.segments = segments
    return result


class Transfer:
    """Transfers one style to one photo.

    Args:
        content: the photo, `[H, W, 3]` float32 in [0, 1].
        style: the other photo, `[h, w, 3]`.
        segments: what takes its look from what.
        config: options.
        features: the network; None where nothing is optimised.
        init: `[H, W, 3]` to start from, in place of the preset's start.
        on_step: called after every step.
        keeper: has the state kept.
        state: where to go on from.

    Raises:
        UsageError: the device is not there, or there are no features to optimise with.
    """

    def __init__(
        self,
        content: Array,
        style: Array,
        segments: Segments,
        config: PhotoConfig,
        features: Features | None,
        *,
        init: Array | None = None,
        on_step: Callable[[PhotoProgress], None] | None = None,
        keeper: Keeper | None = None,
        state: PhotoState | None = None,
    ) -> None:
        self.content, self.style, self.segments, self.config = content, style, segments, config
        self.settings: Preset = config.settings()
        self.device = choose_device(config.device)
        if self.settings.optimize and features is None:
            raise UsageError("a transfer that optimises needs features")
        self.features = features.on(self.device) if features else None
        self.init, self.on_step, self.keeper = init, on_step, keeper or Keeper(None, 0.0)
        self.rounds = plan(config, *content.shape[:2])
        self.state = state
        self.recovered = state.recovered if state else 0
        self.seconds: dict[str, float] = {}
        self.losses: dict[str, float] = dict(state.losses) if state else {}

    @all_digits()
    def run(self) -> PhotoResult:
        """Goes through all rounds that are left, and finishes the picture at its full size.

        After Ctrl-C the result holds the best picture so far, and `finished` is False; after another one while it is
        smoothed, unsmoothed.

        Raises:
            NumericalError: the loss stopped being finite and did not recover.
        """
        began = time.perf_counter()
        finished = True
        with self._timed("colors"):
            start = self._start() if self.state is None else self.state.picture
        try:
            for index in range(self.state.round if self.state else 0, len(self.rounds)):
                with self._timed(f"{self.rounds[index].stage} {max(self.rounds[index].size)}"):
                    start = self._run_round(index, start)
        except KeyboardInterrupt:
            finished = False
            if self.state is not None:
                start = self.state.picture
        try:
            with self._timed("smoothing"):
                picture = self._finished(start)
        except KeyboardInterrupt:
            if self.state is None:
                raise
            finished, picture = False, resize(self.state.picture, size=self.content.shape[:2])
        self.seconds["total"] = time.perf_counter() - began
        return PhotoResult(picture, self.device.type, self.seconds, finished, self.recovered, self.state, self.losses)

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - began

    def _start(self) -> Array:
        """The picture that the first round begins with, or the result where there are no rounds."""
        if self.init is not None:
            return self.init
        size = self.rounds[0].size if self.rounds else self.content.shape[:2]
        if self.settings.init == "grey":
            noise = np.random.default_rng(self.config.seed).standard_normal((*size, 3)).astype(np.float32)
            return 0.5 + 1e-4 * noise
        return self._coloured(self.rounds[-1].size if self.rounds else (size[0], size[1]))

    def _coloured(self, size: tuple[int, int]) -> Array:
        """The photo at a size, in the colours of the style."""
        masks = soft_masks(self.segments.content, self.segments.count, size, softness=max(size) / 350)
        return transport_colours(resize(self.content, size=size), self.style, masks, self.segments.style)

    def _run_round(self, index: int, start: Array) -> Array:
        round_, done, standing = self.rounds[index], 0, None
        if self.state is not None and self.state.round == index:
            done, standing = self.state.step, self.state.optimiser
        objective = self._objective(round_)
        picture = self._tensor(
            np.clip(resize(start, size=round_.size), 0, 1) if start.shape[:2] != round_.size else start
        )
        # Where only the picture is known, the rest of the round is a shorter round of its own.
        before = 0 if standing else done
        steps = round_.iterations - before
        optimiser = PictureOptimiser(picture, objective, optimizer=self.config.optimizer, steps=steps)
        if standing:
            optimiser.restore(standing)
        patience = Patience(optimiser.recovered)

        def state() -> PhotoState:
            best = picture_of(optimiser.best)
            known = optimiser.standing() if not before else None
            return PhotoState(index, before + optimiser.taken, best, known, self.recovered, optimiser.terms)

        try:
            while optimiser.taken < steps:
                loss = optimiser.step()
                patience.follow(loss, f"in the {round_.stage} stage")
                self._report(index, before + optimiser.taken, loss)
                self.keeper.tick(state)
        finally:
            self.state = state()
            self.recovered += optimiser.recovered
            self.losses = optimiser.terms
        self.state = PhotoState(index + 1, 0, self.state.picture, None, self.recovered, self.losses)
        return self.state.picture

    def _objective(self, round_: Round) -> Objective:
        assert self.features is not None
        height, width = self.style.shape[:2]
        # The style as large as the picture: textures should be as large as they are in the style.
        style_size = fit_long_side(height, width, min(max(round_.size), max(height, width)))
        count = self.segments.count
        masks = [
            torch.from_numpy(soft_masks(labels, count, size)).to(self.device)
            for labels, size in ((self.segments.style, style_size), (self.segments.content, round_.size))
        ]
        style = self._tensor(resize(self.style, size=style_size))
        target = style_target(self.features, style[None], masks[0], masks[1])
        return Objective(
            self.features,
            self._tensor(resize(self.content, size=round_.size)),
            target,
            colour_target(style[None], masks[0], masks[1]),
            content_weight=self.config.content_weight,
            style_weight=self.config.style_weight,
            color_weight=self.config.color_weight,
            smoothness_weight=self.config.smoothness_weight,
            photorealism=self.settings.photorealism if round_.stage == "photorealism" else 0.0,
            epsilon=self.settings.epsilon,
        )

    def _finished(self, picture: Array) -> Array:
        """The result at the content's size."""
        small = resize(self.content, size=picture.shape[:2])
        way = self.settings.smoothing
        if way == "none":
            change = picture - small
            if change.shape != self.content.shape:
                change = cv2.resize(change, self.content.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            return np.clip(self.content + change, 0, 1)
        content, result = self._tensor(small), self._tensor(picture)
        if way == "exact":
            maps = exact_maps(content, result, colour_sigma=self.settings.colour_sigma)
        else:
            maps = guided_maps(content, result, noise=fine_noise(self.content, picture.shape[:2]))
        photo = self._tensor(self.content)
        out = carry_up(maps, content, photo)
        if self.config.refine:
            out = refine(photo, out)
        return picture_of(out.clamp_(0, 1))

    def _tensor(self, picture: Array) -> Tensor:
        return tensor_of(picture, self.device)

    def _report(self, index: int, done: int, loss: float) -> None:
        if self.on_step:
            before = sum(r.iterations for r in self.rounds[:index])
            total = sum(r.iterations for r in self.rounds)
            round_ = self.rounds[index]
            self.on_step(PhotoProgress(round_.stage, max(round_.size), before + done, total, loss))
