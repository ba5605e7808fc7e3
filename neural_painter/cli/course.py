"""The course that every command takes: options, inputs, outputs, work, keep, write, tell, JSON, how to go on.

A command fills in what is its own: which files are read, which names are written, and the work, which gives an
`Outcome`. Everything that can go wrong on the way is handled here, once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from neural_painter.cli.claims import Claim
from neural_painter.cli.failures import DONE, PARTLY, is_for_all, report
from neural_painter.cli.interrupts import Interrupts
from neural_painter.cli.jobs import Job, Keeps, Outcome, json_line
from neural_painter.cli.keeping import free_name, is_kept_name, keep, kept_name
from neural_painter.cli.memory import check_limits
from neural_painter.cli.options import Parser, animation_of, config_from
from neural_painter.cli.outputs import (
    Taken,
    check_animations,
    check_own_names,
    check_patterns,
    distinct_names,
    folders_made,
    name_outputs,
    painting_end,
    stem_of,
)
from neural_painter.cli.progress import Bar, kernel_notice
from neural_painter.cli.streams import emit, say
from neural_painter.cli.words import command, words_of
from neural_painter.errors import OutputError
from neural_painter.files import check_output

Config = TypeVar("Config")
Work = Callable[[Job], Outcome]

UNSAID = ("quiet", "json")
"""Options that a printed command leaves out."""


class Course:
    """One call of a command, from its words to its exit status.

    Args:
        parser: of the command's options.
        words: what the user gave.

    Attributes:
        options: what was read.
        failed: whether some input of several was already reported as unreadable.
    """

    def __init__(self, parser: Parser, words: Sequence[str]) -> None:
        self.parser = parser
        self.options: argparse.Namespace = parser.read(list(words))
        self.interrupts = Interrupts()
        self.failed = False
        self._read: list[Path] = []

    def __enter__(self) -> Self:
        check_limits()
        self.interrupts.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.interrupts.__exit__(kind, error, trace)

    # --- before the work --------------------------------------------------------------------------------------------

    def config(self, kind: type[Config], base: dict[str, Any] | None = None, **instead: Any) -> Config:
        """The config that the options ask for; raises UsageError, naming the option, where a value is out of range."""
        return config_from(self.options, kind, base, **instead)

    def reads(self, *paths: Path | str | None) -> None:
        """Files that are read beside the jobs' own, none of which may be replaced."""
        self._read += [Path(path) for path in paths if path]

    @property
    def patterns(self) -> list[str]:
        """What `-o` was given."""
        given = getattr(self.options, "output", None)
        return given if isinstance(given, list) else [given] if isinstance(given, str) else []

    def job(self, source: Path, default: str, check: Callable[[Path], object] = painting_end, **fills: str) -> Job:
        """The only job of a command; as `jobs`."""
        fills.setdefault("name", stem_of(source))
        check_patterns(self.patterns, many=False)
        made = Job(source, name_outputs(self.patterns, default, **fills))
        for path in made.outputs:
            check(path)
        self._check_names(made, Taken([*self._read, source]))
        return made

    def jobs(
        self,
        sources: Sequence[Path],
        default: str,
        check: Callable[[Path], object] = painting_end,
        *,
        many: bool,
        **fills: str,
    ) -> list[Job]:
        """A job for each source; of several, those whose outputs would replace an input are reported and left out.

        Args:
            sources: what is read.
            default: name of an output where `-o` gives none.
            check: raises UsageError where a name is not one that the command can write.
            many: whether several sources were asked for, even if there is only one.
            fills: what `{brush}` and the like stand for.

        Raises:
            UsageError: a name that no job could use.
        """
        check_patterns(self.patterns, many=many)
        made: list[Job] = []
        taken = Taken([*self._read, *sources])
        for source, name in zip(sources, distinct_names(sources), strict=True):
            job = Job(source, name_outputs(self.patterns, default, **{"name": name, **fills}))
            for path in job.outputs:
                check(path)  # an end that is wrong is so for every job
            try:
                self._check_names(job, taken)
            except Exception as error:
                if not many:
                    raise
                report(error)
                self.failed = True
                continue
            made.append(job)
        return made

    def check_extras(self, job: Job) -> None:
        """Raises UsageError where a further file of a job would replace an input, or another output."""
        check_own_names([*job.outputs, *job.extras, *job.holds], [*self._read, job.source])

    def _check_names(self, job: Job, taken: Taken) -> None:
        taken.add(job.outputs)
        if hasattr(self.options, "duration"):
            check_animations(job.outputs, animation_of(self.options))

    # --- the work ---------------------------------------------------------------------------------------------------

    def run(self, jobs: Job | Sequence[Job], work: Work) -> int:
        """Works on all jobs; returns the exit status. Of several, one that fails is reported, and the others go on."""
        many = not isinstance(jobs, Job)
        failed = self.failed
        with folders_made(self.patterns):
            ready = []
            for job in [jobs] if isinstance(jobs, Job) else jobs:
                try:
                    for path in (*job.outputs, *job.extras):
                        check_output(path, overwrite=self._overwrite)
                    for path in job.holds:
                        check_output(path, overwrite=True)
                    ready.append(job)
                except Exception as error:
                    if not many:
                        raise
                    report(error)
                    failed = True
            for job in ready:
                try:
                    status = self._one(job, work)
                except Exception as error:
                    if not many or is_for_all(error):
                        raise
                    report(error)
                    failed = True
                    continue
                if status != DONE:
                    return status
        return PARTLY if failed else DONE

    def _one(self, job: Job, work: Work) -> int:
        job.begin()
        with ExitStack() as stack:
            self._claims = stack
            for path in (*job.outputs, *job.extras, *job.holds):
                stack.enter_context(Claim(path))
            if resumed := self._resumed():
                stack.enter_context(Claim(resumed))
            stack.enter_context(kernel_notice(show=not self._quiet))
            return self._conclude(job, work(job))

    def follow(self, job: Job, work: Work) -> int:
        """Works along with another process, which does the writing; returns the exit status."""
        return DONE if work(job).finished else self.interrupts.status

    def bar(self, job: Job) -> Bar:
        """A progress bar for a job."""
        return Bar(job.source.name, show=not self._quiet)

    def note(self, job: Job, *notes: str) -> None:
        """Says what was changed, dropped or guessed, each once."""
        for line in notes:
            if line not in job.notes:
                job.notes.append(line)
                self.tell(line)

    def tell(self, *lines: str) -> None:
        """Prints sentences on stderr, unless --quiet."""
        if not self._quiet:
            for line in lines:
                say(line)

    def saver(
        self, job: Job, end: str, write: Callable[[Path, Any], object], *, steps: bool = True
    ) -> Callable[[Any], None]:
        """What takes the state of work that lasts, every now and then, and keeps it in one file beside the output.

        The file is removed when the work is done; after a crash it is there to go on from. A signal that
        comes meanwhile waits for the end of a step, or, of work without `steps`, until the state is written.
        """
        said = False
        held = self.interrupts.held_within_step if steps else self.interrupts.held

        def save(state: Any) -> None:
            nonlocal said
            try:
                with held():
                    write(self.state_of(job, end), state)
            except OutputError as error:
                if not said:
                    self.tell(f"{error}; without it a crash would lose the work so far")
                said = True

        return save

    def state_of(self, job: Job, end: str) -> Path:
        """The file that keeps the job's state: a name that nobody else has, held for this run, removed in the end."""
        if job.state is None:
            job.state = self._state_name(job, end)
        return job.state

    def go_on(self, job: Job) -> str:
        """How the job goes on from its state, for what is not written yet."""
        missing = [str(path) for path in job.missing()]
        return f"To go on: {command(*self.words(job, output=missing, resume=job.state))}"

    def words(self, job: Job, *, without: Iterable[str] = (), **changes: Any) -> list[str]:
        """The words of this call, for this job alone, with some options changed."""
        outputs: Any = [*map(str, job.outputs)]
        if not isinstance(self.options.output, list):  # one file
            outputs = outputs[0]
        changed = argparse.Namespace(**{**vars(self.options), "output": outputs, **changes})
        name = self.parser.command
        return [*([name] if name else []), *words_of(self.parser, changed, without=(*UNSAID, *without))]

    # --- after the work ---------------------------------------------------------------------------------------------

    def _conclude(self, job: Job, outcome: Outcome) -> int:
        job.seconds |= {phase: value for phase, value in outcome.seconds.items() if phase != "total"}
        if outcome.finished:
            self._write_finished(job, outcome)
            self._clean_up(job)
        elif not outcome.begun:
            say("interrupted before the first step; nothing was written")
            return self.interrupts.status
        else:
            self._write_unfinished(job, outcome)
        job.seconds["total"] = job.elapsed()
        if getattr(self.options, "json", False):
            emit(json_line(job, outcome))
        if not outcome.finished:
            return self.interrupts.status
        shown = ", ".join(map(str, job.written))
        self.tell(f"{shown}: {outcome.told}{', ' if outcome.told else ''}{job.seconds['total']:.1f} s")
        return DONE

    def _write(self, job: Job, outcome: Outcome) -> None:
        if outcome.write is None:
            return
        with job.timed("write"):
            for path in (*job.outputs, *(job.extras if outcome.finished else ())):
                if path not in job.written:
                    outcome.write(path)
                    job.written.append(path)

    def _write_finished(self, job: Job, outcome: Outcome) -> None:
        """Writes everything; where that fails, the work is kept, for it took long and the rest is quick."""
        try:
            self.interrupts.stop_waiting()
            self._write(job, outcome)
        except BaseException:
            if outcome.keeps:
                with self.interrupts.held(), suppress(OutputError):
                    keeps = outcome.keeps
                    path = keep(keeps.write, job.outputs[0], keeps.finished_name, keeps.end, own=self._own(job, keeps))
                    self._remove_state(job, path)
                    say(f"{keeps.whole} kept in {path}", hint=f"To write the rest: {command(*keeps.rest(path))}")
            elif job.state is not None and job.state.exists():
                say(f"what was done is kept in {job.state}", hint=outcome.stopped[1] or self.go_on(job))
            raise

    def _write_unfinished(self, job: Job, outcome: Outcome) -> None:
        """Keeps what is needed to go on, which is quick, then writes the outputs as they stand; says how to go on."""
        kept, keeps = None, outcome.keeps
        try:
            if keeps:
                with self.interrupts.held():
                    kept = keep(
                        keeps.write, job.outputs[0], "unfinished", keeps.end, own=job.state or self._own_resumed()
                    )
            self._write(job, outcome)
        except (KeyboardInterrupt, Exception) as error:
            if kept is None:
                raise
            if not isinstance(error, KeyboardInterrupt):
                report(error)
        if not (keeps and kept):
            say(outcome.stopped[0], hint=outcome.stopped[1])
            return
        hint = f"To go on: {command(*keeps.go_on(kept))}"
        job.written.append(kept)
        say(f"interrupted; {keeps.so_far} is kept in {kept}", hint=hint)

    def _clean_up(self, job: Job) -> None:
        """Removes what was kept to go on from: the work is done and written."""
        self._remove_state(job, None)
        resumed = self._own_resumed()
        if resumed is not None and resumed not in job.outputs:
            with suppress(OSError):
                resumed.unlink()

    def _remove_state(self, job: Job, but: Path | None) -> None:
        if job.state is not None and job.state != but:
            with suppress(OSError):
                job.state.unlink()

    def _state_name(self, job: Job, end: str) -> Path:
        """A name that nobody has, held for this run; that of the file gone on with, where it is of this name's kind."""
        wanted, resumed = kept_name(job.outputs[0], "unfinished", end), self._own_resumed()
        if resumed is not None:
            return resumed  # held already
        while True:
            path = free_name(wanted)
            try:
                self._claims.enter_context(Claim(path))
            except OutputError:  # another run is about to write it
                wanted = path.with_name(path.name.removesuffix(end) + f"-2{end}")
                continue
            return path

    def _own(self, job: Job, keeps: Keeps) -> Path | None:
        return job.state or self._own_resumed() if keeps.finished_name == "unfinished" else None

    def _resumed(self) -> Path | None:
        found = getattr(self.options, "resume", None)
        return found if isinstance(found, Path) else None

    def _own_resumed(self) -> Path | None:
        """The file that is gone on with, where this program named it: it may be replaced, and goes in the end."""
        found = self._resumed()
        return found if found is not None and is_kept_name(found) else None

    @property
    def _overwrite(self) -> bool:
        return bool(getattr(self.options, "overwrite", False))

    @property
    def _quiet(self) -> bool:
        return bool(getattr(self.options, "quiet", False))
