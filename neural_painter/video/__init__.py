"""Films: read, changed and written frame by frame, with their sound. Memory does not grow with their length."""

from neural_painter.video.reading import EXTENSIONS, Film, is_video, probe, read_frames
from neural_painter.video.writing import TARGETS, Written, check_target, transform_video

__all__ = [
    "EXTENSIONS",
    "TARGETS",
    "Film",
    "Written",
    "check_target",
    "is_video",
    "probe",
    "read_frames",
    "transform_video",
]
