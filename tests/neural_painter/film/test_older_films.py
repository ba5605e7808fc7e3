"""Films' documents of older versions, beside what they held and how a frame was painted then."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neural_painter.export.rendering import render_bytes
from neural_painter.film.document import VERSION
from neural_painter.film.reading import opened_film
from tests.neural_painter.film.sample_films import TIMES

KEPT = Path(__file__).parent
FILES = sorted(KEPT.glob("version_*/film.npz"))


def test_all_versions_are_there():
    assert [path.parent.name for path in FILES] == [f"version_{version}" for version in range(1, VERSION + 1)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_is_read_and_painted_as_it_was(path):
    with opened_film(path) as film, np.load(path.with_name("strokes.npz")) as kept:
        assert (film.times.tolist(), film.shots.tolist(), film.head.tags) == (TIMES, [0, 7], {"title": "Blots"})
        for number, strokes in enumerate(film.strokes()):
            assert np.array_equal(strokes.table(), kept[f"numbers_{number}"])
            assert np.array_equal(strokes.ids, kept[f"ids_{number}"])
        sound = io.BytesIO()
        film.copy_sound(sound)
        assert (film.head.sound, sound.getvalue()) == ("matroska", b"no sound, but bytes")
        picture = render_bytes(film.painting(9), (96, 128))
    with Image.open(path.with_name("frame-10.png")) as before:
        apart = np.abs(picture - np.asarray(before).astype(int))
    assert apart.max() <= 1
    assert np.count_nonzero(apart) <= apart.size // 2000
