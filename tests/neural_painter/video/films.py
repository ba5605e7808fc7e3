"""Films for tests, made here, small and short; and what is looked at in those that were written."""

import os
from contextlib import contextmanager
from fractions import Fraction

import av
import numpy as np
import pytest

from neural_painter.video.opening import opened
from neural_painter.video.reading import Reader

TICKS = Fraction(1, 1000)
EVEN = [40 * k for k in range(12)]  # 25 frames a second, in ticks
UNEVEN = [0, 40, 50, 120, 121, 300, 333, 400, 480, 481, 500, 700]


def pictures(count=12, size=(24, 32)):
    """Smooth waves that move; `[count, H, W, 3]` uint8."""
    y, x = np.mgrid[: size[0], : size[1]] / max(size)
    k = np.arange(count)[:, None, None]
    waves = [np.sin(4 * x + 0.3 * k), np.sin(3 * y - 0.2 * k), np.sin(2 * x + 2 * y + 0.1 * k)]
    return np.round(127.5 + 80 * np.stack(waves, -1)).astype(np.uint8)


def psnr(found, expected):
    return 10 * np.log10(255**2 / np.mean((np.asarray(found, float) - np.asarray(expected, float)) ** 2))


def yuv(picture, matrix="bt709", *, full=False, form="yuv420p"):
    """A frame by the definition; of 4:2:0, each chroma sample lies between two rows and on the left column."""
    red, blue, told = {"bt709": (0.2126, 0.0722, 1), "bt601": (0.299, 0.114, 6)}[matrix]
    r, g, b = np.moveaxis(picture / 255, -1, 0)
    y = red * r + (1 - red - blue) * g + blue * b
    planes = [y * 255 if full else 16 + 219 * y]
    for chroma in ((b - y) / (2 - 2 * blue), (r - y) / (2 - 2 * red)):
        if form == "yuv420p":
            rows = np.pad((chroma[::2] + chroma[1::2]) / 2, ((0, 0), (1, 1)), mode="edge")
            chroma = ((rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4)[:, ::2]
        planes.append(128 + (255 if full else 224) * chroma)
    samples = np.concatenate([np.round(plane).ravel() for plane in planes]).astype(np.uint8)
    shape = (-1, picture.shape[1]) if form == "yuv420p" else (3, *picture.shape[:2])
    frame = av.VideoFrame.from_ndarray(samples.reshape(shape), format=form)
    frame.colorspace, frame.color_range = told, 2 if full else 1
    return frame


def add_sound(film, codec, seconds, *, rate=48_000, layout="stereo", begin=0.0, language=None):
    """Adds a tone of 440 Hz with a click in the middle; writes it when the function that is returned is called."""
    stream = film.add_stream(codec, rate=rate, layout=layout)
    if language:
        stream.metadata["language"] = language
    samples = 0.2 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    samples[len(samples) // 2 :][:48] = 0.9
    frame = av.AudioFrame.from_ndarray(
        np.tile(samples.astype(np.float32), (stream.channels, 1)), format="fltp", layout=layout
    )
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), round(begin * rate)

    def write():
        film.mux(stream.encode(frame))
        film.mux(stream.encode(None))

    return write


def make(
    path,
    *,
    frames=None,
    times=EVEN,
    codec="libx264",
    form="yuv420p",
    sound=None,
    seconds=0.48,
    rate=48_000,
    begin=0,
    turn=None,
    aspect=None,
    options=None,
    container=None,
    sounds=(),
    title=None,
):
    """Writes a film of `frames` at `times` (ticks, from `begin` on), with a tone where `sound` names its codec."""
    frames = pictures(len(times)) if frames is None else frames
    with av.open(path, "w", container_options=container or {}) as film:
        if title:
            film.metadata["title"] = title
        stream = film.add_stream(codec, rate=25, options={"crf": "10"} if options is None else options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = form
        stream.codec_context.time_base = Fraction(1, 25) if path.suffix == ".avi" else TICKS
        stream.codec_context.colorspace, stream.codec_context.color_range = (1, 1) if "yuv" in form else (0, 2)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if turn:
            stream.set_display_rotation(*turn)
        wanted = [{"codec": sound}] if sound else list(sounds)
        writers = [add_sound(film, **{"seconds": seconds, "rate": rate, "begin": begin / 1000} | w) for w in wanted]
        for picture, ticks in zip(frames, times, strict=True):
            frame = yuv(picture, form=form) if "yuv" in form else av.VideoFrame.from_ndarray(picture, format=form)
            frame.pts, frame.time_base = begin + ticks, TICKS
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
        for write in writers:
            write()
    return path


def times_of(path):
    """When frames are shown, in seconds, and for how long the last one is."""
    with opened(path) as container:
        reader = Reader(container, path, pytest.fail)
        moments = list(reader.frames())
        return [m.start * reader.time_base for m in moments], moments[-1].duration * reader.time_base


def packets_of(path, number=0):
    with av.open(path) as film:
        return [bytes(packet) for packet in film.demux(film.streams.audio[number]) if packet.size]


def samples_of(path, number=0):
    """One channel of the sound, as `[N]` floats at 48 kHz, from time 0 on."""
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=48_000)
    with av.open(path) as film:
        frames = [out for frame in film.decode(film.streams.audio[number]) for out in resampler.resample(frame)]
    start = round(frames[0].pts * frames[0].time_base * 48_000)
    return np.concatenate([np.zeros(max(0, start)), *(frame.to_ndarray()[0] for frame in frames)])


def click_of(path, number=0):
    """When the click is heard, in seconds."""
    return np.abs(samples_of(path, number)).argmax() / 48_000


def context_of(path):
    with av.open(path) as film:
        context = film.streams.video[0].codec_context
        return {name: getattr(context, name) for name in ("name", "pix_fmt", "width", "height", "colorspace")} | {
            "range": context.color_range,
            "curve": context.color_trc,
            "primaries": context.color_primaries,
        }


@contextmanager
def on_cores(count):
    """What begins inside, threads as well, has so many cores at most."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("cores cannot be chosen here")
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_of_them)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


def same(picture):
    return picture
