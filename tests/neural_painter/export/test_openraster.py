"""Layers of OpenRaster: the archive is what the format asks for, and layers laid over each other are the painting."""

import io
import zipfile
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from neural_painter.errors import OutputError
from neural_painter.export import save
from neural_painter.export.finish import FLAT, Finish
from neural_painter.export.openraster import THUMBNAIL, export, light_layers, painted_layers
from neural_painter.export.rendering import render_bytes
from neural_painter.export.wishes import Wishes
from neural_painter.series import stage_counts
from neural_painter.strokes import Strokes
from tests.neural_painter.sample_documents import sample_document

SIZE = 90, 120


def flattened(archive):
    """What another program makes of it, after the specification, in floats: `[H, W, 3]` in [0, 255]."""
    stack = ElementTree.fromstring(archive.read("stack.xml")).find("stack")
    made = np.zeros((*SIZE, 3))
    for layer in reversed(stack.findall("layer")):
        assert (layer.get("x"), layer.get("y"), layer.get("opacity")) == ("0", "0", "1.0")
        pixels = np.asarray(Image.open(io.BytesIO(archive.read(layer.get("src")))), np.float64)
        alpha, colour = pixels[..., 3:] / 255, pixels[..., :3]
        operator = layer.get("composite-op")
        if operator == "svg:plus":
            made = np.minimum(255, made + alpha * colour)
        else:
            top = {"svg:src-over": colour, "svg:multiply": colour * made / 255}[operator]
            made = (1 - alpha) * made + alpha * top
    return made


@pytest.mark.parametrize("brush", ["oil", "watercolor", "marker", "glaze", "pencil"])
@pytest.mark.parametrize("finish", [FLAT, Finish()], ids=["flat", "finished"])
def test_layers_laid_over_each_other_are_the_painting(brush, finish, tmp_path):
    document = sample_document(brush, count=200)
    save(tmp_path / "it.ora", document, SIZE, finish=finish)
    wanted = render_bytes(document, SIZE, finish=finish)
    with zipfile.ZipFile(tmp_path / "it.ora") as archive:
        merged = np.asarray(Image.open(io.BytesIO(archive.read("mergedimage.png"))))
        assert np.array_equal(merged, wanted)
        assert np.abs(flattened(archive) - wanted).max() <= 1.5  # a byte, where the other program does not round


def test_the_archive_is_what_the_format_asks_for(tmp_path):
    save(tmp_path / "it.ora", sample_document("oil", count=200), (600, 800))
    data = (tmp_path / "it.ora").read_bytes()
    assert data[30:54] == b"mimetypeimage/openraster"  # first and stored, so that others know it by these bytes
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        thumbnail = Image.open(io.BytesIO(archive.read("Thumbnails/thumbnail.png")))
        stack = ElementTree.fromstring(archive.read("stack.xml"))
    assert max(thumbnail.size) == THUMBNAIL
    assert names[:2] == ["mimetype", "stack.xml"]
    assert (stack.get("w"), stack.get("h")) == ("800", "600")
    layers = [layer.get("name") for layer in stack.iter("layer")]
    assert layers[-1] == "Canvas"
    assert layers[-2].startswith("Underpainting, strokes 1 to ")
    assert layers[0].startswith("Details, strokes ")
    assert layers[0].endswith(" to 200")
    assert len(layers) == 1 + len(stage_counts(200))


def test_strokes_lie_on_transparency_and_each_in_its_layer():
    document = sample_document("tape", count=100)
    layers, _ = painted_layers(document, SIZE)
    first = stage_counts(100)[0]
    alone = Strokes(*(getattr(document.strokes, name)[:first] for name in ("placement", "shape", "paint")))
    (canvas, under), _ = painted_layers(replace(document, strokes=alone), SIZE)
    assert (canvas.pixels[..., 3] == 255).all()
    assert np.array_equal(under.pixels[..., 3], layers[1].pixels[..., 3])
    assert (layers[1].pixels[..., 3] == 0).any()


def test_few_strokes_or_none_and_the_same_bytes_again(tmp_path):
    for count in (0, 1, 5):
        document = sample_document("oil", count=count)
        for name in ("a.ora", "b.ora"):
            export(tmp_path / name, document, Wishes(SIZE))
        assert (tmp_path / "a.ora").read_bytes() == (tmp_path / "b.ora").read_bytes()
        with zipfile.ZipFile(tmp_path / "a.ora") as archive:
            assert np.abs(flattened(archive) - render_bytes(document, SIZE)).max() <= 1
        (tmp_path / "b.ora").unlink()


def test_light_turns_any_picture_into_any_other():
    below, shown = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)
    shade, light = light_layers(below, shown)
    made = below * (shade.pixels[..., :3] / 255.0) + light.pixels[..., :3]
    assert np.abs(made - shown).max() <= 0.51
    assert light_layers(below, below) == []


def test_one_that_exists_is_kept(tmp_path):
    (tmp_path / "it.ora").write_text("mine")
    with pytest.raises(OutputError):
        export(tmp_path / "it.ora", sample_document("oil", count=3), Wishes(SIZE, overwrite=False))
    assert (tmp_path / "it.ora").read_text() == "mine"
