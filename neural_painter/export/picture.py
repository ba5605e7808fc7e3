"""A painting as a picture."""

from pathlib import Path

from neural_painter.export.easel import is_plain
from neural_painter.export.rendering import render_bytes
from neural_painter.export.transparency import render_transparent
from neural_painter.export.wishes import Wishes
from neural_painter.images import write_image
from neural_painter.strokes import StrokeDocument


def export(path: Path, document: StrokeDocument, wishes: Wishes) -> None:
    """Writes PNG, JPEG, WebP or TIFF."""
    if wishes.transparent:
        made = render_transparent(document, wishes.size, finish=wishes.finish)
        colours, alpha = made[..., :3], made[..., 3]
        write_image(path, colours, alpha=alpha, overwrite=wishes.overwrite, metadata=wishes.metadata)
        return
    picture = wishes.picture
    if picture is None or not is_plain(document, wishes.finish):
        picture = render_bytes(document, wishes.size, wishes.journal, finish=wishes.finish)
    write_image(path, picture, overwrite=wishes.overwrite, metadata=wishes.metadata)
