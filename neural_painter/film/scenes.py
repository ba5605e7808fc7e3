"""What is known of a scene as bytes, so that a film can be gone on with: every array as it is."""

from __future__ import annotations

import io

import numpy as np

from neural_painter.film.frames import Scene
from neural_painter.film.living import Cast
from neural_painter.strokes import Strokes


def written(scene: Scene) -> bytes:
    """A scene as the bytes of an `.npz`."""
    file, cast = io.BytesIO(), scene.cast
    strokes = cast.strokes
    assert strokes.ids is not None
    np.savez_compressed(
        file,
        placement=strokes.placement,
        shape=strokes.shape,
        paint=strokes.paint,
        ids=strokes.ids,
        age=cast.age,
        unseen=cast.unseen,
        picture=scene.picture,
        error=scene.error,
        restless=scene.restless,
        numbers=np.array([cast.next_id, scene.frame], np.int64),
        level=np.float64(scene.level),
    )
    return file.getvalue()


def read(data: bytes) -> Scene:
    """The scene that was written; it was kept by this program, in a file that tells whether it is whole."""
    with np.load(io.BytesIO(data), allow_pickle=False) as found:
        strokes = Strokes(*(found[name] for name in ("placement", "shape", "paint", "ids")))
        next_id, frame = (int(number) for number in found["numbers"])
        cast = Cast(strokes, found["age"], found["unseen"], next_id)
        return Scene(cast, found["picture"], found["error"], float(found["level"]), frame, found["restless"])
