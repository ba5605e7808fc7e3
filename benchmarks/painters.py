"""Checkouts that paint, each in a process of its own, and what comes of it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

WORKER = Path(__file__).with_name("painting_worker.py")


class PainterError(RuntimeError):
    """A checkout that cannot paint, or did not finish."""


class Painter:
    """One checkout of the project, ready to paint: kernels are compiled, and a painting of a few strokes is done.

    Args:
        tree: the checkout.
        photo: what to warm up on.
        scratch: a folder for that.
        brushes: what to warm up.
    """

    def __init__(self, tree: Path, photo: Path, scratch: Path, brushes: list[str]) -> None:
        self.tree, self._warm_up = tree, (photo, scratch, brushes)

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": str(self.tree.resolve())}
        self._process = subprocess.Popen(
            [sys.executable, WORKER],
            cwd=self.tree,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        photo, scratch, brushes = self._warm_up
        for brush in brushes:
            self.paint(photo, {"brush": brush, "strokes": 60, "preset": "fast"}, scratch / "warm.png")
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.terminate()
        self._process.wait()

    def paint(self, photo: Path, config: dict[str, Any], output: Path) -> dict[str, Any]:
        """Paints; what the worker answers: seconds, CPU seconds, numbers that a stroke takes."""
        assert self._process.stdin
        assert self._process.stdout
        task = {"photo": str(photo.resolve()), "config": config, "output": str(output.resolve())}
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise PainterError(f"{self.tree}: ended while painting {photo.name}")
        found: dict[str, Any] = json.loads(answer)
        return found


@dataclass(frozen=True)
class Task:
    """A painting to measure."""

    photo: Path
    brush: str
    strokes: int
    preset: str
    seed: int

    @property
    def config(self) -> dict[str, Any]:
        return {"brush": self.brush, "strokes": self.strokes, "preset": self.preset, "seed": self.seed}

    @property
    def name(self) -> str:
        """Of the picture and the row."""
        return f"{self.photo.stem}-{self.brush}-{self.strokes}-{self.preset}-{self.seed}"


class Rows:
    """What is measured already, a line of JSON each, so that hours of painting can be gone on with.

    Args:
        path: the file.
        commit: that paints; lines of others are left out.
    """

    def __init__(self, path: Path, commit: str) -> None:
        self.path, self.commit = path, commit
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        rows = [json.loads(line) for line in lines if line.endswith("}")]  # a kill may have cut the last
        self.rows: dict[str, dict[str, Any]] = {row["name"]: row for row in rows if row["commit"] == commit}

    def add(self, row: dict[str, Any]) -> None:
        """Keeps a row, at once."""
        row = {"commit": self.commit, **row}
        self.rows[row["name"]] = row
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
