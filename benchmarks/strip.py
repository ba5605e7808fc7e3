"""The strip at the top of the README: three example photos, each painted in four media, side by side.

python -m benchmarks.strip

Strokes are kept in `out/strip/` and painted anew only where they are missing, so that the composition can be tried out.
"""

import time

import numpy as np

from benchmarks.report import ROOT
from benchmarks.threads import set_threads

PHOTOS = {"chelsea.png": (800, 1.0), "coffee.png": (250, 1.0), "rocket.jpg": (800, 0.93)}
"""Example photos; strokes, as many as show both photo and strokes; how much of the height is shown, from below."""
MEDIA = ("oil", "watercolor", "marker", "tape")
PANEL = (520, 592)
"""Height and width of a photo's panel in pixels."""
GAP = 12
RENDERED = 1200
"""Long side at which the strokes are painted, in pixels; then they are cut to the panel's shape and made smaller."""
LEAN = 0.12
"""How far a seam leans over the panel's height, in panel widths."""
SEAM = 1.5
"""Half the width of the white line between two media, in pixels."""


def main() -> int:
    set_threads(2)
    from neural_painter import write_image

    kept = ROOT / "out" / "strip"
    kept.mkdir(parents=True, exist_ok=True)
    height, width = PANEL
    strip = np.ones((height, len(PHOTOS) * (width + GAP) - GAP, 3), np.float32)
    for place, (photo, (strokes, part)) in enumerate(PHOTOS.items()):
        left = place * (width + GAP)
        strip[:, left : left + width] = _panel([_painted(photo, brush, strokes, part, kept) for brush in MEDIA])
    write_image(ROOT / "docs" / "media.jpg", strip, quality=90)
    return 0


def _painted(photo, brush, strokes, part, kept):
    """A photo in strokes, cut to the panel's shape."""
    from neural_painter import Finish, PaintConfig, Painting, paint, read_document, read_image
    from neural_painter.images import resize

    file = kept / f"{photo.partition('.')[0]}-{brush}-{strokes}.npz"
    if file.exists():
        painting = Painting(read_document(file))
    else:
        began = time.perf_counter()
        painting = paint(read_image(ROOT / "examples" / photo), PaintConfig(brush=brush, strokes=strokes))
        painting.save(file)
        print(f"{file.stem}: {painting.psnr:.1f} dB, {time.perf_counter() - began:.0f} s")
    picture = painting.render(RENDERED, finish=Finish())
    picture = picture[round((1 - part) * len(picture)) :]
    height, width = picture.shape[:2]
    shown = min(width, round(height * PANEL[1] / PANEL[0]))
    left = (width - shown) // 2
    return resize(picture[:, left : left + shown], size=PANEL)


def _panel(pictures):
    """Pictures of one size in slanted bands from left to right, with white seams."""
    height, width = PANEL
    y, x = np.mgrid[0:height, 0:width] + 0.5
    panel = pictures[0].copy()
    for number, picture in enumerate(pictures[1:], 1):
        right = x - width * (number / len(pictures) + LEAN * (0.5 - y / height))  # of the seam, in pixels
        panel = np.where((right > 0)[..., None], picture, panel)
        line = np.clip(SEAM + 0.5 - abs(right), 0, 1)[..., None]
        panel = panel + line * (1 - panel)
    return panel


if __name__ == "__main__":
    raise SystemExit(main())
