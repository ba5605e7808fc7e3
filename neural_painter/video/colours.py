"""Converts frames between the colours that films are stored in and sRGB."""

from __future__ import annotations

from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries

from neural_painter.video.hdr import CURVES, fitted_into_srgb

# Without the last three, colours lose precision: a smooth picture that goes to 4:2:0 and back has 35 dB instead of 50.
_FLAGS = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"

_WIDE = {ColorPrimaries.BT2020, ColorPrimaries.SMPTE431, ColorPrimaries.SMPTE432}
_CENTRED = {"mjpeg", "mpeg1video"}
_BT709, _UNTOLD, _BT601, _BT2020 = 1, 2, 6, 9  # AVColorSpace; 2 is that of the curve and the primaries, too


class Converter:
    """Converts frames by swscale, prepared anew where a frame is of another kind than the one before."""

    def __init__(self) -> None:
        self._graph = Graph()
        self._kind: tuple[object, ...] = ()

    def to_rgb(self, frame: VideoFrame, codec: str) -> tuple[VideoFrame, str]:
        """A frame of a codec as "rgb24" in sRGB, and what was converted beyond its encoding: "", "wide" or "HDR".

        As players do, BT.709's curve is taken for sRGB's, and colours that are not told for those of the size. The
        light of HDR is fitted into the range of sRGB. The first frame of wide colours takes seconds.
        """
        options = {"in_chroma_loc": "center" if codec in _CENTRED else "left"}  # swscale would take center for all
        curve, primaries = frame.color_trc, frame.color_primaries
        kind = "HDR" if curve in CURVES else "wide" if primaries in _WIDE else ""
        if kind == "HDR":  # swscale would show it dull, as if no screen were brighter than any
            frame.color_trc = frame.color_primaries = _UNTOLD
            if frame.colorspace == _UNTOLD and not frame.format.is_rgb:
                frame.colorspace = _BT2020
            coded = self._convert(frame, frame.width, frame.height, "rgb48le", options).to_ndarray()
            made = fitted_into_srgb(coded, curve, p3=primaries in (_WIDE - {ColorPrimaries.BT2020}))
            return VideoFrame.from_ndarray(made, format="rgb24"), kind
        if kind:
            options |= {"out_primaries": "bt709", "out_transfer": "bt709", "intent": "perceptual"}
        else:
            frame.color_trc = frame.color_primaries = _UNTOLD  # some values that change nothing are refused
        return self._convert(frame, frame.width, frame.height, "rgb24", options), kind

    def to_yuv(self, frame: VideoFrame, width: int, height: int, form: str) -> VideoFrame:
        """An "rgb24" frame as BT.709 of limited range, scaled; chroma lies on the left, where players expect it."""
        options = {"out_color_matrix": "bt709", "out_range": "limited", "out_chroma_loc": "left"}
        return self._convert(frame, width, height, form, options)

    def _convert(self, frame: VideoFrame, width: int, height: int, form: str, options: dict[str, str]) -> VideoFrame:
        matrix = frame.colorspace
        if matrix == _UNTOLD and not frame.format.is_rgb:
            matrix = _BT709 if frame.width >= 1280 or frame.height > 576 else _BT601
        told = {"colorspace": str(matrix), "range": str(frame.color_range)}
        kind = (frame.width, frame.height, frame.format.name, width, height, form, *told.items(), *options.items())
        if kind != self._kind:
            graph, size = Graph(), f"{frame.width}x{frame.height}"
            graph.link_nodes(
                graph.add("buffer", video_size=size, pix_fmt=frame.format.name, time_base="1/1", **told),
                graph.add("scale", w=str(width), h=str(height), flags=_FLAGS, **options),
                graph.add("format", pix_fmts=form),
                graph.add("buffersink"),
            ).configure()
            self._graph, self._kind = graph, kind
        frame.colorspace = matrix
        self._graph.vpush(frame)
        return self._graph.vpull()
