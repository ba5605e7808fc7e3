"""Names of outputs and of what is kept."""

import os
from pathlib import Path

import pytest

from neural_painter.cli.keeping import free_name, is_kept_name, keep, kept_name
from neural_painter.cli.outputs import check_own_names, distinct_names
from neural_painter.errors import OutputError, UsageError


def test_pictures_that_share_a_name_are_told_apart():
    for sources, names in {
        ("a/cat.jpg", "a/dog.jpg"): ["cat", "dog"],
        ("a/cat.jpg", "a/cat.png", "a/dog.jpg"): ["cat-jpg", "cat-png", "dog"],
        ("a/cat.jpg", "b/cat.jpg"): ["a-cat", "b-cat"],
        ("a/cat.jpg", "a/cat.png", "b/cat.jpg"): ["a-cat-jpg", "a-cat-png", "b-cat-jpg"],
        ("a/Cat.jpg", "a/cat.png"): ["Cat-jpg", "cat-png"],
        ("a/cat.jpg", "a/cat.png", "a/cat-jpg.png"): ["a-cat-jpg", "a-cat-png", "cat-jpg"],
        ("x/a/cat.jpg", "y/a/cat.jpg"): ["cat-1", "cat-2"],
        ("in/cat.jpg", "cat.jpg"): ["in-cat", "cat"],
    }.items():
        assert distinct_names([Path(source) for source in sources]) == names
        assert len({name.casefold() for name in names}) == len(names)


def test_an_output_may_not_be_an_input_by_whatever_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("cat.png").touch()
    os.link("cat.png", "hard.png")
    Path("soft.png").symlink_to("cat.png")
    for name in ("cat.png", "hard.png", "soft.png", "../" + tmp_path.name + "/cat.png"):
        with pytest.raises(UsageError, match="would replace an input"):
            check_own_names([Path(name)], [Path("cat.png")])
    with pytest.raises(UsageError, match="would be written twice"):
        check_own_names([Path("a.png"), Path("./a.png")], [Path("cat.png")])
    check_own_names([Path("a.png"), Path("b.png")], [Path("cat.png")])


def test_kept_names_fit_and_are_told_apart():
    assert kept_name(Path("x/cat.anim.webp"), "unfinished", ".npz") == Path("x/cat.unfinished.npz")
    names = {kept_name(Path(f"{'é' * 120}{end}.png"), "unfinished", ".safetensors").name for end in "ab"}
    assert len(names) == 2
    assert all(len(os.fsencode(name)) <= 255 for name in names)
    for name in ("cat.unfinished.npz", "cat.unfinished-2.npz", "x.unfinished.safetensors"):
        assert is_kept_name(Path(name))
    for name in ("unfinished.npz", "cat.npz", "cat.unfinished.png", "cat.unfinished-x.npz"):
        assert not is_kept_name(Path(name))


def test_what_is_kept_takes_a_free_name_where_writing_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("cat.unfinished.npz").write_text("of another painting")
    tried = []

    def write(path):
        tried.append(path)
        if path.parent == Path("out"):
            raise OutputError(f"{path}: disk full")
        path.write_text("kept")

    assert keep(write, Path("out/cat.png"), "unfinished", ".npz") == Path("cat.unfinished-2.npz")
    assert tried == [Path("out/cat.unfinished.npz"), Path("cat.unfinished-2.npz")]
    own = Path("cat.unfinished.npz")
    assert free_name(own, own=own) == own

    def nowhere(path):
        raise OutputError(f"{path}: disk full")

    with pytest.raises(OutputError, match=r"out/cat\.unfinished\.npz: disk full"):
        keep(nowhere, Path("out/cat.png"), "unfinished", ".npz")
