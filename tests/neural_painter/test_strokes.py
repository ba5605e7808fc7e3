import gzip
import io
import json
import re
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neural_painter import strokes as module
from neural_painter import tables
from neural_painter.errors import InputError, OutputError, UsageError
from neural_painter.strokes import StrokeDocument, Strokes, columns, read_document, write_document
from renderers import brushes
from renderers.brush import SWEEP
from tests.each import each
from tests.neural_painter.sample_documents import sample_document

SUFFIXES = [".json", ".json.gz", ".npz"]


@pytest.fixture(scope="module")
def document() -> StrokeDocument:
    return sample_document(count=12)


@pytest.fixture(scope="module")
def parsed(document, tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp("documents") / "a.json"
    write_document(path, document)
    return json.loads(path.read_text())


# Strokes and what follows from them


def test_strokes_are_kept_as_contiguous_float32():
    strokes = Strokes(np.zeros((3, 10))[:, ::2], np.zeros((3, 0)), np.ones((7, 3)).T)
    for array in (strokes.placement, strokes.shape, strokes.paint):
        assert array.dtype == np.float32
        assert array.flags.c_contiguous


@each("shapes", [((3, 4), (3, 1), (3, 7)), ((3, 5), (2, 1), (3, 7)), ((3, 5), (3,), (3, 7)), ((), (), ())])
def test_strokes_reject_other_shapes(shapes):
    with pytest.raises(ValueError, match="must be"):
        Strokes(*map(np.zeros, shapes))


@pytest.mark.parametrize(
    ("group", "column", "value", "message"),
    [
        ("placement", 0, np.nan, "stroke 2: x is nan"),
        ("placement", 1, 11, "stroke 2: y is 11"),
        ("placement", 2, 0, "stroke 2: half_length is 0"),
        ("placement", 3, -1, "stroke 2: half_width is -1"),
        ("placement", 4, np.inf, "stroke 2: angle is inf"),
        ("shape", 0, 9, "stroke 2: slant is 9"),
        ("paint", 6, 1.01, "stroke 2: opacity is 1.01"),
    ],
)
def test_check_names_stroke_and_number(document, group, column, value, message, tmp_path):
    array = getattr(document.strokes, group).copy()
    array[2, column] = value
    bad = replace(document, strokes=replace(document.strokes, **{group: array}))
    with pytest.raises(ValueError, match=re.escape(message)):
        bad.check()
    with pytest.raises(ValueError, match=re.escape(message)):
        write_document(tmp_path / "a.json", bad)
    assert not list(tmp_path.iterdir())


def test_full_shape_puts_the_clamped_aspect_first(document):
    brush = brushes.brush("tape")
    placement = document.strokes.placement.copy()
    placement[:3, 2:4] = [[0.3, 0.1], [1e-30, 1], [1, 1e-38]]
    found = replace(document, strokes=replace(document.strokes, placement=placement)).full_shape(brush)
    assert found.dtype == np.float32
    assert found.shape == (12, len(brush.shape))
    np.testing.assert_allclose(found[:3, 0], [3, brush.aspect.low, brush.aspect.high], rtol=1e-6)
    np.testing.assert_array_equal(found[:, 1:], document.strokes.shape)


def test_texture_seeds_follow_the_documented_hash(document):
    def mix(x: int) -> int:
        x = (x ^ x >> 16) * 0x7FEB352D % 2**32
        x = (x ^ x >> 15) * 0x846CA68B % 2**32
        return x ^ x >> 16

    for seed in (0, 1, 2**32 - 1):
        expected = [max(mix((mix(seed) + 0x9E3779B9 * (i + 1)) % 2**32), 1) for i in range(12)]
        found = replace(document, seed=seed).texture_seeds()
        assert found.dtype == np.uint32
        assert found.tolist() == expected


def test_textures_go_with_ids(document):
    strokes = document.strokes
    ids = np.arange(len(strokes), dtype=np.uint32)
    known = replace(document, strokes=Strokes(strokes.placement, strokes.shape, strokes.paint, ids))
    assert (known.texture_seeds() == document.texture_seeds()).all()
    assert known.strokes != strokes
    order = ids[::-1]
    turned = Strokes(*(array[order] for array in (strokes.placement, strokes.shape, strokes.paint)), order)
    assert (replace(document, strokes=turned).texture_seeds() == document.texture_seeds()[order]).all()
    assert turned != known.strokes
    with pytest.raises(ValueError, match="ids must be"):
        Strokes(strokes.placement, strokes.shape, strokes.paint, ids[1:])
    with pytest.raises(ValueError, match="with ids"):
        write_document("never.npz", known)


def test_texture_seeds_are_distinct():
    many = Strokes(np.ones((100_000, 6)), np.zeros((100_000, 1)), np.zeros((100_000, 7)))
    seeds = replace(sample_document(count=1), strokes=many).texture_seeds()
    assert len(np.unique(seeds)) == len(seeds)
    assert seeds.min() > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "width must be a whole number"),
        ({"height": True}, "height must be"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 2**32}, "seed must be"),
        ({"version": 1}, "version is 1"),
        ({"canvas": (0, 0)}, "canvas must be three numbers"),
        ({"canvas": (0, 0, float("nan"))}, "canvas must hold numbers from 0 to 1"),
        ({"weights": "ABC"}, "weights must be 64"),
        ({"options": {"a": object()}}, "JSON values only"),
        ({"options": {1: 2}}, "JSON values only"),
        ({"options": {"a": float("inf")}}, "JSON values only, got inf"),
        ({"options": {"a": 2**63}}, "JSON values only, got a huge number"),
        ({"options": {"a": "x" * 70000}}, "options take more than 64 KiB"),
    ],
)
def test_document_rejects(document, change, message):
    with pytest.raises(ValueError, match=message):
        replace(document, **change)


