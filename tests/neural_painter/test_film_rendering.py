"""A film's document painted again: as films with times and sound, GIF, frames, with an alpha; frames are themselves."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from neural_painter.errors import OutputError, UsageError
from neural_painter.export.finish import FLAT, Finish
from neural_painter.export.rendering import render_bytes
from neural_painter.export.transparency import render_transparent
from neural_painter.film.document import FilmHead
from neural_painter.film.reading import opened_film
from neural_painter.film_rendering import is_numbered, numbered, write_film
from neural_painter.video import read_frames
from neural_painter.video.origin import sound_of
from neural_painter.video.soundtrack import keep_sound
from tests.neural_painter.film.sample_films import TIMES, sample_frames, sample_head, written
from tests.neural_painter.sample_documents import sample_document
from tests.neural_painter.video.films import click_of, make, packets_of, psnr, times_of

SECONDS = [Fraction(time, 1000) for time in TIMES]


@pytest.fixture
def film(tmp_path):
    with opened_film(written(tmp_path / "a.npz", sample_frames())) as document:
        yield document


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def painted(film, size=(48, 64), finish=FLAT):
    return [render_bytes(film.head.document(strokes), size, finish=finish) for strokes in film.strokes()]


def test_films_have_the_times_and_the_frames_of_the_document(film, tmp_path):
    expected = painted(film, (96, 128))
    for name in ("a.mp4", "a.webm"):
        shown, notes = [], []
        made = write_film(film, tmp_path / name, size=(96, 128), on_frame=shown.append, say=notes.append)
        assert (made.frames, made.finished, shown, notes) == (12, True, list(range(1, 13)), [])
        assert psnr(list(read_frames(tmp_path / name)), expected) > 33
        times, _ = times_of(tmp_path / name)
        assert times == SECONDS[:-1]


def test_a_film_that_is_finished_otherwise(film, tmp_path):
    finish = Finish(relief=2.0)
    write_film(film, tmp_path / "%02d.png", finish=finish, size=(48, 64))
    for number, expected in enumerate(painted(film, finish=finish), 1):
        assert np.array_equal(pixels(tmp_path / f"{number:02}.png"), expected)


def test_a_gif_shows_the_frames_for_as_long_as_it_can(film, tmp_path):
    notes = []
    write_film(film, tmp_path / "a.gif", say=notes.append)
    with Image.open(tmp_path / "a.gif") as gif:
        ends, expected, apart = 0, painted(film), []
        for number in range(gif.n_frames):
            gif.seek(number)
            frame = np.asarray(gif.convert("RGB")).astype(int)
            begins, ends = ends, ends + gif.info["duration"]
            shown = [n for n in range(12) if TIMES[n] - 5 <= begins < TIMES[n + 1] + 5]
            apart.append(min(np.abs(frame - expected[n]).mean() for n in shown))
        assert ends == 720
        assert max(apart) < 2
    assert len(notes) == 1
    assert "50 frames a second" in notes[0]


def test_frames_are_pictures_of_their_own(film, tmp_path):
    notes = []
    target = tmp_path / "f-%03d.png"
    made = write_film(film, target, say=notes.append)
    assert made.frames == 12
    for number, expected in enumerate(painted(film), 1):
        assert np.array_equal(pixels(tmp_path / f"f-{number:03}.png"), expected)
    assert notes == ["its frames are not even, and pictures have no times"]
    with pytest.raises(OutputError, match=r"f-001.png: exists already"):
        write_film(film, target, overwrite=False)
    assert [is_numbered(Path(name)) for name in ("%d.png", "a%05d.webp", "%5d.png", "%d%d.png", "%d.mp4", "a.png")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert numbered(Path("100%-%04d.png"), 12) == Path("100%-0012.png")


def test_a_painting_without_its_canvas_lies_on_it_as_it_was_painted():
    for brush in ("oil", "glaze"):
        document = sample_document(brush, count=12)
        for finish in (FLAT, Finish(relief=1.0, paper="none")):
            expected = render_bytes(document, (60, 80), finish=finish).astype(float)
            made = render_transparent(document, (60, 80), finish=finish).astype(float)
            alpha = made[..., 3:] / 255
            over = alpha * made[..., :3] + (1 - alpha) * 255 * np.array(document.canvas)
            there = alpha[..., 0] > (0 if finish == FLAT else 0.5)  # bare canvas is lit as well, and left out
            assert np.abs(over - expected)[there].max() <= (2.1 if finish == FLAT else 12)
            assert np.abs(over - expected)[there].mean() < 0.6
    bare = replace(
        document, strokes=replace(document.strokes, paint=document.strokes.paint * np.float32([1] * 6 + [0]))
    )
    assert not render_transparent(bare, (60, 80))[..., 3].any()


def test_what_is_not_painted_is_transparent_in_frames_and_prores(film, tmp_path):
    write_film(film, tmp_path / "%d.png", transparent=True)
    expected = [render_transparent(film.head.document(strokes), (48, 64)) for strokes in film.strokes()]
    with Image.open(tmp_path / "12.png") as picture:
        assert picture.mode == "RGBA"
        assert np.array_equal(np.asarray(picture), expected[11])
    assert 0 < (expected[0][..., 3] < 128).mean() < 1
    write_film(film, tmp_path / "a.mov", transparent=True)
    with av.open(tmp_path / "a.mov") as made:
        stream = made.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.codec_tag) == ("prores", "ap4h")
        frames = [frame.reformat(format="rgba", src_colorspace="itu709").to_ndarray() for frame in made.decode(stream)]
    assert np.abs(np.stack(frames).astype(int) - expected)[..., 3].max() <= 1
    assert psnr(np.stack(frames)[..., :3], np.stack(expected)[..., :3]) > 36
    assert times_of(tmp_path / "a.mov")[0] == SECONDS[:-1]
    for name in ("a.mp4", "a.gif", "%d.jpg"):
        with pytest.raises(UsageError, match="transparency"):
            write_film(film, tmp_path / name, transparent=True)
    with pytest.raises(UsageError, match=r"films ending in .avi"):
        write_film(film, tmp_path / "a.avi")


@pytest.mark.parametrize("codec", ["aac", "libopus", "pcm_s16le"])
def test_the_sound_goes_through_a_document(codec, tmp_path):
    end = {"aac": "mp4", "libopus": "mkv", "pcm_s16le": "mov"}[codec]
    source = make(tmp_path / f"a.{end}", sound=codec)
    place, notes = tmp_path / "sound", []
    container = keep_sound(sound_of(source), place, None, notes.append)
    with place.open("rb") as sound:
        path = written(tmp_path / "a.npz", sample_frames(), sound=(container, sound))
    with opened_film(path) as film, (tmp_path / "copy").open("wb+") as copy:
        assert film.head.sound == container
        film.copy_sound(copy)
    assert (tmp_path / "copy").read_bytes() == place.read_bytes()
    with opened_film(path) as film:
        made = write_film(film, tmp_path / f"b.{end}", sound=sound_of(place)._replace(offset=Fraction(0)))
    assert made.audio == ("copied",)
    assert packets_of(tmp_path / f"b.{end}") == packets_of(source)
    assert abs(click_of(tmp_path / f"b.{end}") - click_of(source)) < 0.002
    assert notes == []


def test_sound_ends_with_the_film_so_far(tmp_path):
    source = make(tmp_path / "a.mp4", times=[1000 * k for k in range(4)], seconds=4, sound="aac")
    keep_sound(sound_of(source), tmp_path / "half", Fraction(3, 2), pytest.fail)
    assert 0.3 < len(packets_of(tmp_path / "half")) / len(packets_of(source)) < 0.45


def test_pixels_that_are_not_square_are_shown_as_they_were(tmp_path):
    head = sample_head(pixel_aspect=Fraction(4, 3))
    assert isinstance(head, FilmHead)
    with opened_film(written(tmp_path / "a.npz", sample_frames(), head=head)) as film:
        write_film(film, tmp_path / "a.mp4")
        write_film(film, tmp_path / "%d.png")
        write_film(film, tmp_path / "a.gif")
    with av.open(tmp_path / "a.mp4") as made:
        assert made.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
    for name in ("1.png", "a.gif"):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (85, 48)
