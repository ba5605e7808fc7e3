"""Who may import whom: the table of the house style, held by reading every file's imports."""

import ast
import sys
from pathlib import Path

from tests.each import each

ROOT = Path(__file__).parents[1]
PACKAGES = ("neural_painter", "renderers")

DEVICES = ("neural_painter.devices",)
SAYING = ("neural_painter.errors", "neural_painter.files")
LEVEL_0 = (
    "renderers.brush",
    "renderers.kernels",
    "renderers.options",
    "renderers.own_brushes",
    "renderers.runs",
    "renderers.threads",
    "neural_painter.archive_writing",
    "neural_painter.archives",
    "neural_painter.colour",
    "neural_painter.compositing",
    "neural_painter.configs",
    "neural_painter.descent",
    "neural_painter.devices",
    "neural_painter.features",
    "neural_painter.images",
    "neural_painter.importance",
    "neural_painter.kinds",
    "neural_painter.journal",
    "neural_painter.json_rows",
    "neural_painter.losses",
    "neural_painter.metrics",
    "neural_painter.motion",
    "neural_painter.palettes",
    "neural_painter.records",
    "neural_painter.series",
    "neural_painter.tables",
    "neural_painter.triton_probe",
    "neural_painter.unfinished",
    "neural_painter.video",
    *SAYING,
)
LEVEL_1 = (
    "renderers.brushes",
    "renderers.checkpoints",
    "renderers.networks",
    "renderers.pictured",
    "renderers.stamps",
    "renderers.texture",
    "renderers.trainers",
    "renderers.training",
    "renderers.training_config",
    "renderers.weights",
)
LEVEL_2 = ("neural_painter.strokes",)
LEVEL_3 = (
    "neural_painter.export",
    "neural_painter.fast",
    "neural_painter.painter",
    "neural_painter.photo",
    "neural_painter.style",
)
FILM = "neural_painter.film"
BELOW_3 = (*LEVEL_0, *LEVEL_1, *LEVEL_2)

MAY_IMPORT = {
    "renderers": (),
    "renderers.options": (),
    "renderers.runs": (),
    "renderers.kernels": ("renderers.runs",),
    "renderers.threads": (),
    "renderers.brush": ("renderers.kernels", "renderers.threads"),
    "renderers.checkpoints": ("renderers.runs",),
    "renderers.trainers": ("renderers.checkpoints", "renderers.runs"),
    "renderers.training_config": ("renderers.options",),
    "renderers.texture": ("renderers.kernels",),
    "renderers.own_brushes": (),
    "renderers.pictured": ("renderers.brush", "renderers.kernels", "renderers.own_brushes", "renderers.texture"),
    "renderers.brushes": ("renderers.brush", "renderers.own_brushes", "renderers.pictured", "renderers.texture"),
    "renderers.networks": ("renderers.brush",),
    "renderers.weights": ("renderers.brush", "renderers.networks", "renderers.runs"),
    "renderers.stamps": (
        "renderers.brush",
        "renderers.kernels",
        "renderers.networks",
        "renderers.threads",
        "renderers.weights",
    ),
    "renderers.training": ("renderers",),
    "neural_painter.errors": (),
    "neural_painter.files": ("neural_painter.errors",),
    "neural_painter.kinds": SAYING,
    "neural_painter.images": ("neural_painter.kinds", *SAYING),
    "neural_painter.importance": ("neural_painter.images", *SAYING),
    "neural_painter.palettes": ("neural_painter.images", *SAYING),
    "neural_painter.archive_writing": (),
    "neural_painter.archives": (),
    "neural_painter.json_rows": ("neural_painter.archives",),
    "neural_painter.tables": ("neural_painter.archives", "neural_painter.json_rows", *SAYING),
    "neural_painter.metrics": (),
    "neural_painter.motion": (),
    "neural_painter.colour": (),
    "neural_painter.configs": ("renderers.options", *SAYING),
    "neural_painter.descent": SAYING,
    "neural_painter.unfinished": ("renderers.runs", "neural_painter.descent", *SAYING),
    "neural_painter.triton_probe": (),
    "neural_painter.devices": ("neural_painter.triton_probe", *SAYING),
    "neural_painter.features": ("neural_painter.kinds", *SAYING),
    "neural_painter.losses": ("renderers.kernels", "renderers.threads"),
    "neural_painter.losses.gram": ("neural_painter.features",),
    "neural_painter.losses.tiled": ("neural_painter.features", "neural_painter.losses.gram"),
    "neural_painter.compositing": ("renderers.brush", "renderers.kernels", "renderers.threads", *DEVICES),
    "neural_painter.records": (),
    "neural_painter.series": (),
    "neural_painter.journal": ("neural_painter.records", *SAYING),
    "neural_painter.video": ("neural_painter.records", *SAYING),
    "neural_painter.strokes": ("renderers", *SAYING, "neural_painter.tables"),
    **dict.fromkeys(LEVEL_3, BELOW_3),
    FILM: (*BELOW_3, "neural_painter.painter"),
    "neural_painter.painting": (*BELOW_3, *LEVEL_3),
    "neural_painter.film_painting": (*BELOW_3, *LEVEL_3, FILM),
    "neural_painter.film_rendering": (*BELOW_3, *LEVEL_3, FILM),
    "neural_painter": PACKAGES,
    "neural_painter.cli": PACKAGES,
    "neural_painter.__main__": ("neural_painter.cli",),
    "paint": ("neural_painter.cli",),
    "train_renderer": ("neural_painter.cli",),
}
"""Module or package, and what it may import besides itself. The longest prefix counts; the style gives the levels."""

