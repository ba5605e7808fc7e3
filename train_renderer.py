"""Trains the neural renderer of a brush; see `python train_renderer.py --help`."""

import sys

from neural_painter.cli.train_renderer import main

if __name__ == "__main__":
    sys.exit(main())
