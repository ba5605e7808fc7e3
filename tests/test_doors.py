"""How a user meets the project: the wheel that is installed, and types that a script is checked against."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from neural_painter import __version__
from renderers.brushes import names

ROOT = Path(__file__).parents[1]

SCRIPT = """
from pathlib import Path

from neural_painter import (
    PaintConfig, Painting, PhotoConfig, Progress, StyleConfig, UserError, find_pictures, load_features, load_model,
    paint, photo_transfer, read_document, read_image, style_picture, style_transfer, write_image,
)

def show(progress: Progress) -> None:
    print(f"{progress.work:.0%}, {progress.strokes} strokes")

def main(folder: Path) -> None:
    model = load_model()
    for path in find_pictures(folder):
        photo = read_image(path)
        try:
            painting: Painting = paint(photo, PaintConfig(strokes=20), on_step=show)
        except UserError as error:
            print(error, error.hint, error.exit_status + 1)
            continue
        painting.save(path.with_suffix(".svg"), size=4000, overwrite=True)
        write_image(path.with_suffix(".webp"), style_transfer(painting.render(), model, width=300))
    features = load_features("features.safetensors")
    print(photo_transfer(photo, photo, config=PhotoConfig(preset="fast")).losses)
    print(style_picture(photo, [photo], config=StyleConfig(iterations=5), features=features).finished)
    Painting(read_document("cat.npz")).save("cat.mp4")
"""
WRONG = """
from neural_painter import PaintConfig, read_image

read_image(1)
PaintConfig(strokes="many")
"""
SETTINGS = """
[mypy]
strict = true
[mypy-torch.*,numba.*,cv2.*,PIL.*,safetensors.*]
follow_imports = skip
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The project's wheel, built from a copy, without network."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("neural_painter", "renderers"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    command = "-m pip wheel --quiet --no-build-isolation --no-deps --no-index --no-cache-dir --wheel-dir dist ."
    subprocess.run([sys.executable, *command.split()], cwd=copy, check=True)
    (made,) = (copy / "dist").iterdir()
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The Python of an environment of its own that holds the wheel; libraries are those of this one."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, symlinks=os.name != "nt")
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip())
    zipfile.ZipFile(wheel).extractall(packages)
    elsewhere = [path for path in sys.path if path.endswith("-packages")]
    (packages / "libraries.pth").write_text("\n".join(elsewhere), encoding="utf-8")
    return python


def run(*words, cwd):
    # Without this checkout on the path, which would be found before what is installed.
    surroundings = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    return subprocess.run(list(map(str, words)), cwd=cwd, env=surroundings, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_wheel_holds_all_that_the_program_needs(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    code = {
        str(path.relative_to(ROOT)) for part in ("neural_painter", "renderers") for path in ROOT.glob(f"{part}/**/*.py")
    }
    weights = {f"renderers/weights/{name}.{end}" for name in names() for end in ("safetensors", "json")}
    typed = {"neural_painter/py.typed", "renderers/py.typed"}
    assert {name for name in code | weights | typed if name not in held} == set()
    assert any(name.startswith("neural_painter/") and name.endswith("starry-night.safetensors") for name in held)
    assert not any(name.startswith(("tests/", "benchmarks/", "examples/", "docs/")) for name in held)


@pytest.mark.slow
def test_the_installed_program_runs_as_a_module(installed, tmp_path):
    done = run(installed, "-m", "neural_painter", "--version", cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == (f"neural-painter {__version__}\n", "", 0)
    done = run(installed, "-m", "neural_painter", "nothing.jpg", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("python -m neural_painter: nothing.jpg: ")
    where = run(installed, "-c", "import neural_painter; print(neural_painter.__file__)", cwd=tmp_path)
    assert str(ROOT) not in where.stdout


@pytest.mark.slow
def test_a_users_script_is_type_checked_against_the_installed_wheel(installed, tmp_path):
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    (tmp_path / "right.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text(WRONG)
    mypy = [sys.executable, "-m", "mypy", "--python-executable", installed]
    right = run(*mypy, "right.py", cwd=tmp_path)
    assert right.returncode == 0, right.stdout + right.stderr
    wrong = run(*mypy, "wrong.py", cwd=tmp_path)
    assert [line.split(": ")[0] for line in wrong.stdout.splitlines() if ": error: " in line] == [
        "wrong.py:4",
        "wrong.py:5",
    ]
