"""Paints all photos of a folder with a progress bar of its own: `python examples/batch.py photos paintings`."""

import sys
from pathlib import Path

from neural_painter import PaintConfig, Progress, UserError, find_pictures, paint, read_image


class Bar:
    """One line for all photos: what is painted now, and how much of everything is done."""

    def __init__(self, count: int) -> None:
        self.count, self.done, self.name = count, 0, ""

    def show(self, work: float) -> None:
        part = (self.done + work) / self.count
        print(f"\r[{'#' * round(40 * part):40}] {part:4.0%}  {self.name:30.30}", end="", flush=True)

    def step(self, progress: Progress) -> None:
        """What `paint` calls after every step."""
        self.show(progress.work)


def main(photos: Path, folder: Path, config: PaintConfig) -> list[str]:
    """Paints them all; returns a line for each that could not be painted."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = find_pictures(photos)
    bar, failures = Bar(len(paths)), []
    for path in paths:
        bar.name = path.name
        try:
            painting = paint(read_image(path), config, on_step=bar.step)
            if not painting.finished:  # Ctrl-C: the strokes so far are still a painting
                break
            painting.save(folder / f"{path.stem}.jpg", overwrite=True)
        except UserError as error:  # a damaged file, a full disk: the others go on
            failures.append(str(error))
        bar.done += 1
        bar.show(0)
    print()
    return failures


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/batch.py PHOTOS PAINTINGS")
    sys.exit("\n".join(main(Path(sys.argv[1]), Path(sys.argv[2]), PaintConfig(brush="watercolor", strokes=500))) or 0)
