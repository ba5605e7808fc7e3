"""What long runs share: whether work is of this run, files that are whole."""

import pytest

from renderers.runs import difference, write_whole

OURS = {"seed": 3, "style_weight": 10.0, "canvas": (1.0, 0.5, 0.0), "device": "cpu", "style": 100.0}
THEIRS = {**OURS, "canvas": [1.0, 0.5, 0.0]}


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        ({}, None),
        ({"seed": 4, "style_weight": 9.0}, "seed 4, now it is 3"),
        ({"style_weight": 10.000001}, "style weight 10.000001, now it is 10.0"),
        ({"canvas": [1.0, 0.5, 0.1]}, "canvas [1.0, 0.5, 0.1], now it is [1.0, 0.5, 0.0]"),
        ({"seed": None}, "seed None, now it is 3"),
        ({"device": "cuda", "unfinished": {"stage": 1}}, None),
        ({"style": 100.9}, None),
        ({"style": 102.0}, "another style"),
        ({"style": "night"}, "another style"),
    ],
)
def test_the_first_difference_is_said(theirs, words):
    assert difference({**THEIRS, **theirs}, OURS, ignoring=("device",), measured=("style",)) == words


def test_what_an_older_version_did_not_know_differs():
    assert difference({}, {"seed": 0}) == "seed None, now it is 0"


def test_a_file_is_whole_and_nobody_elses_is_touched(tmp_path, monkeypatch):
    others = [tmp_path / name for name in ("it.part", "it.safetensors.part", ".it.part")]
    for other in others:
        other.write_text("mine")
    path = tmp_path / "it.safetensors"
    write_whole(path, b"first")
    with monkeypatch.context() as patch:
        patch.setattr(type(path), "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space left") as caught:
            write_whole(path, b"second")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"first"
    assert {other.read_text() for other in others} == {"mine"}
    assert sorted(tmp_path.iterdir()) == sorted([*others, path])
