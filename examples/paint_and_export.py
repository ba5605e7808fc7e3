"""Paints a photo and writes it as picture, vectors, animation and strokes.

python examples/paint_and_export.py cat.jpg
"""

import sys
from pathlib import Path

from neural_painter import PaintConfig, Painting, paint, read_document, read_image


def main(photo: Path, folder: Path, strokes: int = 1000, size: int = 2000) -> Painting:
    painting = paint(read_image(photo), PaintConfig(brush="oil", strokes=strokes))
    print(f"{len(painting.strokes)} strokes, {painting.psnr:.1f} dB, {painting.seconds['total']:.0f} s")

    # Any size: strokes are painted again, with more detail. Files are never replaced unless `overwrite=True`.
    painting.save(folder / f"{photo.stem}.png", size=size)
    painting.save(folder / f"{photo.stem}.svg")
    painting.save(folder / f"{photo.stem}.mp4", size=size // 2)
    painting.save(folder / f"{photo.stem}.npz")

    # The strokes are all that a painting is: here it comes back from them, without the photo.
    again = Painting(read_document(folder / f"{photo.stem}.npz"))
    x, y = again.strokes.placement[-1, :2]  # canvas long sides
    print(f"the last stroke lies at {x:.2f}, {y:.2f}")
    return again


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "examples/chelsea.png"), Path())
