"""A film's document: exact, read by others and by frame, gone on with to the byte, safe with those of strangers."""

import io
import json
import re
import zipfile
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from neural_painter.archives import Archive
from neural_painter.errors import InputError
from neural_painter.film import document as document_module
from neural_painter.film import reading
from neural_painter.film.changes import change, changed, nothing, words_of
from neural_painter.film.document import FilmWriter
from neural_painter.film.reading import is_film_document, opened_film
from neural_painter.strokes import Strokes, write_document
from tests.neural_painter.film.sample_films import TIMES, sample_frames, sample_head, written
from tests.neural_painter.sample_documents import sample_document

DOCS = Path(__file__).parents[3] / "docs" / "film-document.md"


def test_frames_come_back_to_the_bit_each_with_its_time(tmp_path):
    frames = sample_frames()
    path = written(tmp_path / "a.npz", frames, head=sample_head(tags={"title": "Näh"}, pixel_aspect=Fraction(4, 3)))
    with opened_film(path) as film:
        assert list(film.strokes()) == frames
        assert (film.frames, film.times.tolist(), film.shots.tolist()) == (12, TIMES, [0, 7])
        assert (film.head.tags, film.head.pixel_aspect) == ({"title": "Näh"}, Fraction(4, 3))
        assert [film.painting(number).strokes for number in (11, 3, 8)] == [frames[11], frames[3], frames[8]]
        assert film.painting(2).size == (48, 64)
        assert list(film.strokes(5, 9)) == frames[5:9]
        seconds = ("-1", "0", "0.0399", "0.04", "0.3", "0.71", "9")
        assert [film.frame_at(Fraction(second)) for second in seconds] == [0, 0, 0, 1, 5, 11, 11]
        with pytest.raises(IndexError):
            film.painting(12)
    assert written(tmp_path / "b.npz", frames, head=film.head).read_bytes() == path.read_bytes()


