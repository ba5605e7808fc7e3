"""The pictures of all media: large ones for `docs/media.md`, and the one at the top of the README.

python -m benchmarks.media

Strokes are kept in `out/media/` and painted anew only where they are missing, so that the composition can be tried out.
"""

import time

import numpy as np

from benchmarks.report import ROOT
from benchmarks.threads import set_threads

PAGE = {
    "oil": ("chelsea.png", 1500, {}),
    "watercolor": ("coffee.png", 700, {"border": 0.02}),
    "glaze": ("rocket.jpg", 2500, {"border": 0.02}),
    "pastel": ("chelsea.png", 1500, {}),
    "charcoal": ("coffee.png", 1500, {}),
    "pencil": ("chelsea.png", 2500, {}),
    "marker": ("coffee.png", 700, {}),
    "tape": ("rocket.jpg", 700, {}),
}
"""Of each medium: an example photo, strokes and finish."""
WIDTH = 1000
"""Of a medium's picture on the page, in pixels."""

TOP = (
    (("chelsea.png", "oil", 1500), ("chelsea.png", "pencil", 2500), ("chelsea.png", "charcoal", 1500)),
    (("coffee.png", "pastel", 700), ("rocket.jpg", "watercolor", 400), ("chelsea.png", "tape", 700)),
)
"""Rows of the README's picture: photo, brush, strokes."""
PANEL = (400, 592)
"""Height and width of each in pixels."""
GAP = 10
RENDERED = 1200
"""Long side at which they are rendered, in pixels; then they are cut to the panel's shape and made smaller."""


def main() -> int:
    set_threads(2)
    from neural_painter import Finish, write_image

    folder = ROOT / "docs" / "media"
    folder.mkdir(exist_ok=True)
    for brush, (photo, strokes, finish) in PAGE.items():
        painting = _painted(photo, brush, strokes)
        height = round(WIDTH * painting.document.height / painting.document.width)
        write_image(folder / f"{brush}.jpg", painting.render((height, WIDTH), finish=Finish(**finish)), quality=85)
    height, width = PANEL
    rows, columns = len(TOP), len(TOP[0])
    top = np.ones((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), np.float32)
    for row, cells in enumerate(TOP):
        for column, cell in enumerate(cells):
            y, x = row * (height + GAP), column * (width + GAP)
            top[y : y + height, x : x + width] = _panel(_painted(*cell))
    write_image(ROOT / "docs" / "media.jpg", top, quality=88)
    return 0


def _painted(photo, brush, strokes):
    """A painting of an example photo, kept for the next time."""
    from neural_painter import PaintConfig, Painting, paint, read_document, read_image

    kept = ROOT / "out" / "media"
    kept.mkdir(parents=True, exist_ok=True)
    file = kept / f"{photo.partition('.')[0]}-{brush}-{strokes}.npz"
    if not file.exists():
        began = time.perf_counter()
        painting = paint(read_image(ROOT / "examples" / photo), PaintConfig(brush=brush, strokes=strokes))
        painting.save(file)
        print(f"{file.stem}: {painting.psnr:.1f} dB, {time.perf_counter() - began:.0f} s")
    return Painting(read_document(file))


def _panel(painting):
    """A painting, cut to the panel's shape."""
    from neural_painter import Finish
    from neural_painter.images import resize

    picture = painting.render(RENDERED, finish=Finish())
    height, width = picture.shape[:2]
    high, wide = min(height, round(width * PANEL[0] / PANEL[1])), min(width, round(height * PANEL[1] / PANEL[0]))
    top, left = (height - high) // 2, (width - wide) // 2
    return resize(picture[top : top + high, left : left + wide], size=PANEL)


if __name__ == "__main__":
    raise SystemExit(main())
