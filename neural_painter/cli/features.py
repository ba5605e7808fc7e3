"""The network of features: the option that names it, and its download, which a user is told of."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from neural_painter.cli.failures import tell
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


def read_features(options: argparse.Namespace, *, pooling: str = "max") -> Features:
    """The network that `--features` names; raises FeaturesError as `load_features` does."""
    from neural_painter.features import load_features, vgg19_file

    if options.features != FEATURES:
        return load_features(options.features, pooling=pooling)
    with Bar("vgg19", show=not options.quiet) as bar:
        said = False

        def on_block(done: int, total: int) -> None:
            nonlocal said
            if not said:
                said = True
                tell(options, "vgg19: downloading its weights" + (f", {total / 1e6:.0f} MB" if total else ""))
            if total:
                bar.move(done / total, "downloading", f"{done / 1e6:.0f} MB")

        vgg19_file(progress=on_block)
    return load_features("vgg19", pooling=pooling)
