"""What comes out of a command: files, and a JSON object for each picture."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neural_painter.painting import Painting
    from neural_painter.strokes import StrokeDocument


def write_outputs(
    document: StrokeDocument,
    outputs: Iterable[Path],
    size: tuple[int, int],
    animation: dict[str, Any],
    *,
    overwrite: bool,
    written: list[Path],
) -> None:
    """Writes the outputs of one painting and appends each to `written` once it is there."""
    from neural_painter.export import save

    for path in outputs:
        save(path, document, size, overwrite=overwrite, **animation)
        written.append(path)


def json_line(
    source: Path,
    outputs: Sequence[Path],
    document: StrokeDocument,
    seconds: dict[str, float],
    painting: Painting | None = None,
) -> str:
    """One picture as a line of JSON. Numbers that do not exist or are not finite are null.

    Args:
        source: photo, or document that was rendered.
        outputs: what was written.
        document: the strokes.
        seconds: per phase and `total`.
        painting: device and scores; None where nothing was painted anew.
    """
    return json.dumps(
        {
            "input": str(source),
            "outputs": [str(path) for path in outputs],
            "brush": document.brush,
            "strokes": len(document.strokes),
            "seed": document.seed,
            "device": painting.device if painting else "cpu",
            "seconds": {phase: round(value, 3) for phase, value in seconds.items()},
            "psnr": _number(painting.psnr if painting else None, 2),
            "ssim": _number(painting.ssim if painting else None, 4),
            **_style(painting),
            "finished": painting.finished if painting else "unfinished" not in document.options,
        },
        ensure_ascii=False,
    )


def told_style(painting: Painting) -> str:
    """How far a painting is from its style, in words."""
    assert painting.style_distance is not None
    before, after = painting.style_distance
    return f"style distance {after:.3f}" + ("" if before is None else f" (was {before:.3f})")


def _style(painting: Painting | None) -> dict[str, Any]:
    """The distance from a style, where there is one."""
    if painting is None or painting.style_distance is None:
        return {}
    before, after = painting.style_distance
    return {"style_distance": _number(after, 5), "style_distance_before": _number(before, 5)}


def _number(value: float | None, digits: int) -> Any:
    return None if value is None or not math.isfinite(value) else round(value, digits)
