"""What a file is in words, and which command takes it: for the error where it was given in place of something else."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from neural_painter.files import HEAD, LFS, kind_of

STROKES = b"neural-painter strokes"
FAST_STYLE = b"neural-painter fast style"
RENDERER = b"neural_painter renderer"
"""What stroke documents, models of fast styles and renderers write into their headers."""

MODEL, UNFINISHED = "a model of a style", "unfinished work"

_PICTURES = ("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "AVIF")
_PICKLE = re.compile(rb"\x80[\x01-\x05]")
_TORCH7 = re.compile(rb"[\x01-\x08]\0\0\0")
_ONNX = re.compile(rb"\x08[\x03-\x1f][\x10-\x7a]")
"""The version of the format, which is all that ONNX files begin with; then the next field."""


@dataclass(frozen=True)
class Kind:
    """What a file is.

    Attributes:
        what: with its article, such as `a picture (JPEG)`; as it stands after `is`.
        hint: which command takes it; None where none does.
    """

    what: str
    hint: str | None = None


def is_pickle(head: bytes) -> bool:
    """Whether a file that begins like this is a pickle, in a ZIP archive or by itself."""
    return _PICKLE.match(head) is not None or (head.startswith(b"PK\x03\x04") and b"data.pkl" in head[:1024])


def begins_like_onnx(head: bytes) -> bool:
    """Whether a file begins like ONNX, which has no mark of its own."""
    return _ONNX.match(head) is not None


def recognised(head: bytes, path: Path) -> Kind | None:
    """What a file is; None where that cannot be told.

    Args:
        head: its first bytes, `HEAD` or more of them.
        path: the file, for the hint.
    """
    head = head[: 2 * HEAD]
    kind = kind_of(head[:HEAD])
    if kind in _PICTURES or kind.startswith("image/"):
        return Kind(
            f"a picture ({kind.removeprefix('image/')})",
            f"For its manner: `paint.py style PHOTO {path}`; a model of it: `paint.py train-fast {path} --photos "
            "FOLDER`. Several photos go in a folder.",
        )
    if kind.startswith("video/"):
        return Kind(f"a film ({kind.removeprefix('video/')})", f"`paint.py fast {path} [MODEL]` restyles a film.")
    if _is_document(head, kind):
        return Kind(
            "a stroke document",
            f"`paint.py render {path}` paints it again, `paint.py restyle {path} --style PICTURE` in another style.",
        )
    if kind == "safetensors" or head[8:10] == b"{}":
        return _of_tensors(head, path)
    if head.startswith(b"neural_painter unfinished "):
        return _KEPT
    if is_pickle(head):
        return Kind("a pickle", "It may run any program, and is not read; have its tensors saved as safetensors.")
    if begins_like_onnx(head):
        return Kind("a model in ONNX", f"`paint.py fast PHOTO {path}` runs a style.")
    if _TORCH7.match(head):
        return Kind("a file of Torch7", f"`paint.py fast PHOTO {path}` runs a style.")
    if kind == LFS:
        return Kind(LFS)
    return None if kind == "unknown data" else Kind(_WORDS.get(kind, f"of the kind {kind}"))


_KEPT = Kind(UNFINISHED, "The command that made it takes it with --resume.")

_WORDS = {
    "text/html": "a web page (HTML)",
    "text/plain": "a text",
    "text/xml": "a text (XML)",
    "application/zip": "a ZIP archive",
    "application/gzip": "a gzip archive",
    "application/pdf": "a PDF",
    "application/postscript": "a PostScript file",
    "ogg": "sound or a film (Ogg)",
}


def _is_document(head: bytes, kind: str) -> bool:
    if kind == "application/gzip":
        try:
            head = zlib.decompressobj(31).decompress(head, HEAD)
        except zlib.error:
            return False
    if kind == "application/zip":  # the name of the first member
        return head[30:].startswith(b"header.npy")
    return head.lstrip().startswith(b"{") and STROKES in head


def _of_tensors(head: bytes, path: Path) -> Kind:
    """What a safetensors file holds; its header begins with notes, then come names of tensors."""
    if FAST_STYLE in head:
        return Kind(MODEL, f"`paint.py fast PHOTO {path}` runs it.")
    if RENDERER in head:
        return Kind("a renderer of a brush", "It lies beside its card in renderers/weights; no command takes it.")
    if b'"format":"neural_painter ' in head:
        return _KEPT
    if b'"fast":"{' in head:
        return Kind("a checkpoint of train-fast", f"`paint.py train-fast ... --checkpoint {path} --resume` goes on.")
    if b'"brush":"' in head and b'"step":"' in head:
        return Kind("a checkpoint of train_renderer.py", "`python train_renderer.py ... --resume` goes on.")
    if re.search(rb'"features\.\d+\.(weight|bias)"', head):
        return Kind("a network of features", f"`--features {path}` takes it.")
    if b'"Variable' in head or b"conv1.conv2d." in head:
        return Kind(MODEL, f"`paint.py fast PHOTO {path}` runs it, `paint.py convert {path}` makes it ours.")
    return Kind("a file of tensors (safetensors)")
