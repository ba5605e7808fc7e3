"""Draws docs/renderer.png: held-out strokes of every brush, as the brush and as the neural renderer draw them.

python -m benchmarks.renderer_sheet

For each brush three lines: ground truth, neural renderer, and four times their difference (black where they agree). The
strokes are of the score's own held-out series, its first ones, not chosen; so are their colours and canvas colours.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from neural_painter.cli.early import begin_threads
from renderers.brushes import brush, names

COLUMNS, ZOOM, GAP, LEFT, TOP = 8, 3, 6, 92, 26
BATCH = 250  # as the score draws them; fewer at a time would be other strokes
PAPER, INK = 255, 40
LINES = ("brush", "renderer", "4 x difference")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "renderer.png")
    parser.add_argument("--weights", type=Path, help="folder of the weights (default: the project's own)")
    options = parser.parse_args()
    begin_threads()
    import cv2

    from renderers.weights import WeightsError

    try:
        blocks = [_block(name, options.weights) for name in names()]
    except WeightsError as error:
        print(f"renderer_sheet: {error}", file=sys.stderr)
        return 4
    options.output.parent.mkdir(parents=True, exist_ok=True)
    temporary = options.output.with_suffix(".part.png")
    if not cv2.imwrite(str(temporary), np.concatenate(blocks)[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        print(f"renderer_sheet: {options.output}: cannot be written", file=sys.stderr)
        return 5
    temporary.replace(options.output)
    return 0


def _strokes(name, directory):
    """Composited strokes `[2, COLUMNS, S, S, 3]` in [0, 1], of the brush and of the renderer, and its card."""
    import torch

    from renderers.training import HELD_OUT_SEED, draw_samples
    from renderers.weights import load_renderer, read_card

    model, _ = load_renderer(brush(name), directory)
    generator = np.random.default_rng(HELD_OUT_SEED)
    shape, truth = draw_samples(brush(name), BATCH, 4, generator)
    paint = torch.from_numpy(brush(name).sample_paint(BATCH, generator))
    canvas = torch.from_numpy(generator.uniform(0, 1, (BATCH, 3, 1, 1)).astype(np.float32))
    shape, truth, paint, canvas = (values[:COLUMNS] for values in (shape, truth, paint, canvas))
    opacity = paint[:, 6, None, None, None]
    with torch.no_grad():
        drawn = [(model.shading.colour(truth[:, 1:], paint), truth[:, :1] * opacity), model.draw(shape, paint)]
    pictures = torch.stack([canvas + alpha * (colour - canvas) for colour, alpha in drawn])
    return pictures.clamp(0, 1).permute(0, 1, 3, 4, 2).numpy(), read_card(brush(name), directory)


def _block(name, directory):
    """The lines of one brush under its title, `[H, W, 3]` uint8."""
    import cv2

    (truth, neural), card = _strokes(name, directory)
    side = truth.shape[1] * ZOOM
    width, height = LEFT + COLUMNS * (side + GAP), TOP + len(LINES) * (side + GAP)
    block = np.full((height, width, 3), PAPER, np.uint8)
    difference = np.clip(4 * np.abs(truth - neural), 0, 1)
    for line, (label, pictures) in enumerate(zip(LINES, (truth, neural, difference), strict=True)):
        top = TOP + line * (side + GAP)
        _write(cv2, block, label, (4, top + side // 2 + 4), 0.34)
        for column, picture in enumerate(pictures):
            left = LEFT + column * (side + GAP)
            pixels = np.round(picture * 255).astype(np.uint8).repeat(ZOOM, 0).repeat(ZOOM, 1)
            block[top : top + side, left : left + side] = pixels
    title = f"{name}: {card['psnr_composited']:.2f} dB composited, {card['psnr_alpha']:.2f} dB alpha matte"
    _write(cv2, block, f"{title}, on {card['held_out']} held-out strokes", (LEFT, TOP - 9), 0.42)
    return block


def _write(cv2, block, text, corner, scale):
    cv2.putText(block, text, corner, cv2.FONT_HERSHEY_SIMPLEX, scale, (INK, INK, INK), 1, cv2.LINE_AA)


if __name__ == "__main__":
    sys.exit(main())