def test_options_are_as_they_will_be_read(document):
    assert replace(document, options={"a": (1, 2)}).options == {"a": [1, 2]}


# Files


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", brushes.names())
def test_round_trip_is_exact_and_bytes_are_the_same(name, suffix, tmp_path):
    document = sample_document(name, count=9)
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    write_document(first, document)
    found = read_document(str(first))
    assert found == document
    write_document(second, found)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [first.name, second.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_strokes_is_a_document(document, suffix, tmp_path):
    empty = replace(document, strokes=Strokes(np.empty((0, 6)), np.empty((0, 1)), np.empty((0, 7))))
    write_document(tmp_path / f"a{suffix}", empty)
    assert read_document(tmp_path / f"a{suffix}") == empty


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_version_1_is_read_as_strokes_that_do_not_sweep(document, suffix, tmp_path):
    unfinished = replace(document, state={"counts": np.zeros(4, np.int64)})
    write_document(tmp_path / f"new{suffix}", unfinished)
    header, table, state = tables.read_table(tmp_path / f"new{suffix}", "strokes", lambda header: None)
    header |= {"version": 1, "columns": list(columns(brushes.brush("tape"), 1))}
    header.pop("strokes", None)
    tables.write_table(tmp_path / f"old{suffix}", header, "strokes", np.delete(table, SWEEP, axis=1), state)
    assert read_document(tmp_path / f"old{suffix}") == document
    assert document.version == 3


def test_strokes_of_five_numbers_do_not_sweep(document):
    five = replace(document.strokes, placement=document.strokes.placement[:, :5])
    assert five == document.strokes
    assert not five.placement[:, SWEEP].any()


def test_every_float32_survives_decimals():
    values = np.random.default_rng(0).integers(0, 2**32, 20_000, np.uint32).view(np.float32)
    values = np.concatenate([values[np.isfinite(values)], np.float32([0, -0.0, 0.1, 1e-45, 3.4028235e38])])
    read = np.array(json.loads("[" + ",".join(map(tables._shortest, values)) + "]"), np.float64).astype(np.float32)
    assert read.tobytes() == values.tobytes()


def test_no_clock_in_the_bytes(document, tmp_path):
    write_document(tmp_path / "a.json.gz", document)
    assert (tmp_path / "a.json.gz").read_bytes()[4:8] == b"\0\0\0\0"
    write_document(tmp_path / "a.npz", document)
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_npz_opens_with_numpy_alone(document, tmp_path):
    write_document(tmp_path / "a.npz", document)
    with np.load(tmp_path / "a.npz") as archive:
        assert json.loads(archive["header"].tobytes())["columns"] == list(columns(brushes.brush("tape")))
        np.testing.assert_array_equal(archive["strokes"], document.strokes.table())


@pytest.mark.parametrize("name", ["a", "a.txt", "a.gz", "a.json.zip"])
def test_other_extensions(document, name, tmp_path):
    for use in (lambda: write_document(tmp_path / name, document), lambda: read_document(tmp_path / name)):
        with pytest.raises(UsageError, match=r"\.json, \.json\.gz, \.npz"):
            use()


def test_existing_files_and_missing_folders(document, tmp_path):
    path = tmp_path / "a.json"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_document(path, document, overwrite=False)
    assert path.read_text() == "mine"
    with pytest.raises(OutputError, match="folder does not exist"):
        write_document(tmp_path / "no" / "a.json", document)


def test_too_many_strokes_for_json(document, monkeypatch, tmp_path):
    monkeypatch.setattr(tables, "MAX_TEXT", 1000)
    with pytest.raises(UsageError, match="12 strokes are too many for JSON"):
        write_document(tmp_path / "a.json.gz", document)
    assert not list(tmp_path.iterdir())


# Hostile files


def rejected(path, content: bytes | str, message: str) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message) as caught:
        read_document(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    assert len(said) < len(str(path)) + 300


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "it lacks"),
        ({"version": 4}, "its version is 4, this program reads 1 to 3"),
        ({"version": 0}, "its version is 0"),
        ({"version": 1}, "the columns of brush tape must be x, y, half_length, half_width, angle, slant,"),
        ({"version": True}, "its version is True"),
        ({"version": {}}, "its version is dict"),
        ({"width": 10**400}, "a whole number of 401 digits is too large"),
        ({"width": 10**18}, "width must be a whole number from 1 to 100000, got a huge number"),
        ({"width": "64"}, "width must be"),
        ({"height": 4.5}, "height must be"),
        ({"seed": None}, "seed must be"),
        ({"canvas": "red"}, "canvas must be three numbers"),
        ({"canvas": [1, [], 1]}, "canvas must hold"),
        ({"canvas": [1, 2, 1]}, "canvas must hold"),
        ({"brush": "broom"}, f"unknown brush 'broom', expected one of: {', '.join(brushes.names())}"),
        ({"brush": "\ud800" + "x" * 10**5}, "unknown brush"),
        ({"brush": ["tape"]}, "brush must be a name"),
        ({"brush": "oil"}, "the columns of brush oil must be x, y,"),
        ({"columns": 3}, "the columns of brush tape"),
        ({"weights": 5}, "weights must be"),
        ({"options": []}, "options must be an object"),
        ({"options": {"a": [[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]}}, "options are nested too deeply"),
        ({"more": 1}, "the key 'more' is unknown"),
        ({"strokes": {}}, "strokes must be a list"),
        ({"strokes": [[]]}, "row 0 of strokes must be a list of 14 numbers"),
        ({"strokes": ["x" * 14]}, "row 0 of strokes"),
        ({"strokes": [[0.5] * 13 + [True]]}, "row 0 of strokes"),
        ({"strokes": [[0.5] * 13 + [None]]}, "row 0 of strokes"),
        ({"strokes": [[0.5] * 13 + [10**400]]}, "a whole number of 401 digits is too large"),
        ({"strokes": [[0.5] * 13 + [1e300]]}, "stroke 0: opacity is inf"),
        ({"strokes": [[0.5] * 6 + [9.0] + [0.5] * 7]}, "stroke 0: slant is 9"),
    ],
)
def test_wrong_values(parsed, change, message, tmp_path):
    rejected(tmp_path / "a.json", json.dumps(parsed | change), message)


