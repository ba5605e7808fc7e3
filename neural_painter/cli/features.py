"""The network of features: the option that names it, and its download, which a user is told of."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.cli.course import Course
from neural_painter.cli.progress import Bar

if TYPE_CHECKING:
    from neural_painter.features import Features


FEATURES = "vgg19"


def add_features(parser: argparse._ActionsContainer) -> None:
    """`--features`."""
    parser.add_argument(
        "--features",
        default=FEATURES,
        metavar="FILE",
        help="safetensors file of a VGG-19 of any widths, or vgg19: torchvision's, 575 MB, downloaded once "
        "(default: vgg19)",
    )


def features_file(options: argparse.Namespace) -> Path | None:
    """The file that `--features` names; None for torchvision's."""
    return None if options.features == FEATURES else Path(options.features)


def read_features(course: Course, *, pooling: str = "max") -> Features:
    """The network that `--features` names; raises FeaturesError as `load_features` does."""
    from neural_painter.features import load_features, vgg19_file

    path = features_file(course.options)
    if path is not None:
        return load_features(path, pooling=pooling)
    with Bar("vgg19", show=not course.options.quiet) as bar:
        said = False

        def on_block(done: int, total: int) -> None:
            nonlocal said
            if not said:
                said = True
                course.tell("vgg19: downloading its weights" + (f", {total / 1e6:.0f} MB" if total else ""))
            if total:
                bar.move(done / total, "downloading", f"{done / 1e6:.0f} MB")

        vgg19_file(progress=on_block)
    return load_features("vgg19", pooling=pooling)
