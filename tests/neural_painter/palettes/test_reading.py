"""Palettes out of files: what is read, and what is refused in a sentence."""

import numpy as np
import pytest

from neural_painter.errors import InputError
from neural_painter.palettes.reading import read_palette
from tests.neural_painter.palettes.files import aco, ase

TWO = [{"name": "Yellow ochre", "colour": "#c8923c"}, {"name": "Émeraude", "colour": "#1d6a55"}]


def read(tmp_path, data, name="paints.csv"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_palette(path)


def test_text_in_its_many_ways(tmp_path):
    for text in (
        "Yellow ochre,#c8923c\nÉmeraude,#1d6a55\n",
        "name,colour\nYellow ochre,#C8923C\n\nÉmeraude,#1d6a55",
        "\ufeffname;color\r\nYellow ochre; #c8923c\r\nÉmeraude;#1d6a55;;\r\n",
        "Yellow ochre\t200\t146\t60\nÉmeraude\t29\t106\t85\n",
        '"Yellow ochre", 200, 146, 60\n"Émeraude", "29,106,85"\n',
        "GIMP Palette\nName: Two\nColumns: 2\n#\n200 146  60\tYellow ochre\n 29 106 85 Émeraude\n",
    ):
        assert read(tmp_path, text).as_options() == TWO, text
    assert read(tmp_path, "#c8923c\nwhite\n#fff").names == ("#c8923c", "#ffffff", "#ffffff")
    assert read(tmp_path, "GIMP Palette\n1 2 3\tUntitled\n4 5 6").names == ("#010203", "#040506")
    assert read(tmp_path, f"{'long ' * 30},red").names == (("long " * 30)[:64],)


def test_what_adobe_writes(tmp_path):
    found = read(
        tmp_path,
        ase(
            ("Yellow ochre", b"RGB ", (200 / 255, 146 / 255, 60 / 255)),
            ("Black ink", b"CMYK", (0, 0, 0, 1)),
            ("Middle grey", b"Gray", (0.5,)),
            ("Red", b"LAB ", (0.5429, 80.8, 69.9)),  # sRGB's red, under the light of prints
        ),
        "a.ase",
    )
    assert found.names == ("Yellow ochre", "Black ink", "Middle grey", "Red")
    expected = [[200, 146, 60], [0, 0, 0], [128, 128, 128], [255, 0, 0]]
    np.testing.assert_allclose(255 * found.colours, expected, atol=1.5)  # measured: 1, of Lab's rounded digits
    swatches = (
        ("Ochre", 0, (51400, 37522, 15420, 0)),
        ("Ink", 2, (65535, 65535, 65535, 0)),
        ("Grey", 8, (5000, 0, 0, 0)),
        ("Blue", 1, (43690, 65535, 65535, 0)),
        ("Red", 7, (5429, 8080, 6990, 0)),
        ("Green", 7, (8782, 65536 - 7929, 8099, 0)),
    )
    expected = [[200, 146, 60], [0, 0, 0], [128, 128, 128], [0, 0, 255], [255, 0, 0], [0, 255, 0]]
    for named in (True, False):
        found = read(tmp_path, aco(*swatches, named=named), "a.aco")
        np.testing.assert_allclose(255 * found.colours, expected, atol=2)
        assert (found.names[0] == "Ochre") == named


def test_what_is_damaged_never_ends_otherwise_than_in_a_sentence(tmp_path):
    whole = ase(("Ochre", b"RGB ", (0.8, 0.5, 0.2)), ("Grey", b"Gray", (0.5,)))
    swatches = aco(("Ochre", 0, (51400, 37522, 15420, 0)), ("Grey", 8, (5000, 0, 0, 0)))
    generator = np.random.default_rng(0)
    for data in (whole, swatches):
        for cut in range(len(data)):
            try:
                read(tmp_path, data[:cut])
            except InputError as error:
                assert "a palette" in str(error)  # noqa: PT017 - of .aco, the first part alone is a whole file
            broken = np.frombuffer(data, np.uint8).copy()
            broken[generator.integers(2, len(data), 3)] = generator.integers(0, 256, 3)
            try:
                read(tmp_path, broken.tobytes())
            except InputError as error:
                assert "not a palette" in str(error)  # noqa: PT017 - others are still palettes


def test_what_is_refused(tmp_path):
    for data, message in (
        (b"", "is empty"),
        ("name,colour\n", "expected 1 to 256 paints, got 0"),
        ("\n\n", "expected 1 to 256 paints, got 0"),
        ("red\n" * 3000, "expected 1 to 256 paints, got 3000"),
        ("a,red\nb,reddish\n", "line 2 holds no colour"),
        ("a,red\nb,300,0,0\n", "line 2 holds no colour"),
        ("GIMP Palette\n1 2\n", "line 2 holds no colour"),
        ("GIMP Palette\n1 2 256 x\n", "line 2 holds no colour"),
        (b"caf\xe9,red\n", "found unknown data"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "found PNG"),
        (ase(("a", b"RGB ", (0.1, float("nan"), 0.2))), "a colour is not finite"),
        (ase(("a", b"HSB ", (0.1, 0.1, 0.2))), "a colour is in 'HSB '"),
        (aco(("a", 14, (0, 0, 0, 0))), "a colour is in space 14"),
        (b"ASEF\0\1\0\0\xff\xff\xff\xff", "its version is 1, with 4294967295 blocks"),
        (b"\0\1\xff\xff", "it ends too early"),
        ("x" * (2 << 20), "larger than a palette may be"),
        ('"' + "x" * 200000 + '",red\n', "field larger than field limit"),
        ("".join(f"{'😀' * 64},#0000{k:02x}\n" for k in range(256)), "names take more than 32 KiB"),
    ):
        with pytest.raises(InputError, match=message):
            read(tmp_path, data)
    with pytest.raises(InputError, match="no such file"):
        read_palette(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_palette(tmp_path)