def test_missing_keys(parsed, tmp_path):
    for key in parsed:
        rest = {k: v for k, v in parsed.items() if k != key}
        rejected(
            tmp_path / "a.json", json.dumps(rest), "it lacks|its version is None|is missing|strokes must be a list"
        )


def test_not_json(parsed, tmp_path):
    path = tmp_path / "a.json"
    text = json.dumps(parsed)
    rejected(path, "", "is empty, expected a stroke document")
    rejected(path, " ", "line 1, column 2 is not JSON")
    rejected(path, text[:-20], "is not JSON")
    rejected(path, "[1]", "expected an object, found list")
    rejected(path, b"\xff\xfe", "byte 0 is not UTF-8 text")
    rejected(path, "[" * 200_000, "nested too deeply")
    rejected(path, '{"a":' * 200_000, "nested too deeply")
    rejected(path, text.replace('"width": 64', '"width": 64, "width": 64'), "the key 'width' appears twice")
    rejected(path, text.replace('"lr": 0.01', '"lr": NaN'), "NaN is not a number of JSON")
    rejected(path, text.replace('"lr": 0.01', '"lr": -Infinity'), "-Infinity is not a number of JSON")
    rejected(path, text.replace('"lr": 0.01', '"lr": 1e999'), "JSON values only")
    rejected(path, text.replace('"width": 64', '"width": ' + "9" * 5000), "of 5000 digits is too large")


