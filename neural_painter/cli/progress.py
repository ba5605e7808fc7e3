"""What a user sees while it lasts: the bar, and a word when kernels have to be compiled first."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from neural_painter.cli.streams import say

if TYPE_CHECKING:
    from neural_painter.painter.work import Progress


class Bar:
    """A progress bar on stderr, where that is a terminal: stage, strokes, loss and time left.

    Args:
        label: whose progress it is.
        show: False for none at all.
    """

    def __init__(self, label: str, *, show: bool = True) -> None:
        self._label = label
        self._show = show and sys.stderr.isatty()
        self._bar: Any = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, progress: Progress) -> None:
        """Moves on with a painting."""
        stage = f"stage {progress.stage}/{progress.stages}"
        self.move(progress.work, stage, f"{progress.strokes} strokes, loss {progress.loss:.4f}")

    def move(self, work: float, stage: str, state: str) -> None:
        """Moves on; time left follows from the work done since the first call.

        Args:
            work: fraction done, 0 to 1.
            stage: what is being done.
            state: how it stands.
        """
        if not self._show:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=1.0,
                initial=work,
                delay=0.1,  # or the bar shows once before it knows anything
                miniters=0,
                smoothing=0,  # work is an estimate of time already: the plain mean is steadier
                file=sys.stderr,
                leave=False,
                dynamic_ncols=True,
                bar_format="{desc} {percentage:3.0f}% |{bar}|{postfix}, {remaining} left",
            )
        self._bar.set_description_str(f"{self._label}: {stage}", refresh=False)
        self._bar.set_postfix_str(state, refresh=False)
        self._bar.update(work - self._bar.n)


@contextmanager
def kernel_notice(*, show: bool = True) -> Iterator[None]:
    """Says so, once, when numba compiles, and whether the next run has to as well."""
    if not show:
        yield
        return
    from numba.core import event

    from renderers.kernels import unkept

    class Notice(event.Listener):  # type: ignore[misc]
        said = why = None

        def on_start(self, event: event.Event) -> None:
            # A brush made of a picture compiles a few lines around it in every run, in half a second.
            if not self.said and not event.data["dispatcher"].py_func.__closure__:
                self.said, self.why = True, unkept()
                say(f"compiling kernels, which takes some ten seconds; {_kept(self.why)}")

        def on_end(self, event: object) -> None:
            pass

    with event.install_listener("numba:compile", notice := Notice()):
        try:
            yield
        finally:
            if notice.said and unkept() != notice.why:
                say(f"kernels: {_kept(unkept())}")


def _kept(why_not: str | None) -> str:
    if why_not is None:
        return "only the first run does"
    return f"every run does, for they cannot be kept ({why_not}): NUMBA_CACHE_DIR may name a folder for them"