LIGHT = {
    "neural_painter",
    "neural_painter.cli",
    "neural_painter.configs",
    "neural_painter.errors",
    "neural_painter.export",
    "neural_painter.export.finish",
    "neural_painter.export.wishes",
    "neural_painter.fast.config",
    "neural_painter.fast.shipped",
    "neural_painter.film.config",
    "neural_painter.files",
    "neural_painter.painter.config",
    "neural_painter.palettes.sets",
    "neural_painter.photo.config",
    "neural_painter.series",
    "neural_painter.style.config",
    "renderers.brushes",
    "renderers.options",
    "renderers.own_brushes",
    "renderers.runs",
    "renderers.training_config",
}
"""Our modules that load no library; of these alone may the command line be made before a command runs."""

FILES = sorted([*(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")), *ROOT.glob("*.py")])


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path, *, at_once=False):
    """Modules of ours and others that a file imports; `at_once`: only those that importing it loads."""
    known = {module_of(file) for file in FILES}

    def visit(node):
        for child in ast.iter_child_nodes(node):
            if at_once and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if at_once and isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative import"
                for alias in child.names:
                    full = f"{child.module}.{alias.name}"
                    yield full if full in known else child.module
            else:
                yield from visit(child)

    return set(visit(ast.parse(path.read_text(encoding="utf-8"))))


def home(module):
    """The entry of the table that a module falls under: itself or the nearest package around it."""
    while module and module not in MAY_IMPORT:
        module = module.rpartition(".")[0]
    return module


def inside(module, packages):
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@each("path", FILES, ids=module_of)
def test_imports_go_downwards(path):
    module = module_of(path)
    entry = home(module)
    assert entry, f"{module} is not in the table"
    if entry in PACKAGES:
        assert module == entry, f"{module} is not in the table"
    own = {package for package in (entry, entry.rpartition(".")[0]) if package not in ("", *PACKAGES)}
    for found in imports(path):
        if inside(found, PACKAGES) and found not in PACKAGES:
            assert inside(found, own) or inside(found, MAY_IMPORT[entry]), f"{module} may not import {found}"


def test_of_fast_styles_the_model_alone_knows_the_formats():
    for path in (ROOT / "neural_painter" / "fast").glob("*.py"):
        if path.name != "model.py":
            assert not any(inside(found, ["neural_painter.fast.formats"]) for found in imports(path)), path


def test_renderers_know_nothing_of_the_painter():
    for path in (ROOT / "renderers").rglob("*.py"):
        assert not any(inside(found, ["neural_painter"]) for found in imports(path)), path


@each("path", sorted((ROOT / "neural_painter" / "cli").glob("*.py")), ids=module_of)
def test_the_command_line_loads_nothing_heavy_before_a_command_runs(path):
    for found in imports(path, at_once=True):
        if inside(found, PACKAGES):
            assert found in LIGHT or inside(found, ["neural_painter.cli"]), found
        else:
            assert found.partition(".")[0] in sys.stdlib_module_names, found


@each("module", sorted(LIGHT))
def test_what_is_light_loads_no_library(module):
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for found in imports(path, at_once=True):
        ours = found in LIGHT or inside(found, ["neural_painter.cli"])
        assert ours or found.partition(".")[0] in sys.stdlib_module_names, found


def test_the_table_catches_what_it_should(tmp_path):
    assert home("neural_painter.losses.gram") == "neural_painter.losses.gram"
    assert home("neural_painter.losses.pixel") == "neural_painter.losses"
    for level_3 in LEVEL_3:
        assert not any(inside(other, MAY_IMPORT[level_3]) for other in LEVEL_3)
        assert not inside("neural_painter.cli", MAY_IMPORT[level_3])
