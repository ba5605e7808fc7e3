"""Options: made from the config dataclass, whose names, types, defaults and help texts are the only ones there are."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_type_hints

from neural_painter.cli.streams import program, show
from neural_painter.configs import DEVICES, OptionError, nearest
from neural_painter.errors import UsageError
from neural_painter.export.finish import Finish
from neural_painter.export.wishes import DURATION, FPS, HOLD

Colour = tuple[float, float, float]
Canvas = tuple[float, float, float] | tuple[()]
Direction = tuple[float, float]
Config = TypeVar("Config")

LONGEST_SIDE = 20_000
"""Pixels; a picture of 20 000 x 20 000 takes 5 GB while it is painted."""

MOST_PIXELS, MOST_PIXELS_EVER = 200_000_000, 2_000_000_000
"""Of a picture that is read; the first is that of `images`, which a test compares."""

LONGEST_NAME = 100
"""Letters of the name of a style."""

ANIMATION = {"duration": DURATION, "fps": FPS, "hold": HOLD}
"""Defaults of `export.save`, shown in help texts."""


class Parser(argparse.ArgumentParser):
    """Raises UsageError where argparse would print and exit.

    Attributes:
        command: that these are the options of; "" for `paint`.
    """

    def __init__(self, command: str = "", **settings: Any) -> None:
        self.command = command
        name = f"{program()} {command}".strip()
        super().__init__(prog=name, formatter_class=_Formatter, allow_abbrev=False, **settings)

    def read(self, words: list[str]) -> argparse.Namespace:
        """Parses options and arguments in any order. What follows `--` names files, dash in front or not."""
        place = words.index("--") if "--" in words else len(words)
        # argparse itself forgets the "--" in intermixed words.
        names = [os.path.join(os.curdir, word) if word.startswith("-") else word for word in words[place + 1 :]]
        return self.parse_intermixed_args([*words[:place], *names])

    def error(self, message: str) -> NoReturn:
        hint = None
        if message.startswith("unrecognized arguments: "):
            word = message.removeprefix("unrecognized arguments: ").split()[0].partition("=")[0]
            hint = nearest(word, [name for action in self._actions for name in action.option_strings])
        raise UsageError(message.removeprefix("argument "), hint=hint or f"See {self.prog} --help")

    def _print_message(self, message: str, file: Any = None) -> None:
        show(message)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Writes `-o, --output OUT` in every Python; before 3.13 argparse repeats OUT."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=27, width=100)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        return f"{', '.join(action.option_strings)} {self._format_args(action, action.dest.upper())}"


def add_config(parser: argparse._ActionsContainer, config: type) -> None:
    """One option for each field of a config dataclass. What is not given is absent from the namespace."""
    hints = get_type_hints(config)
    for option in fields(config):
        if "help" not in option.metadata:
            continue
        kind, text = hints[option.name], option.metadata["help"].replace("%", "%%")
        name = f"--{option.name.replace('_', '-')}"
        if kind is bool:
            parser.add_argument(name, dest=option.name, default=argparse.SUPPRESS, action="store_true", help=text)
            continue
        shown = _SHOWN.get(kind, str)(option.default)
        word = option.name.rpartition("_")[2].upper()
        parser.add_argument(
            name,
            dest=option.name,
            default=argparse.SUPPRESS,
            type=_TYPES[kind],
            metavar={int: "N", float: "X", Canvas: "COLOR", Direction: "AZIMUTH,ELEVATION"}.get(kind, word),
            help=f"{text} (default: {shown})",
        )


def add_device(parser: argparse._ActionsContainer) -> None:
    """`--device` of a command whose config has none."""
    parser.add_argument(
        "--device",
        type=_device,
        metavar="DEVICE",
        default="auto",
        help="where to compute: auto, cpu or cuda (default: auto)",
    )


def add_pictures(parser: argparse._ActionsContainer, *, canvas: bool = True, strip: bool = True) -> None:
    """What concerns every picture that is read and written.

    Args:
        parser: of the command.
        canvas: whether it needs `--canvas`; a config may have it.
        strip: whether it writes pictures.
    """
    if canvas:
        parser.add_argument(
            "--canvas",
            type=_colour,
            metavar="COLOR",
            default=(1.0, 1.0, 1.0),
            help="colour under transparent parts where transparency cannot be kept (default: #ffffff)",
        )
    parser.add_argument(
        "--max-pixels",
        type=_megapixels,
        metavar="N",
        default=MOST_PIXELS,
        help=f"refuse pictures of more pixels (default: {MOST_PIXELS})",
    )
    if strip:
        parser.add_argument(
            "--strip", action="store_true", help="leave out what the photo says of itself: date, place, author, camera"
        )


def config_from(
    options: argparse.Namespace, config: type[Config], base: dict[str, Any] | None = None, **instead: Any
) -> Config:
    """The config that was asked for: `instead`, else what was given, else what `base` says, else the defaults.

    Raises:
        UsageError: a value is out of range; the message names the option.
    """
    names = [option.name for option in fields(config)]  # type: ignore[arg-type]
    given = {name: getattr(options, name) for name in names if hasattr(options, name)}
    try:
        return config(**{**(base or {}), **given, **instead})
    except OptionError as error:
        raise UsageError(f"--{error.name.replace('_', '-')}: {error.message}", hint=error.hint) from None
    except ValueError as error:  # of renderers, which know nothing of our errors
        name, _, message = str(error).partition(": ")
        raise UsageError(f"--{name.replace('_', '-')}: {message}") from None


def add_outputs(parser: argparse.ArgumentParser, default: str) -> None:
    """Options of what is written and said."""
    add_output(parser, default)
    for name, text in (
        ("duration", "of an animation: seconds of painting"),
        ("fps", "of an animation: frames a second"),
        ("hold", "of an animation: seconds for which the finished painting stays"),
    ):
        parser.add_argument(f"--{name}", type=_number, metavar="X", help=f"{text} (default: {ANIMATION[name]:g})")
    add_manners(parser)


def add_finish(parser: argparse.ArgumentParser) -> None:
    """How a painting is shown."""
    add_config(parser.add_argument_group("how the paint is shown, in pictures and animations"), Finish)


def add_transparent(parser: argparse._ActionsContainer) -> None:
    """`--transparent` of a command that paints strokes."""
    parser.add_argument(
        "--transparent",
        action="store_true",
        help="leave the canvas out: what is not painted is transparent, in pictures and, as ProRes 4444, in .mov",
    )


def add_output(parser: argparse.ArgumentParser, default: str, *, size: str = "the photo's own size") -> None:
    """`-o` and `--size`, whose defaults the texts tell."""
    parser.add_argument("-o", "--output", action="append", default=[], metavar="OUT", help=default)
    parser.add_argument(
        "--size",
        type=parse_size,
        metavar="SIZE",
        help=f"pixels of what is written: WIDTHxHEIGHT, or the long side; up to {LONGEST_SIDE} a side "
        f"(default: {size})",
    )


def painting_outputs(filled: str, default: str, *, films: bool = True) -> str:
    """The help of `-o` where a painting is written: what is filled in, the default name, whether films are as well."""
    film = "; of a film, .mp4, .m4v, .mov, .mkv, .webm, .gif, frames (NAME-%%05d.png), or its document (.npz)"
    return (
        "what to write; the extension decides: a picture, .svg, layers for Krita and GIMP (.ora), an animation (.mp4, "
        ".gif, .anim.webp), a stroke document (.npz, .json), or the heights of the paint or their normals "
        f"(NAME-height.png, NAME-normal.png){film if films else ''}. May"
        f" be repeated; {filled} filled in; a folder takes the default name "
        f"(default: {default} in the current folder)"
    )


def add_file(parser: argparse.ArgumentParser, what: str, default: str, *, metavar: str = "OUT") -> None:
    """`-o` of a command that writes one file, which is no picture."""
    text = f"{what}; {{name}} is filled in; a folder takes the default name (default: {default} in the current folder)"
    parser.add_argument("-o", "--output", metavar=metavar, help=text)


def add_manners(parser: argparse.ArgumentParser) -> None:
    """What may be replaced, and what is said."""
    parser.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    parser.add_argument("--json", action="store_true", help="print one JSON object per picture on stdout")
    parser.add_argument("--quiet", action="store_true", help="say nothing unless something goes wrong")


def add_file_manners(parser: argparse.ArgumentParser, what: str) -> None:
    """As `add_manners`, of a command that writes one file."""
    parser.add_argument("--overwrite", action="store_true", help=f"replace {what} that exists")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.add_argument("--quiet", action="store_true", help="say nothing unless something goes wrong")


def animation_of(options: argparse.Namespace) -> dict[str, float]:
    """The animation options that were given, as `export.save` takes them."""
    return {name: value for name in ANIMATION if (value := getattr(options, name)) is not None}


def parse_size(text: str) -> int | tuple[int, int]:
    """Reads a long side, or WIDTHxHEIGHT as `(height, width)`."""
    parts = text.lower().replace("×", "x").split("x")
    if not (len(parts) in (1, 2) and all(part.isascii() and part.isdigit() for part in parts)):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT or the long side in pixels, got {text!r}")
    sides = [int(part) for part in parts]
    if not all(1 <= side <= LONGEST_SIDE for side in sides):
        raise argparse.ArgumentTypeError(f"expected 1 to {LONGEST_SIDE} pixels a side, got {text}")
    return sides[0] if len(sides) == 1 else (sides[1], sides[0])


def parse_name(text: str) -> str:
    """Reads the name of a style, which may become that of a file."""
    if not text.strip() or len(text) > LONGEST_NAME or not text.isprintable() or set(text) & set("/\\"):
        raise argparse.ArgumentTypeError(
            f"expected 1 to {LONGEST_NAME} letters without slashes, got {text[:LONGEST_NAME]!r}"
        )
    return text


def fit_size(asked: int | tuple[int, int] | None, size: tuple[int, int], name: Path) -> tuple[int, int]:
    """The size `(height, width)` to write a picture of `size` at.

    Raises:
        UsageError: the picture would have to be cropped or stretched by more than the pixel that rounding takes.
    """
    from neural_painter.images import fit_long_side

    if asked is None:
        return size
    if isinstance(asked, int):
        return fit_long_side(*size, asked)
    fitting = fit_long_side(*size, max(asked))
    if max(abs(a - b) for a, b in zip(asked, fitting, strict=True)) > 1:
        height, width = size
        raise UsageError(
            f"--size: {asked[1]}x{asked[0]} does not have the shape of {name} ({width}x{height})",
            hint=f"--size {fitting[1]}x{fitting[0]} does, or give the long side only: --size {max(asked)}",
        )
    return asked


def _device(text: str) -> str:
    if text not in DEVICES:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(DEVICES)}, got {text}")
    return text


def _megapixels(text: str) -> int:
    found = _whole(text)
    if not 1 <= found <= MOST_PIXELS_EVER:
        raise argparse.ArgumentTypeError(f"expected 1 to {MOST_PIXELS_EVER}, got {found}")
    return found


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None


def _colour(text: str) -> Colour:
    from neural_painter.images import parse_colour

    try:
        return parse_colour(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(f"{error}. {error.hint}") from None


def _canvas(text: str) -> Canvas:
    return () if text == "own" else _colour(text)


def _direction(text: str) -> Direction:
    try:
        azimuth, elevation = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected two angles such as 315,50, got {text!r}") from None
    return azimuth % 360.0, elevation


def _hexadecimal(colour: Canvas) -> str:
    return "own" if not colour else "#" + "".join(f"{round(255 * channel):02x}" for channel in colour)


def _angles(direction: Direction) -> str:
    return ",".join(f"{angle:g}" for angle in direction)


_TYPES: dict[Any, Any] = {str: str, int: _whole, float: _number, Canvas: _canvas, Direction: _direction}
_SHOWN: dict[Any, Any] = {Canvas: _hexadecimal, Direction: _angles}
