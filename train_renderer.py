"""Trains the neural renderer of a brush; see `python train_renderer.py --help`."""

import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # quiet while it loads; Python would show where in the imports it was

from neural_painter.cli.train_renderer import main

if __name__ == "__main__":
    sys.exit(main())
