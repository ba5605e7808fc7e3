"""A film's sound as a file of its own, packet by packet, so that it can be kept and taken up again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from neural_painter.video.encoding import container_options
from neural_painter.video.opening import opened
from neural_painter.video.origin import Sound
from neural_painter.video.reading import Say
from neural_painter.video.sound import Track, takes

CONTAINERS = ("mov", "mp4", "matroska")
"""The first one that takes all of it; the last counts in milliseconds, the others in samples."""


def keep_sound(sound: Sound, target: Path, until: Fraction | None, say: Say, *, metadata: bool = True) -> str:
    """Writes the sound of a film to a file, as it is stored; its times count from the film's beginning.

    Args:
        sound: where it is.
        target: the file.
        until: seconds at which the film ends; None: all of it.
        say: takes sentences on what was lost.
        metadata: whether titles come along, beside languages.

    Returns:
        The container; "" where nothing can be read of it, and nothing is written.
    """
    with opened(sound.path) as source:
        container = next((name for name in CONTAINERS if all(takes(name, s) for s in source.streams.audio)), "matroska")
    tags = ("language", "title") if metadata else ("language",)
    with av.open(target, "w", format=container, container_options=container_options(container)) as made:
        tracks = [
            Track(sound.path, number, made, encoder="aac", offset=sound.offset, say=say, tags=tags)
            for number in range(sound.streams)
        ]
        try:
            if all(track.how == "dropped" for track in tracks):
                return ""
            made.start_encoding()
            second = 1  # by turns, or what one of them writes would wait in memory for the others
            while any(track.goes_on for track in tracks) and (until is None or second < until):
                for track in tracks:
                    track.write_until(Fraction(second))
                second += 1
            for track in tracks:
                track.write_until(until)
                track.finish()
        finally:
            for track in tracks:
                track.close()
    return container