def test_the_reader_of_the_docs_reads_it(tmp_path):
    code = re.search(r"```python\n(import json.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)[1]
    there = {}
    exec(code, there)
    frames = sample_frames("watercolor")
    found = list(there["frames"](written(tmp_path / "a.npz", frames, head=sample_head("watercolor"))))
    for (numbers, ids), strokes in zip(found, frames, strict=True):
        assert np.array_equal(numbers, strokes.table())
        assert np.array_equal(ids, strokes.ids)
    assert len(code.strip().splitlines()) <= 20


def test_any_frame_is_read_without_the_groups_before(tmp_path, monkeypatch):
    frames = sample_frames(frames=12, cut=99) * 12
    path = written(tmp_path / "a.npz", frames, times=range(145), cuts=(0,))
    with opened_film(path) as film:
        read, array = [], Archive.array
        monkeypatch.setattr(Archive, "array", lambda self, name, *how: (read.append(name), array(self, name, *how))[1])
        assert film.painting(140).strokes == frames[140]
        assert read == ["shifts/2", "planes/2"]


def test_what_stands_still_takes_next_to_nothing(tmp_path):
    (strokes,) = sample_frames(count=1000, frames=1)
    sizes = [written(tmp_path / "a.npz", [strokes] * n, times=range(n + 1), cuts=(0,)).stat().st_size for n in (1, 41)]
    assert sizes[1] - sizes[0] < 40 * 400


def test_a_change_of_any_kind():
    oil = sample_frames()[0]
    other = sample_frames(cut=0)[3]
    for before, after in ((oil, other), (other, oil), (oil, oil), (oil, Strokes.of(oil.table()[:0], oil.ids[:0]))):
        there = words_of(before)
        assert np.array_equal(changed(there, *change(there, words_of(after))), words_of(after))
    backwards = Strokes.of(oil.table()[::-1], oil.ids[::-1])
    assert not change(words_of(oil), words_of(backwards)).planes.any()
    with pytest.raises(ValueError, match="ids"):
        words_of(sample_document().strokes)
    assert nothing(3).shape == (0, 3)


def test_a_document_that_is_gone_on_with_is_the_same_to_the_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(document_module, "GROUP", 3)
    frames = sample_frames() * 2
    times = range(25)
    whole = written(tmp_path / "whole.npz", frames, times=times, cuts=(0, 7, 12, 19)).read_bytes()
    for stop in (1, 3, 4, 13):
        groups, first = io.BytesIO(), FilmWriter(sample_head())
        for number in range(stop):
            first.add(frames[number], times[number], times[number + 1], fresh=number in (0, 7, 12, 19))
            groups.write(first.take())
        state = first.kept()
        groups.write(b"what came after that, and is not known of")
        second = FilmWriter(sample_head())
        second.recall(state, groups)
        assert second.frames == stop
        groups.truncate(second.end)
        groups.seek(0, io.SEEK_END)
        for number in range(stop, 24):
            second.add(frames[number], times[number], times[number + 1], fresh=number in (0, 7, 12, 19))
        second.finish(groups)
        assert groups.getvalue() == whole


def test_an_archive_of_many_groups_is_read(tmp_path, monkeypatch):
    """Beyond 65 535 arrays its list is of 64 bits; here it is made so early."""
    from neural_painter import archive_writing

    monkeypatch.setattr(archive_writing, "_MOST_16", 3)
    path = written(tmp_path / "a.npz", sample_frames())
    with opened_film(path) as film:
        assert list(film.strokes()) == sample_frames()
    with np.load(path) as found:
        assert "counts" in found.files
    with zipfile.ZipFile(path) as found:
        assert found.testzip() is None


def test_a_film_is_told_from_a_painting(tmp_path):
    path = written(tmp_path / "a.npz", sample_frames())
    write_document(tmp_path / "b.npz", sample_document())
    (tmp_path / "c.npz").write_bytes(b"PK")
    assert is_film_document(path)
    assert not any(is_film_document(tmp_path / name) for name in ("b.npz", "c.npz", "d.npz", "."))


def test_what_cannot_be_written(tmp_path):
    writer, (first, *_) = FilmWriter(sample_head()), sample_frames()
    writer.add(first, 0, 40, fresh=True)
    for start, end in ((40, 40), (0, 50), (-3, 50)):
        with pytest.raises(ValueError, match="frame 1"):
            writer.add(first, start, end, fresh=False)
    with pytest.raises(ValueError, match="tags"):
        sample_head(tags={"title": "x" * 4001})
    with pytest.raises(ValueError, match="out of range"):
        sample_head(pixel_aspect=Fraction(0))


def arrays_of(path):
    with np.load(path, allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def with_header(**changes):
    def change(arrays):
        header = json.loads(arrays["header"].tobytes()) | changes
        header = {key: value for key, value in header.items() if value is not ...}
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)

    return change


def with_array(name, make):
    def change(arrays):
        arrays[name] = make(arrays[name].copy())

    return change


def put(place, value):
    def make(array):
        array[place] = value
        return array

    return make


WRONG = [
    (with_header(format="neural-painter strokes"), "lacks"),
    (with_header(version=2), "version is 2"),
    (with_header(version=True), "version"),
    (with_header(seed=...), "'seed' is missing"),
    (with_header(more=1), "'more' is unknown"),
    (with_header(time_base=[1, 0]), "time_base"),
    (with_header(rate=1.5), "rate"),
    (with_header(tags=[]), "tags"),
    (with_header(tags={"a": 1}), "tags"),
    (with_header(sound="mov"), "other arrays"),
    (with_header(sound=[]), "sound"),
    (with_header(columns=["x"]), "columns"),
    (with_header(width=0), "width"),
    (with_header(brush="no such"), "brush"),
    (lambda arrays: arrays.pop("shots"), "shots"),
    (lambda arrays: arrays.pop("planes/0"), "other arrays"),
    (lambda arrays: arrays.update(more=np.zeros(1)), "other arrays"),
    (with_array("times", put(3, 0)), "times"),
    (with_array("times", lambda a: a[:-1]), "times and groups"),
    (with_array("times", lambda a: a.astype(float)), "times.npy holds"),
    (with_array("times", put(0, -(1 << 63))), "times"),
    (with_array("groups", put(0, 1)), "groups"),
    (with_array("groups", put(1, 99)), "groups"),
    (with_array("groups", lambda a: np.array([0, 4, 12], np.uint32)), "other arrays"),
    (with_array("shots", put(1, 12)), "shots"),
    (with_array("counts", put(0, 1 << 30)), "strokes"),
    (with_array("counts", put(0, 200_000)), "fewer"),
    (with_array("counts", lambda a: a[:0]), "frame"),
    (with_array("shifts/0", put(30, 1 << 30)), "is not there"),
    (with_array("shifts/0", lambda a: a[:-1]), "fewer"),
    (with_array("planes/0", lambda a: a[:-1]), "fewer"),
    (with_array("planes/0", put(slice(None), 255)), "frame 1: "),
    (with_array("planes/0", lambda a: a.astype(object)), "planes/0.npy"),
]


@pytest.mark.filterwarnings("ignore:.*metadata.*")
def test_what_is_wrong_is_told_in_a_sentence(tmp_path):
    good, bad = written(tmp_path / "a.npz", sample_frames()), tmp_path / "bad.npz"
    for change_it, sentence in WRONG:
        arrays = arrays_of(good)
        change_it(arrays)
        np.savez(bad, **arrays)
        with pytest.raises(InputError) as found, opened_film(bad) as film:
            list(film.strokes())
        assert sentence in str(found.value), (sentence, str(found.value))
        assert str(found.value).startswith(f"{bad}: ")


def test_what_is_cut_short_or_no_archive_is_told(tmp_path):
    data = written(tmp_path / "a.npz", sample_frames()).read_bytes()
    bad = tmp_path / "bad.npz"
    damaged = bytearray(data)
    damaged[400] ^= 1
    for content in (data[:-1], data[:100], b"PK\3\4", b"x" * 200, bytes(damaged)):
        bad.write_bytes(content)
        with pytest.raises(InputError, match="not a valid film document"), opened_film(bad) as film:
            list(film.strokes())
    with pytest.raises(InputError, match="no such file"), opened_film(tmp_path / "no.npz"):
        pass


def test_a_small_file_that_grows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_GROUP_BYTES", 1 << 10)
    with pytest.raises(InputError, match="too many"), opened_film(written(tmp_path / "a.npz", sample_frames())):
        pass


def test_large_frames_end_a_group_early(tmp_path, monkeypatch):
    monkeypatch.setattr(document_module, "MOST_BYTES", 3000)
    path = written(tmp_path / "a.npz", sample_frames())
    with opened_film(path) as film:
        assert list(film.strokes()) == sample_frames()
        groups = arrays_of(path)["groups"].tolist()
        assert len(groups) > 4
        assert all(1 <= after - before <= 3 for before, after in pairwise(groups))
