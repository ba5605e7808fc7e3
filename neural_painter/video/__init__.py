"""Films: read, changed and written frame by frame, with their sound. Memory does not grow with their length."""

from neural_painter.video.encoding import TARGETS, check_target
from neural_painter.video.opening import is_video
from neural_painter.video.reading import Film, probe, read_frames
from neural_painter.video.writing import Written, transform_video

__all__ = [
    "TARGETS",
    "Film",
    "Written",
    "check_target",
    "is_video",
    "probe",
    "read_frames",
    "transform_video",
]
