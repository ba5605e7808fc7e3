"""Restyles the frames of a film so that strokes stay with what they paint; a network alone makes new ones each time.

The last restyled frame is carried along by the motion of the film, and blended into the new one: much where both agree
and the film shows the same, not at all where something new is seen. What blending takes of the texture is given back.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from neural_painter.fast.grain import carried_grain
from neural_painter.fast.grid import camera_of, moved, restyled_on_grid
from neural_painter.fast.model import FastModel, StyleModel
from neural_painter.fast.norms import HeldNorms
from neural_painter.images import checked_picture, to_uint8
from neural_painter.motion import Motion, carried, is_cut, motion_between

Array = np.ndarray

OTHER = 0.1
"""Difference between a place and where it came from, of colours of 0 to 1, at which trust in the motion is 1/e."""
AROUND = 5
"""Side of the square over which that is averaged, in pixels."""
UNSURE = 0.5
"""Trust in motion that does not lead back home, where it leads to the same colours: fast things, and plain ones."""

APART = 0.12
"""Difference between the new frame and the carried one, of colours of 0 to 1, at which the latter counts 1/e.

At .25 the halos of moving edges stay behind them in plain places."""
GRAINY_APART = 0.25
"""The same of networks that paint plain places from grain, where strokes differ more."""
COARSE = 3.0
"""Sigma of the blur that the difference is looked at through, in pixels: single strokes may differ."""

WIDE = 6.0
"""Sigma of the blur of the texture's strength, in pixels."""
GIVEN_BACK = 0.7
"""Share of the texture lost by blending that is given back; all of it costs a third of the calm."""
MOST_GIVEN = 1.5
"""Greatest factor on the texture for that."""

TORN = 1.0
"""Pixels by which the drift of neighbouring ones may differ: where more, grain would be drawn out to streaks."""
MENDED = 12.0
"""Sigma of what is around a tear, in pixels."""

THIRDS = np.full((1, 3), 1 / 3, np.float32)
"""Weights of the channels in their mean."""


@dataclass(frozen=True)
class _Scene:
    """What is known of a scene after a frame; nothing of it is ever changed in place.

    Attributes:
        source, made: the frame and its restyled one, `[H, W, 3]` uint8.
        place: `[2]` float32, how far the camera's motion has moved the picture since the scene began, in pixels.
        drift: `[H, W, 2]` float32, how far from a pixel its grain lay when the scene began; None without grain.
        moments: of `HeldNorms`.
    """

    source: Array
    made: Array
    place: Array
    drift: Array | None = None
    moments: dict[int, Array] = field(default_factory=dict)


class Steady:
    """Restyles the frames of a film, one after the other; memory does not grow with their number.

    A model that tells neither its stride nor its norms, as ONNX, has its frames blended only.

    Args:
        model: of the style.
        weight: how much of the last frame stays where nothing speaks against it, in [0, 1].
    """

    def __init__(self, model: StyleModel, weight: float) -> None:
        self._model, self._weight = model, weight
        self._scene: _Scene | None = None

    def __call__(self, picture: Array) -> Array:
        """The next frame `[H, W, 3]`, float32 in [0, 1], restyled; one like the last gives the same."""
        source, old = to_uint8(picture), self._scene
        if old is not None and np.array_equal(source, old.source):
            return checked_picture(old.made)
        if old is None or old.source.shape != source.shape:
            return self._begin(picture, source)
        before = checked_picture(old.source)
        motion = motion_between(before, picture)
        if is_cut(before, picture, motion):
            return self._begin(picture, source)
        camera = camera_of(motion, picture)
        place = old.place - camera
        back = _with_camera(motion, camera, before, picture)
        drift = None if old.drift is None else _drifted(old.drift, back)
        norms = HeldNorms(old.moments)
        new = self._restyled(picture, place, drift, norms)
        trust = self._weight * _trust(motion, back, before, picture)
        along = carried(checked_picture(old.made), back, cv2.INTER_LANCZOS4)
        made = to_uint8(_blended(new, along, trust, APART if drift is None else GRAINY_APART))
        self._scene = _Scene(source, made, place, drift, norms.moments)
        return checked_picture(made)

    def kept(self) -> Callable[[], bytes]:
        """What writes down the state as it is now, whenever it is called; for `recall`."""
        scene = self._scene
        return lambda: b"" if scene is None else _written(scene)

    def recall(self, state: bytes) -> None:
        """Goes on behind the frame after which `kept` was asked; the rest is equal to the byte."""
        self._scene = _read(state) if state else None

    def _begin(self, picture: Array, source: Array) -> Array:
        """The first frame of a scene."""
        norms, place = HeldNorms(), np.zeros(2, np.float32)
        grainy = isinstance(self._model, FastModel) and self._model.grain
        drift = np.zeros((*picture.shape[:2], 2), np.float32) if grainy else None
        made = to_uint8(self._restyled(picture, place, drift, norms))
        self._scene = _Scene(source, made, place, drift, norms.moments)
        return checked_picture(made)

    def _restyled(self, picture: Array, place: Array, drift: Array | None, norms: HeldNorms) -> Array:
        model = self._model
        if not isinstance(model, FastModel):
            return model(picture)
        noise = None if drift is None else carried_grain(drift, model.grain)

        def restyle(moved: Array, noise: Array | None) -> Array:
            return model(moved, noise=noise, norms=norms)

        return restyled_on_grid(restyle, picture, model.stride, place, noise)


