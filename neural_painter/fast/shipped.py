"""The styles that come with the project: which there are, and after what."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True)
class Shipped:
    """A style of the project.

    Attributes:
        name: by which it is asked for; that of its file.
        after: the picture that it was trained on, in the public domain.
    """

    name: str
    after: str

    @property
    def path(self) -> Path:
        return Path(str(files("neural_painter.fast"))) / "styles" / f"{self.name}.safetensors"


STYLES = (
    Shipped("starry-night", "Vincent van Gogh, The Starry Night, 1889 (a part)"),
    Shipped("great-wave", "Katsushika Hokusai, The Great Wave off Kanagawa, 1831"),
    Shipped("composition-vii", "Wassily Kandinsky, Composition VII, 1913"),
    Shipped("shipwreck", "J. M. W. Turner, The Shipwreck of the Minotaur, about 1810"),
)
"""The first is taken where none is asked for."""


def shipped() -> Path:
    """The model of the style that is taken where none is asked for."""
    return STYLES[0].path


def model_file(asked: Path) -> Path:
    """The file of a model: that of a style of the project where it is called so and no such file is there."""
    for style in STYLES:
        if str(asked) == style.name and not asked.exists():
            return style.path
    return asked


def listed() -> str:
    """The styles, one a line: name, and after what."""
    width = max(len(style.name) for style in STYLES)
    return "\n".join(f"{style.name:{width}}  after {style.after}" for style in STYLES)
