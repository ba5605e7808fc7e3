"""What a command works on, one at a time, and what came of it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Job:
    """One input and what is made of it.

    Attributes:
        source: what is read.
        outputs: where to, in the order of `-o`.
        extras: further files that belong to the first output, written when the work is finished.
        holds: further files that no other run may use meanwhile, such as a checkpoint.
        written: those of all these that are there.
        notes: what was changed, dropped or guessed.
        seconds: per phase.
        state: where unfinished work is kept.
    """

    source: Path
    outputs: tuple[Path, ...]
    extras: tuple[Path, ...] = ()
    holds: tuple[Path, ...] = ()
    written: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    state: Path | None = None
    _began: float = 0.0

    def begin(self) -> None:
        """Starts the clock: of several jobs, each has its own."""
        self._began = time.perf_counter()

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Adds the time of the block to `seconds`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - began

    def elapsed(self) -> float:
        """Seconds since the job began."""
        return time.perf_counter() - self._began

    def missing(self) -> list[Path]:
        """The outputs that are not written yet."""
        return [path for path in self.outputs if path not in self.written]


@dataclass(frozen=True)
class Keeps:
    """How work that took long can be kept for later.

    Attributes:
        so_far: what there is of unfinished work: `the painting so far`.
        whole: what there is of finished work: `the strokes are`.
        end: of the file: `.npz`.
        write: writes it under a name.
        go_on: words of the command that goes on from such a file, where the work is not finished.
        rest: words of the command that writes what is missing, where the work is finished.
        finished_name: middle of the file's name where the work is finished: `strokes` gives `cat.strokes.npz`.
    """

    so_far: str
    whole: str
    end: str
    write: Callable[[Path], object]
    go_on: Callable[[Path], Sequence[str]]
    rest: Callable[[Path], Sequence[str]]
    finished_name: str = "unfinished"


@dataclass
class Outcome:
    """What came of a job.

    Attributes:
        told: what is said of it when it is done, such as `1000 strokes, 29.6 dB`.
        write: writes one of the job's outputs; None where the work has written them itself.
        finished: False after Ctrl-C.
        begun: False where Ctrl-C came before there was anything to write.
        keeps: how it can be kept; None where it is quickly done again, or was kept by the work itself.
        stopped: what is then said after Ctrl-C, and how to go on; also where a finished work cannot be written.
        facts: of its line of JSON.
        seconds: per phase of the work.
    """

    told: str = ""
    write: Callable[[Path], object] | None = None
    finished: bool = True
    begun: bool = True
    keeps: Keeps | None = None
    stopped: tuple[str, str | None] = ("interrupted", None)
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def json_line(job: Job, outcome: Outcome) -> str:
    """A job as a line of JSON, in ASCII, so that any stdout can take it. Numbers that are not finite are null."""
    facts = {
        "input": str(job.source),
        "outputs": [str(path) for path in job.written],
        **outcome.facts,
        "seconds": {phase: round(value, 3) for phase, value in job.seconds.items()},
        "notes": job.notes,
        "finished": outcome.facts.get("finished", outcome.finished),
    }
    return json.dumps(_plain(facts))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float):
        return round(value, 8) if math.isfinite(value) else None
    return value