def _drifted(drift: Array, back: Array) -> Array:
    """Where a frame's grain lies: it has come along with what it shows, or where that tears it, with what is around."""
    along = (carried(drift, back) + back).astype(np.float32)
    torn = np.zeros(along.shape[:2], bool)
    for axis in (0, 1):
        far = np.abs(np.diff(along, axis=axis)).max(-1) > TORN
        torn |= np.pad(far, [(1, 0) if k == axis else (0, 0) for k in (0, 1)])
        torn |= np.pad(far, [(0, 1) if k == axis else (0, 0) for k in (0, 1)])
    if not torn.any():
        return along
    whole = (~torn).astype(np.float32)[..., None] + 1e-6
    around = cv2.GaussianBlur(whole * along, (0, 0), MENDED) / cv2.GaussianBlur(whole, (0, 0), MENDED)[..., None]
    return np.where(torn[..., None], around, along)  # type: ignore[no-any-return]


def _with_camera(motion: Motion, camera: Array, before: Array, after: Array) -> Array:
    """The flow `[H, W, 2]` to the frame before; plain places, which seem to stand still, go with the camera."""
    if not camera.any():
        return motion.back
    stayed, went = (_difference(after, old) for old in (before, moved(before, camera, cv2.INTER_LINEAR)))
    back = motion.back.copy()
    back[motion.still & (went <= stayed + 2 / 255)] = camera
    return back


def _difference(one: Array, other: Array) -> Array:
    """`[H, W]`: of the channel that differs most, averaged around each pixel."""
    return cv2.blur(_largest(one - other), (AROUND, AROUND))


def _largest(difference: Array) -> Array:
    """`[H, W]`: of the channel that differs most."""
    red, green, blue = cv2.split(np.abs(difference))
    return np.maximum(np.maximum(red, green), blue)  # type: ignore[no-any-return]


def _trust(motion: Motion, back: Array, before: Array, after: Array) -> Array:
    """`[H, W]` in [0, 1]: whether a place shows what the flow says it showed before; it fades out before an edge."""
    found = np.exp(-((_difference(after, carried(before, back)) / OTHER) ** 2))
    trust = np.where(motion.seen, found, UNSURE * found).astype(np.float32)
    inner = cv2.GaussianBlur(cv2.erode(trust, np.ones((3, 3), np.uint8)), (0, 0), 1)
    return np.minimum(trust, inner)  # type: ignore[no-any-return]


def _blended(new: Array, old: Array, trust: Array, most: float) -> Array:
    """The new frame with so much of the carried one as is trusted, and less where they differ by more than strokes."""
    difference = new - old
    coarse = cv2.GaussianBlur(difference, (0, 0), COARSE)
    apart = cv2.GaussianBlur(_largest(coarse), (0, 0), 1)
    weight = (trust * np.exp(-((apart / most) ** 2)))[..., None]
    mixed = new - weight * difference
    textures = [picture - cv2.GaussianBlur(picture, (0, 0), COARSE) for picture in (new, old, mixed)]
    strengths = [cv2.GaussianBlur(cv2.transform(texture**2, THIRDS), (0, 0), WIDE) + 1e-5 for texture in textures]
    wanted = strengths[0] + weight[..., 0] * np.minimum(0, strengths[1] - strengths[0])
    factor = np.clip(np.sqrt(wanted / strengths[2]), 1, MOST_GIVEN)
    return np.clip(mixed + GIVEN_BACK * (factor - 1)[..., None] * textures[2], 0, 1)  # type: ignore[no-any-return]


def _written(scene: _Scene) -> bytes:
    file = io.BytesIO()
    arrays: dict[str, Any] = {name: cv2.imencode(".png", getattr(scene, name))[1] for name in ("source", "made")}
    arrays |= {f"norm {layer}": held for layer, held in scene.moments.items()}
    if scene.drift is not None:
        arrays["drift"] = scene.drift
    np.savez(file, place=scene.place, **arrays)
    return file.getvalue()


def _read(state: bytes) -> _Scene:
    with np.load(io.BytesIO(state), allow_pickle=False) as found:
        source, made = (cv2.imdecode(found[name], cv2.IMREAD_COLOR) for name in ("source", "made"))
        moments = {int(name.split()[1]): found[name] for name in found.files if name.startswith("norm")}
        drift = found["drift"] if "drift" in found.files else None
        return _Scene(np.asarray(source), np.asarray(made), found["place"], drift, moments)
