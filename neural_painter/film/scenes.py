"""What is known of a scene as bytes, so that a film can be gone on with: every array as it is."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from neural_painter.film.frames import Scene
from neural_painter.film.living import Cast
from neural_painter.film.mattering import Mattering
from neural_painter.film.shots import Shot
from neural_painter.film.tracking import faces_of, rows_of
from neural_painter.strokes import Strokes

Array = np.ndarray

PARTS = ("paints", "colours", "beside")
"""What a shot may have beside that which matters in it."""


def written(scene: Scene) -> bytes:
    """A scene as the bytes of an `.npz`."""
    file, cast = io.BytesIO(), scene.cast
    strokes = cast.strokes
    assert strokes.ids is not None
    arrays: dict[str, Any] = {
        "placement": strokes.placement,
        "shape": strokes.shape,
        "paint": strokes.paint,
        "ids": strokes.ids,
        "age": cast.age,
        "unseen": cast.unseen,
        "picture": scene.picture,
        "error": scene.error,
        "restless": scene.restless,
        "numbers": np.array([cast.next_id, scene.frame], np.int64),
        "level": np.float64(scene.level),
    }
    np.savez_compressed(file, **arrays, **_shot_as_arrays(scene.shot))
    return file.getvalue()


def read(data: bytes) -> Scene:
    """The scene that was written; it was kept by this program, in a file that tells whether it is whole."""
    with np.load(io.BytesIO(data), allow_pickle=False) as found:
        strokes = Strokes(*(found[name] for name in ("placement", "shape", "paint", "ids")))
        next_id, frame = (int(number) for number in found["numbers"])
        cast = Cast(strokes, found["age"], found["unseen"], next_id)
        level, shot = float(found["level"]), _shot_of(found)
        return Scene(cast, found["picture"], found["error"], level, frame, found["restless"], shot)


def _shot_as_arrays(shot: Shot) -> dict[str, Any]:
    made: dict[str, Any] = {name: value for name in PARTS if (value := getattr(shot, name)) is not None}
    if shot.matters is not None:
        made |= {"weights": shot.matters.weights, "faces": rows_of(shot.matters.faces)}
    return {**made, "smallest": np.array(shot.smallest, np.float64), "blank": np.array(shot.blank)}


def _shot_of(found: Mapping[str, Array]) -> Shot:
    matters = Mattering(found["weights"], tuple(faces_of(found["faces"]))) if "weights" in found else None
    parts = {name: found[name] for name in PARTS if name in found}
    return Shot(float(found["smallest"]), matters, **parts, blank=bool(found["blank"]))