def test_files_that_are_too_large(parsed, monkeypatch, tmp_path):
    rejected(tmp_path / "a.json.gz", gzip.compress(b" " * (tables.MAX_TEXT + 1)), "unpacks to more than 64 MiB")
    monkeypatch.setattr(tables, "MAX_TEXT", 1 << 20)
    rejected(tmp_path / "a.json", b" " * ((1 << 20) + 1), "larger than a stroke document may be .*at most 1 MiB")
    monkeypatch.setattr(tables, "MAX_ROWS", 5)
    rejected(tmp_path / "a.json", json.dumps(parsed), "12 strokes, expected at most 5")


def test_damaged_gzip(parsed, tmp_path):
    packed = gzip.compress(json.dumps(parsed).encode())
    broken = bytearray(packed)
    broken[len(packed) // 2] ^= 255
    for content in (b"", json.dumps(parsed).encode(), packed[:-30], bytes(broken), packed + b"rest"):
        rejected(tmp_path / "a.json.gz", content, "not a valid stroke document|is empty")


def test_no_file_there(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_document(tmp_path / "a.json")
    (tmp_path / "b.json").mkdir()
    with pytest.raises(InputError, match="is a folder, expected a stroke document"):
        read_document(tmp_path / "b.json")


def archive_of(members: dict[str, bytes], **how) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", **how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def array_bytes(array: np.ndarray, **how) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array, **how)
    return content.getvalue()


def npy_header(text: str) -> bytes:
    return b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text.encode()


def test_hostile_archives(parsed, tmp_path):
    path = tmp_path / "a.npz"
    header = {key: value for key, value in parsed.items() if key != "strokes"}
    text = array_bytes(np.frombuffer(json.dumps(header).encode(), np.uint8))
    table = np.array(parsed["strokes"], np.float32)
    good = archive_of({"header.npy": text, "strokes.npy": array_bytes(table)})
    path.write_bytes(good)
    assert len(read_document(path).strokes) == 12

    def numbers(content: bytes, message: str) -> None:
        rejected(path, archive_of({"header.npy": text, "strokes.npy": content}), message)

    numbers(array_bytes(table.astype(np.float64)), "strokes.npy holds .*f8")
    numbers(array_bytes(table.astype(">f4")), "strokes.npy holds .*>f4")
    numbers(array_bytes(np.asfortranarray(table)), "strokes.npy holds")
    numbers(array_bytes(table[:, 1:]), "strokes.npy holds")
    numbers(array_bytes(table[0]), "strokes.npy holds")
    numbers(array_bytes(np.array([[None] * 14]), allow_pickle=True), "strokes.npy holds .*O")
    numbers(array_bytes(table)[:-4], "strokes.npy holds less than")
    numbers(array_bytes(table) + b"1", "strokes.npy holds more than")
    numbers(array_bytes(table, version=(2, 0)), "version 1.0")
    numbers(b"", "not a valid stroke document")
    numbers(b"not numpy", "not a valid stroke document")
    shape = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s, 14), }\n"
    numbers(npy_header(shape % 10**6), "holds less than")  # the largest there can be, and nothing in it
    numbers(npy_header(shape % (10**6 + 1)), "strokes.npy holds")
    numbers(npy_header(shape % -1), "does not begin with a header of NumPy")
    numbers(npy_header(shape % 10**400), "does not begin with a header of NumPy")
    numbers(npy_header("{'descr': '<f4', 'shape': " + "(" * 400 + "\n"), "does not begin with a header of NumPy")
    bad = table.copy()
    bad[3, 0] = np.nan
    numbers(array_bytes(bad), "stroke 3: x is nan")

    numbers_ = array_bytes(table)
    rejected(path, archive_of({"header.npy": text}), "not a zip archive of 2 to 34 arrays")
    rejected(path, archive_of({"header.npy": text, "evil.npy": numbers_}), "must hold header.npy and strokes.npy")
    rejected(path, archive_of({"header.npy": b"", "strokes.npy": numbers_}), "not a valid stroke document")
    rejected(
        path, archive_of({"header.npy": text, "strokes.npy": numbers_}, compression=zipfile.ZIP_LZMA), "another way"
    )
    rejected(path, b"PK", "not a zip archive")
    rejected(path, good[:-40], "not a zip archive")
    rejected(path, good[: len(good) // 2] + good[-22:], "not a valid stroke document")
    flipped = bytearray(good)
    flipped[good.index(b"NUMPY", 200) + 300] ^= 255
    rejected(path, bytes(flipped), "CRC|stroke|damaged")
    encrypted = bytearray(good)
    for at in (good.index(b"PK\x01\x02") + 8, 6):
        encrypted[at] |= 1
    rejected(path, bytes(encrypted), "is encrypted")
    crowd = {"header.npy": text, "strokes.npy": numbers_} | {f"state/a{i}.npy": numbers_ for i in range(2000)}
    rejected(path, archive_of(crowd), "not a zip archive of arrays")


def with_state(document):
    return replace(
        document,
        state={
            "moments": np.random.default_rng(0).normal(size=(2, 3, 4)),
            "counts": np.arange(3),
            "hash": np.frombuffer(b"abc", np.uint8),
            "values": np.float32([[0.1, -0.0, np.nan]]),
            "nothing": np.zeros((0, 5), np.float32),
            "number": np.float64(3),
        },
    )


def test_state_survives_an_archive_to_the_byte(document, tmp_path):
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    unfinished = with_state(document)
    write_document(first, unfinished)
    found = read_document(first)
    assert found == unfinished
    assert found != document
    assert found != replace(unfinished, state={**unfinished.state, "values": np.float32([[0.1, 0.0, np.nan]])})
    assert found != replace(unfinished, state={**unfinished.state, "counts": np.arange(3.0)})
    assert {name: (a.dtype, a.shape) for name, a in found.state.items()} == {
        name: (a.dtype, a.shape) for name, a in unfinished.state.items()
    }
    write_document(second, found)
    assert first.read_bytes() == second.read_bytes()
    with np.load(first) as archive:
        np.testing.assert_array_equal(archive["state/counts"], [0, 1, 2])
        assert "state/moments" in archive
    write_document(tmp_path / "a.json", unfinished)
    assert read_document(tmp_path / "a.json") == document


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"a": np.float16([1])}, "the array a holds float16"),
        ({"a": np.array(["text"])}, "the array a holds <U4"),
        ({"a": np.array([None])}, "the array a holds object"),
        ({"../a": np.zeros(1)}, "'../a' is no name of an array"),
        ({"A": np.zeros(1)}, "'A' is no name of an array"),
        ({"": np.zeros(1)}, "'' is no name of an array"),
        ({3: np.zeros(1)}, "3 is no name of an array"),
        ({f"a{i}": np.zeros(1) for i in range(33)}, "33 arrays of 264 bytes, expected at most 32"),
        ({"a": np.zeros((8 << 20), np.float64)}, "1 arrays of 67108864 bytes, expected at most 32 of 60 MiB"),
    ],
)
def test_state_rejects(document, state, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(document, state=state)


def test_hostile_state(parsed, tmp_path):
    path = tmp_path / "a.npz"
    header = {key: value for key, value in parsed.items() if key != "strokes"}
    members = {
        "header.npy": array_bytes(np.frombuffer(json.dumps(header).encode(), np.uint8)),
        "strokes.npy": array_bytes(np.array(parsed["strokes"], np.float32)),
    }

    def state(content: bytes, message: str, name: str = "state/a.npy", **how) -> None:
        rejected(path, archive_of({**members, name: content}, **how), message)

    good = array_bytes(np.zeros(2))
    for name in ("a.npy", "state/A.npy", "state/../a.npy", "state/.npy", "state/a/b.npy", "State/a.npy"):
        state(good, "perhaps arrays in state/", name)
    state(good, "not a zip archive of 2 to 34 arrays", "state/a.txt")
    state(array_bytes(np.array(["text"])), r"holds .*<U4.*, expected one of <f4, <f8, <i8, \|u1")
    state(array_bytes(np.zeros(2, ">f8")), "holds .*>f8")
    state(array_bytes(np.zeros(2, bool)), "holds .*b1")
    state(array_bytes(np.array([None]), allow_pickle=True), "holds .*O")
    state(array_bytes(np.asfortranarray(np.zeros((2, 2)))), "one after the other")
    state(good[:-1], "holds less than")
    state(good + b"1", "holds more than")
    state(b"not numpy", "version 1.0")
    shape = "{'descr': '<f8', 'fortran_order': False, 'shape': %s, }\n"
    state(npy_header(shape % "(8000000,)"), "expected at most 62914560 bytes")
    state(npy_header(shape % "(999999999999, 999999999999, 999999999999)"), "expected at most 62914560 bytes")
    state(npy_header(shape % "(1, 1, 1, 1, 1, 1)"), "version 1.0")
    state(array_bytes(np.zeros(1)) + bytes(50 << 20), "holds more than", compression=zipfile.ZIP_DEFLATED)
    state(good, "another way", compression=zipfile.ZIP_LZMA)
    half = array_bytes(np.zeros(5 << 20))
    both = {**members, "state/a.npy": half, "state/b.npy": half}
    rejected(path, archive_of(both, compression=zipfile.ZIP_DEFLATED), "b.npy holds .* expected at most 20971520 bytes")
    twice = archive_of({**members, "state/a.npy": good, "state/b.npy": good}).replace(b"state/b.npy", b"state/a.npy")
    rejected(path, twice, "perhaps arrays in state/")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("trouble", [RuntimeError("no cache for kernels"), MemoryError(), OSError("a library")])
def test_a_brush_that_cannot_be_loaded_is_not_taken_for_damage(document, suffix, trouble, tmp_path, monkeypatch):
    def fails(_):
        raise trouble

    path = tmp_path / f"a{suffix}"
    write_document(path, document)
    monkeypatch.setattr(brushes, "brush", fails)
    with pytest.raises(type(trouble)) as caught:
        read_document(path)
    assert caught.value is trouble


def test_an_archive_that_unpacks_to_gigabytes_is_not_unpacked(parsed, tmp_path):
    """Zeros pack a thousandfold; only what the array's own header announces is read."""
    header = {key: value for key, value in parsed.items() if key != "strokes"}
    text = array_bytes(np.frombuffer(json.dumps(header).encode(), np.uint8))
    bomb = array_bytes(np.zeros((1, 14), np.float32)) + bytes(50 << 20)
    how = {"compression": zipfile.ZIP_DEFLATED}
    rejected(tmp_path / "a.npz", archive_of({"header.npy": text, "strokes.npy": bomb}, **how), "holds more than")
    bomb = array_bytes(np.full(50 << 20, 32, np.uint8))
    rejected(tmp_path / "a.npz", archive_of({"header.npy": bomb, "strokes.npy": b""}, **how), "header.npy holds")


def test_random_damage_never_escapes_as_another_error(document, tmp_path):
    generator = np.random.default_rng(0)
    for kind, suffix in enumerate([*SUFFIXES, ".npz"]):
        path = tmp_path / f"a{suffix}"
        write_document(path, with_state(document) if kind == 3 else document)
        whole = path.read_bytes()
        for _ in range(150):
            broken = bytearray(whole)
            for at in generator.integers(0, len(whole), generator.integers(1, 4)):
                broken[at] = generator.integers(256)
            path.write_bytes(broken[: generator.integers(1, len(whole))] if generator.random() < 0.2 else broken)
            with suppress(InputError):
                read_document(path)


def test_format_is_documented():
    """Names stand in the tables as code; constants stand in the code of the hash."""
    text = (Path(__file__).parents[2] / "docs" / "stroke-document.md").read_text()
    code = {word for line in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"\w+", line)}
    for word in [*module.KEYS, *module.PLACEMENT, *module.PAINT]:
        assert word in code, word
    for number in ("0x9E3779B9", "0x7FEB352D", "0x846CA68B"):
        assert number in text.split(), number
    assert "half" not in code  # words of the text do not count
