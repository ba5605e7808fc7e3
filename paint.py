"""Turns photos into paintings; see `python paint.py --help`."""

import sys

from neural_painter.cli import main

if __name__ == "__main__":
    sys.exit(main())
