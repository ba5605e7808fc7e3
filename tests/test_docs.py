"""What the documents say is so: links lead somewhere, names and options that they mention are there."""

import ast
import re
import runpy
import shlex
from importlib import import_module
from pathlib import Path

from neural_painter.cli import COMMANDS

ROOT = Path(__file__).parents[1]
PAGES = sorted(path for part in (".", "docs", "benchmarks", "examples") for path in (ROOT / part).glob("*.md"))
CURRENT = [page for page in PAGES if page.name != "CHANGELOG.md"]
"""The change log also tells of what is gone."""


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_links_lead_somewhere():
    seen = 0
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if "://" in target:
                continue
            name, _, part = target.partition("#")
            file = page.parent / name if name else page
            assert file.exists(), f"{page.name}: {target}"
            if part:
                headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
                assert part in map(anchor, headings), f"{page.name}: {target}"
            seen += 1
    assert seen > 30


def test_paths_that_are_mentioned_are_there():
    pattern = r"`((?:neural_painter|renderers|tests|docs|benchmarks|examples|\.ci|\.github)/[\w./-]*)`"
    for page in CURRENT:
        for path in re.findall(pattern, page.read_text(encoding="utf-8")):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_names_that_scripts_import_are_there():
    seen = 0
    for page in CURRENT:
        for block in blocks(page, "python"):
            for line in ast.walk(ast.parse(block)):
                if isinstance(line, ast.ImportFrom) and line.module.split(".")[0] in (
                    "neural_painter",
                    "renderers",
                ):
                    for alias in line.names:
                        assert hasattr(import_module(line.module), alias.name), f"{page.name}: {alias.name}"
                        seen += 1
    assert seen > 10


def test_options_that_commands_use_are_there():
    seen = 0
    for page in CURRENT:
        for block in blocks(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if "paint.py" not in words:
                    continue
                words = words[words.index("paint.py") + 1 :]
                command = words[0] if words and words[0] in COMMANDS else "paint"
                known = (ROOT / "tests/neural_painter/cli/goldens" / f"{command}.txt").read_text(encoding="utf-8")
                for word in words:
                    if word.startswith("--") and word != "--help":
                        assert re.search(rf"{word.partition('=')[0]}\b", known), f"{page.name}: {line}"
                        seen += 1
    assert seen > 20


def test_the_picture_of_the_rooms_is_that_of_the_table(golden):
    """`python docs/rooms.py` draws it anew."""
    golden(ROOT / "docs" / "rooms.svg", runpy.run_path(str(ROOT / "docs" / "rooms.py"))["draw"]())


def test_recipes_still_fit_the_files_that_they_change():
    seen = 0
    for block in blocks(ROOT / "CONTRIBUTING.md", "diff"):
        for part in re.split(r"^--- .*\n\+\+\+ ", block, flags=re.MULTILINE)[1:]:
            name, _, hunks = part.partition("\n")
            for hunk in hunks.split("@@\n")[1:]:
                lines = hunk.splitlines()
                before = "\n".join(line[1:] for line in lines if not line.startswith("+"))
                after = "\n".join(line[1:] for line in lines if not line.startswith("-"))
                if before:
                    assert before in (ROOT / name).read_text(encoding="utf-8"), f"{name}:\n{before}"
                else:
                    ast.parse(after)
                seen += 1
    assert seen >= 9
