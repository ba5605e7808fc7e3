"""`convert` against what users do to it: exit status, one sentence, nothing left behind."""

import os
import pickle
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from neural_painter.cli import main
from neural_painter.fast.files import Card, save_model
from neural_painter.fast.model import read_network
from neural_painter.fast.network import TransformNetwork, johnson
from tests.each import each
from tests.neural_painter.cli.conftest import anew
from tests.neural_painter.cli.test_commands import both, folder, listing, nothing, text
from tests.neural_painter.fast.formats.foreign_models import Johnson, made, variables
from tests.neural_painter.fast.formats.torch7_writer import table, torch7_bytes

SHORT = "c9s1-4,d6,R6,u4,c9s1-3"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checkpoint(name="candy.t7", *, cut=None, **settings):
    return lambda: Path(name).write_bytes(torch7_bytes(Johnson(SHORT, **settings).checkpoint)[:cut])


def tensors(name="wave.safetensors", **others):
    return lambda: save_file(variables((2, 3, 4), blocks=1) | others, name)


def raw(name, data):
    return lambda: Path(name).write_bytes(data)


def ours(name="mine.safetensors"):
    return lambda: save_model(name, TransformNetwork(johnson(2, 1)), Card("mine"))


def strange():
    model = Johnson(SHORT).model
    model.fields["modules"][2] = made("VolumetricConvolution")
    Path("candy.t7").write_bytes(torch7_bytes(table(model=model)))


def misshapen():
    found = variables((2, 3, 4), blocks=1)
    save_file(found | {"Variable_3": found["Variable"]}, "wave.safetensors")


FINE = {
    "default output": ("candy.t7", checkpoint(), "candy.safetensors", "candy"),
    "instance norm": ("candy.t7", checkpoint(norm="instance"), "candy.safetensors", "candy"),
    "output": ("candy.t7 -o a.safetensors", checkpoint(), "a.safetensors", "candy"),
    "name": ("candy.t7 --name sweet", checkpoint(), "sweet.safetensors", "sweet"),
    "name and output": ("-o {name}-a.safetensors --name sweet candy.t7", checkpoint(), "sweet-a.safetensors", "sweet"),
    "tensors": ("wave.safetensors --name the-wave", tensors(), "the-wave.safetensors", "the-wave"),
    "wrong extensions": ("a.png", tensors("a.png"), "a.safetensors", "a"),
    "new folder": ("candy.t7 -o out/", checkpoint(), "out/candy.safetensors", "candy"),
    "old folder": ("candy.t7 -o out", both(checkpoint(), folder("out")), "out/candy.safetensors", "candy"),
    "overwrite": ("candy.t7 --overwrite", both(checkpoint(), text("candy.safetensors")), "candy.safetensors", "candy"),
    "odd name": ("-- -a{b}'é.t7", checkpoint("-a{b}'é.t7"), "-a{b}'é.safetensors", "-a{b}'é"),
}


@each("words, prepare, output, name", FINE.values(), ids=FINE)
def test_fine(words, prepare, output, name, here, capsys):
    anew(here)
    prepare()
    before = listing()
    assert main(["convert", "--quiet", *words.split()]) == 0
    assert capsys.readouterr() == ("", "")
    assert {path for path in listing() - before if Path(path).is_file()} <= {output}
    network, card = read_network(Path(output))
    assert card.name == name
    assert card.about["from"] in words
    assert network.architecture.layers[-1].channels == 3


WRONG = {
    "no model": ("", nothing, 2, "the following arguments are required: MODEL"),
    "two models": ("candy.t7 wave.t7", checkpoint(), 2, "unrecognized arguments: wave.t7"),
    "missing": ("candy.t7", nothing, 4, "candy.t7: no such file"),
    "folder": ("in", folder("in"), 4, "in: is a folder"),
    "empty": ("candy.t7", text("candy.t7", ""), 4, "candy.t7: is empty"),
    "html": ("a.t7", text("a.t7", "<html>404"), 4, "a.t7: is a web page (HTML), expected a model"),
    "text": ("candy.t7", text("candy.t7"), 4, "candy.t7: is a text, expected a model"),
    "cut short": ("candy.t7", checkpoint(cut=2000), 4, "candy.t7: not a readable Torch7 file ("),
    "cut at once": ("candy.t7", checkpoint(cut=6), 4, "candy.t7: not a readable Torch7 file ("),
    "ascii": ("candy.t7", text("candy.t7", "4\n1\n3\nV 1\n"), 4, "candy.t7: an ASCII file of Torch7"),
    "no style": ("a.t7", raw("a.t7", torch7_bytes(table(1))), 4, "a.t7: a Torch7 file without a model of a style"),
    "strange module": ("candy.t7", strange, 4, "candy.t7: nn.VolumetricConvolution: a module that is not known"),
    "tensors cut": ("wave.safetensors --name a", both(tensors(), lambda: os.truncate("wave.safetensors", 3000)), 4,
                    "wave.safetensors: not a model of a style (damaged safetensors)"),
    "wrong shapes": ("wave.safetensors --name a", misshapen, 4, "wave.safetensors: Variable_3 is [9, 9, 3, 2]"),
    "other tensors": ("wave.safetensors --name a", tensors(more=variables()["Variable"]), 4,
                      "wave.safetensors: holds tensors, but not those of a known family"),
    "pickle": ("a.pth", raw("a.pth", pickle.dumps(table(1))), 4, "a.pth: is a pickle, expected a model"),
    "zipped pickle": ("a.pth", raw("a.pth", b"PK\3\4 archive/data.pkl"), 4, "a.pth: is a pickle, expected a model"),
    "ours": ("mine.safetensors --name a", ours(), 4, "mine.safetensors: is a model of ours already"),
    "output exists": ("candy.t7", both(checkpoint(), text("candy.safetensors")), 5, "candy.safetensors: exists"),
    "no folder": ("candy.t7 -o no/a.safetensors", checkpoint(), 5, "no/a.safetensors: its folder does not exist"),
    "new folder stays away": ("candy.t7 -o out/", nothing, 4, "candy.t7: no such file"),
    "extension": ("candy.t7 -o candy.pth", checkpoint(), 2, "candy.pth: expected a name ending in .safetensors"),
    "the input": ("wave.safetensors --overwrite", tensors(), 2, "wave.safetensors: would replace an input"),
    "name with slash": ("candy.t7 --name ../a", checkpoint(), 2, "--name: expected 1 to 100 letters without slashes"),
    "long name": (f"candy.t7 --name {'a' * 101}", checkpoint(), 2, "--name: expected 1 to 100 letters"),
}  # fmt: skip


@each("words, prepare, status, sentence", WRONG.values(), ids=WRONG)
def test_wrong(words, prepare, status, sentence, here, capsys):
    anew(here)
    prepare()
    before = {path: os.path.getsize(path) for path in listing()}
    assert main(["convert", *words.split()]) == status
    said = capsys.readouterr()
    assert said.out == ""
    first, *others = said.err.splitlines()
    assert first.startswith(f"paint.py: {sentence}")
    assert len(others) <= 1
    assert all(line.startswith("  ") for line in others)
    assert {path: os.path.getsize(path) for path in listing()} == before


def test_what_was_made_is_said_and_is_the_same_every_time(here, capsys):
    checkpoint()()
    assert main(["convert", "candy.t7"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("paint.py: candy.safetensors: 6 layers, 3053 weights, ")
    assert main(["convert", "candy.t7", "-o", "again.safetensors", "--quiet"]) == 0
    assert Path("again.safetensors").read_bytes() == Path("candy.safetensors").read_bytes()
