"""A brush of your own, without touching the package: dots, as a pointillist sets them.

    python examples/own_brush.py cat.jpg

draws some strokes, trains the networks that imitate them (a minute), and paints. The weights are kept in `dot/` and
found there the next time.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from neural_painter import PaintConfig, Painting, paint, read_image, write_image
from renderers.brush import Brush, Parameter, point_function
from renderers.brushes import add_brush
from renderers.stamps import table_card
from renderers.texture import coverage, noise
from renderers.training import Trainer, TrainingConfig
from renderers.weights import parameter_space, save_renderer


@point_function
def dot(along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
    """How a stroke looks at a point; lengths are half widths, see renderers/brush.py."""
    aspect, ragged = shape[0], shape[1]
    distance = np.float32(np.sqrt((along / aspect) ** 2 + across**2))  # 1 on the ellipse that fills the stroke's box
    rim = np.float32(0.85) + ragged * np.float32(0.1) * noise(along * 3, across * 3, 0)
    grain = np.float32(0.03) * noise(along * 12, across * 12, seed)
    alpha = coverage(distance - rim + grain, footprint + np.float32(0.06))
    thick = 1 + np.float32(0.25) * max(rim - distance, np.float32(0)) * -across  # light from above
    return np.float32(alpha), np.float32(thick), np.float32(0)


def brush(folder: Path) -> Brush:
    return Brush(
        name="dot",
        shape=(
            Parameter("aspect", 1.0, 1.6, "half length / half width", 1.1, "follows from the placement"),
            Parameter("ragged", 0.0, 1.0, "1", 0.5, "how uneven the rim is"),
        ),
        colours=1,
        opacity=Parameter("opacity", 0.9, 1.0, "1", 1.0, "paint that covers"),
        point=dot,
        about="round dots of thick paint",
        weights=folder,
    )


def train(brush: Brush, folder: Path, steps: int) -> None:
    """Trains the brush's networks, and writes their weights and card."""
    trainer = Trainer(brush, TrainingConfig(steps=steps), torch.device("cpu"))
    for loss in trainer.run():
        print(f"\rstep {trainer.step} of {steps}, loss {loss:.4f}", end="", flush=True)
    print()
    digest = save_renderer(trainer.model, folder / f"{brush.name}.safetensors")
    card = {"sha256": digest, "shape": parameter_space(brush), "table": table_card(trainer.model, brush)}
    (folder / f"{brush.name}.json").write_text(json.dumps(card), encoding="utf-8")


def main(photo: Path, folder: Path, strokes: int = 1500, steps: int = 300) -> Painting:
    folder.mkdir(exist_ok=True)
    mine = brush(folder)
    add_brush(mine)

    # Five strokes in black on white: `draw` gives the matte and the weights of a stroke's two colours.
    shape = mine.sample_shape(5, np.random.default_rng(0))
    drawn = mine.draw(shape, np.arange(5), 128, 160, supersample=2)
    write_image(folder / "strokes.png", np.repeat(1 - np.concatenate(list(drawn[..., :1]), axis=1), 3, axis=2))

    if not (folder / "dot.json").exists():
        train(mine, folder, steps)
    painting = paint(read_image(photo), PaintConfig(brush="dot", strokes=strokes))
    painting.save(folder / f"{photo.stem}-dot.png", size=1600, overwrite=True)
    painting.save(folder / f"{photo.stem}-dot.npz", overwrite=True)
    return painting


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "examples/chelsea.png"), Path("dot"))
