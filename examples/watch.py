"""Paints a photo and keeps the canvas as it goes in one picture file, which any viewer that reloads shows live.

python examples/watch.py cat.jpg
"""

import sys
from pathlib import Path

from neural_painter import PaintConfig, Painting, paint, read_image, write_image


def main(photo: Path, folder: Path, config: PaintConfig | None = None) -> Painting:
    live = folder / f"{photo.stem}-live.png"

    def show(canvas, progress):
        write_image(live, canvas, overwrite=True)
        print(f"{progress.work:4.0%}  {canvas.shape[1]}x{canvas.shape[0]}, {progress.strokes} strokes")

    painting = paint(read_image(photo), config, on_canvas=show, canvas_seconds=0.5)
    write_image(live, painting.render(), overwrite=True)
    return painting


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "examples/chelsea.png"), Path())
