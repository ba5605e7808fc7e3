"""A painting coming into being, stroke by stroke: MP4, GIF and animated WebP.

Every frame paints only its own new strokes over the frame before, and goes to the encoder at once: memory does not grow
with the number of frames.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import BinaryIO

import imageio_ffmpeg
import numpy as np
from PIL import GifImagePlugin, Image

from neural_painter.errors import OutputError, UsageError
from neural_painter.export import raster
from neural_painter.files import check_output, written_whole
from neural_painter.images import to_uint8
from neural_painter.strokes import StrokeDocument

Array = np.ndarray

MAX_SECONDS = 3600.0
MAX_FPS = {".mp4": 120.0, ".gif": 50.0, ".webp": 120.0}
"""A GIF counts in hundredths of a second, and browsers slow down what is shorter than two of them."""

ENCODERS = {
    # BT.709 said aloud, or players guess the colours from the size; exact arithmetic, or greys come out tinted; the
    # index first, so that browsers start at once.
    ".mp4": """-vf scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int+full_chroma_inp
        -c:v libx264 -preset medium -crf 18 -pix_fmt yuv420p -color_range tv
        -colorspace bt709 -color_primaries bt709 -color_trc bt709 -movflags +faststart -f mp4""",
    ".webp": "-c:v libwebp_anim -lossless 0 -quality 90 -compression_level 4 -loop 0 -f webp",
}


def write_animation(
    path: Path | str,
    document: StrokeDocument,
    size: tuple[int, int],
    *,
    duration: float = 10.0,
    fps: float = 30.0,
    hold: float = 2.0,
    overwrite: bool = True,
) -> None:
    """Writes an animation of the strokes in painting order, spread evenly over time, then held.

    Args:
        path: ends in .mp4, .gif or .webp. MP4 is H.264, 4:2:0, of even width and height: where `size` is odd, the last
            row or column is repeated. GIF and WebP repeat for ever.
        document: what to paint.
        size: (height, width) in pixels.
        duration: seconds of painting, up to an hour. The first frame shows the first strokes, the last frame all.
        fps: frames a second, up to 120; 50 in a GIF.
        hold: seconds for which the finished painting stays, 0 to an hour.
        overwrite: whether a file that exists may be replaced.

    Raises:
        UsageError: another extension, or a number out of its range.
        OutputError: the file exists and `overwrite` is false, cannot be written, or the encoder failed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    check_timing(path, duration=duration, fps=fps, hold=hold)
    check_output(path, overwrite=overwrite)
    frames = max(1, round(duration * fps))
    held = round(hold * fps)
    with written_whole(path, overwrite=overwrite) as temporary:
        if suffix == ".gif":
            with temporary.open("wb") as file:
                _write_gif(file, _pictures(document, size, frames), size, fps, held)
        else:
            _write_film(temporary, suffix, path, _pictures(document, size, frames), size, fps, held)


def check_timing(path: Path, *, duration: float = 10.0, fps: float = 30.0, hold: float = 2.0) -> None:
    """Raises UsageError where `write_animation` would, before anything is painted: another extension, or a number."""
    suffix = path.suffix.lower()
    if suffix not in MAX_FPS:
        raise UsageError(f"{path}: not the name of an animation, expected {', '.join(MAX_FPS)}")
    _check_number("duration", duration, MAX_SECONDS, "seconds")
    _check_number("hold", hold, MAX_SECONDS, "seconds", zero=True)
    _check_number("fps", fps, MAX_FPS[suffix], f"frames a second in {suffix}")


def _check_number(name: str, value: float, most: float, unit: str, *, zero: bool = False) -> None:
    if not isfinite(value) or not 0 <= value <= most or (value == 0 and not zero):
        raise UsageError(f"{name} is {value:g}, expected {'0' if zero else 'more than 0'} to {most:g} {unit}")


def _pictures(document: StrokeDocument, size: tuple[int, int], frames: int) -> Iterator[Array]:
    """`frames` pictures, uint8 [H, W, 3]; the very same array again where no stroke was due."""
    count = len(document.strokes)
    canvas = raster.render(document, size, start=0, stop=0)
    picture = to_uint8(canvas)
    done = 0
    for frame in range(1, frames + 1):
        due = count * frame // frames
        if due > done:
            canvas = raster.render(document, size, start=done, stop=due, canvas=canvas)
            picture = to_uint8(canvas)
            done = due
        yield picture


