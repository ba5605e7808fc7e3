"""`python -m neural_painter`: the same as `paint.py`, where the project is installed."""

import sys

from neural_painter.cli import early

early.begin()

from neural_painter.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
