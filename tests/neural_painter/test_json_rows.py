"""JSON with many rows: read piece by piece, the same as at once; little memory, whatever a stranger wrote."""

import json
import tracemalloc

import numpy as np
import pytest

from neural_painter import json_rows
from neural_painter.json_rows import read_rows

TABLE = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
DOCUMENT = {"columns": ["a", "b", "ü"], "rows": TABLE.astype(float).tolist(), "more": {"rows": [["x"]], "y": "]]"}}


def read(text, most=1000):
    return read_rows(text if isinstance(text, bytes) else text.encode(), "rows", most, lambda header: None)


@pytest.mark.parametrize("piece", [json_rows.PIECE, 2000])
def test_every_layout_is_read(piece, monkeypatch):
    monkeypatch.setattr(json_rows, "PIECE", piece)
    blank = " \t\r\n" * 75
    expected = {key: value for key, value in DOCUMENT.items() if key != "rows"}
    layouts = [json.dumps(DOCUMENT), json.dumps(DOCUMENT, indent=3), json.dumps(DOCUMENT, separators=(",", ":"))]
    layouts.append(json.dumps(dict(reversed(DOCUMENT.items()))))
    layouts.append(json.dumps(DOCUMENT, ensure_ascii=False))
    layouts.append(
        layouts[0].replace("[[", f"[{20 * blank}[").replace("[", f"[{blank}").replace(", ", f"{blank},{blank}")
    )
    for text in layouts:
        header, table = read(text)
        assert header == expected
        np.testing.assert_array_equal(table, TABLE)
    header, table = read('{"columns": [1, 2], "rows": [[1, -2e-3], [0.5E+1,1e999]]}')
    np.testing.assert_array_equal(table, np.array([[1, -2e-3], [5, np.inf]], np.float32))
    assert read('{"columns": [1, 2], "rows": [ \n]}')[1].shape == (0, 2)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("[[1,2],]", "line 1, column 36 is not JSON"),
        ("[[1,2][3,4]]", "row 1 of rows must be a list of numbers"),
        ("[,[1,2]]", "row 0 of rows must be a list of numbers"),
        ("[[1,2],\n[3,,4]]", "line 2, column 4 is not JSON"),
        ("[[1,2],[3 4]]", "is not JSON"),
        ("[[1,2],[3,4,5]]", "row 1 of rows must be a list of 2 numbers"),
        ("[[1,2],[[3],4]]", "row 1 of rows must be a list of numbers"),
        ("[[1,2],3]", "row 1 of rows must be a list of numbers"),
        ('[[1,2],["]]",4]]', "row 1 of rows must be a list of numbers"),
        ("[[1,2],[3,NaN]]", "row 1 of rows must be a list of numbers"),
        ("[[1,2],[3", "is not JSON"),
        ("[[1,2]", "row 1 of rows must be a list of numbers"),
        ('[[1,2]], "rows": [[1,2]]', "the key 'rows' appears twice"),
        ("[[1,2]], \n\n,", "line 3, column 1 is not JSON"),
        ("{}", "rows must be a list, found dict"),
        ("7", "rows must be a list, found int"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(rows, message, monkeypatch):
    for piece in (json_rows.PIECE, 6):
        monkeypatch.setattr(json_rows, "PIECE", piece)
        with pytest.raises(ValueError, match=message):
            read('{"columns": [1, 2], "rows": ' + rows + "}" * (rows != "[[1,2],[3"))


def test_bytes_that_are_no_text_are_found_on_both_sides_of_the_rows():
    text = b'{"columns": [1, 2], "rows": [[1, 2]], "a": "\xff"}'
    for broken in (text, b'{"b": "' + text[44:45] + text[43:]):
        with pytest.raises(ValueError, match=f"byte {broken.index(255)} is not UTF-8 text"):
            read(broken)


MANY = 2 << 20
BOMBS = {
    "lists": b"[[]" + b",[]" * MANY + b"]",
    "rows": b'{"columns": [1], "rows": [[]' + b",[]" * MANY + b"]}",
    "rows of ones": b'{"columns": [1], "rows": [[1]' + b",[1]" * MANY + b"]}",
    "one row": b'{"columns": [1], "rows": [[1' + b",1" * MANY + b"]]}",
    "objects": b'{"options": [{}' + b",{}" * MANY + b'], "rows": []}',
    "a string": b'{"options": "' + b"\\n" * MANY + b'", "rows": []}',
    "brackets": b'{"rows": ' + b"[" * MANY,
    "blanks": b'{"rows": [' + b" " * MANY,
    "after": b'{"rows": []' + b" " * MANY + b"}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_grows_takes_no_memory(name, monkeypatch):
    """Python's own reader takes 150 MB for the first."""
    monkeypatch.setattr(json_rows, "MAX_BESIDE", 1 << 16)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"besides its rows|rows, expected|must be a list|is not JSON"):
            read(BOMBS[name])
        assert tracemalloc.get_traced_memory()[1] < 30 << 20
    finally:
        tracemalloc.stop()