def _write_film(
    temporary: Path, suffix: str, path: Path, pictures: Iterable[Array], size: tuple[int, int], fps: float, held: int
) -> None:
    """Streams frames through ffmpeg into `temporary`; messages name `path`."""
    height, width = size
    pad = ((0, height % 2), (0, width % 2), (0, 0)) if suffix == ".mp4" else ((0, 0), (0, 0), (0, 0))
    shown = f"{width + pad[1][1]}x{height + pad[0][1]}"
    try:
        ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise OutputError(f"{path}: no ffmpeg found", hint="Install imageio-ffmpeg, or write .gif.") from error
    command = [ffmpeg, "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", shown, "-r", f"{fps:.6f}"]
    command += ["-i", "-", "-an", *ENCODERS[suffix].split(), str(temporary)]
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=messages)
        assert process.stdin is not None
        try:
            with suppress(BrokenPipeError):  # ffmpeg has given up; its exit status and last words tell why
                for picture in _with_hold(pictures, held):
                    process.stdin.write(np.pad(picture, pad, mode="edge").tobytes())
                process.stdin.close()
            status = process.wait()
        finally:
            process.kill()  # does nothing where it has ended
            process.wait()
            with suppress(OSError):
                process.stdin.close()
        if status != 0:
            messages.seek(0)
            said = messages.read(10_000).decode(errors="replace").strip() or f"exit status {status}"
            first = re.sub(r"^\[[^]]*\] *", "", said.splitlines()[0]).replace(str(temporary), str(path))
            raise OutputError(f"{path}: ffmpeg failed ({first})")


def _with_hold(pictures: Iterable[Array], held: int) -> Iterator[Array]:
    for picture in pictures:
        yield picture
    for _ in range(held):
        yield picture


def _write_gif(file: BinaryIO, pictures: Iterable[Array], size: tuple[int, int], fps: float, held: int) -> None:
    """Writes a GIF frame by frame: each holds the pixels that have changed, with a palette of its own for them.

    So the finished picture has many more than 256 colours, still parts do not shimmer, and nothing is held back.
    """
    height, width = size
    if max(size) > 65535:
        raise UsageError(f"a GIF is at most 65535 pixels wide and high, got {width}x{height}")
    file.write(b"GIF89a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"\x70\0\0")
    file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")
    waiting: tuple[Image.Image, tuple[int, int]] | None = None
    shown: Array | None = None
    since = 0
    number = 0
    for number, picture in enumerate(pictures):
        if picture is shown:
            continue
        change = _change(picture, shown)
        shown = picture
        if change is None:
            continue
        if waiting:
            _write_gif_frame(file, *waiting, round(100 * number / fps) - since)
            since = round(100 * number / fps)
        waiting = change
    assert waiting is not None
    _write_gif_frame(file, *waiting, round(100 * (number + 1 + held) / fps) - since)
    file.write(b";")


def _change(picture: Array, shown: Array | None) -> tuple[Image.Image, tuple[int, int]] | None:
    """The smallest rectangle that holds all changed pixels, the others transparent, and its left top corner."""
    changed = np.ones(picture.shape[:2], bool) if shown is None else (picture != shown).any(axis=2)
    if not changed.any():
        return None
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inside = changed[box]
    strip = Image.fromarray(np.ascontiguousarray(picture[box][inside])[None])
    strip = strip.quantize(255, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    index = np.full(inside.shape, 255, np.uint8)
    index[inside] = np.asarray(strip)[0]
    image = Image.fromarray(index, "L")
    palette = (strip.getpalette() or [])[: 255 * 3]
    image.putpalette(palette + [0] * (768 - len(palette)))
    return image, (int(columns[0]), int(rows[0]))


def _write_gif_frame(file: BinaryIO, image: Image.Image, corner: tuple[int, int], hundredths: int) -> None:
    while True:
        time = min(hundredths, 65535)
        # Pillow cuts milliseconds down to hundredths; the 5 guards against a float just below.
        how = {"duration": 10 * time + 5, "transparency": 255, "disposal": 1, "include_color_table": True}
        file.writelines(GifImagePlugin.getdata(image, corner, **how))
        hundredths -= time
        if hundredths == 0:
            return
        image, corner = Image.new("P", (1, 1), 255), (0, 0)  # a longer wait: one more frame, of nothing
        image.putpalette([0] * 768)
