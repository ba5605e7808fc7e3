"""How steady a painted film is: errors of pictures carried along, flow, and what changes where the source does not."""

import cv2
import numpy as np

STILL = 6
"""Greatest change of 255 around a pixel of the source up to which it stands still."""


def psnr(frame, painted):
    """In dB, of two frames `[H, W, 3]` uint8."""
    return round(float(-10 * np.log10(max(1e-9, np.square(frame / 255.0 - painted / 255.0).mean()))), 3)


def worst(frame, painted, side=16):
    """The greatest mean difference of 255 in a square of so many pixels, as holes and smears have it."""
    apart = np.abs(frame.astype(np.float32) - painted).mean(axis=2)
    return round(float(cv2.blur(apart, (side, side)).max()), 1)


def measured(source, result):
    """Means over a film of two lists of frames `[H, W, 3]` uint8, of one size.

    psnr; warp: 1e4 times the squared difference between a frame and the one before, carried along by the
    source's flow where it agrees both ways; warp_source: the source's own; tof: mean distance in pixels of the flows of
    source and result; still_changed, still_mean: per cent of the pixels that change where the source stands still, and
    by how much of 255.
    """
    found = {"psnr": [], "warp": [], "warp_source": [], "tof": [], "still_changed": [], "still_mean": []}
    for number, (frame, painted) in enumerate(zip(source, result, strict=True)):
        found["psnr"].append(psnr(frame, painted))
        if not number:
            continue
        before, painted_before = source[number - 1], result[number - 1]
        back, agreed = _flow(frame, before)
        for name, new, old in (("warp", painted, painted_before), ("warp_source", frame, before)):
            apart = np.square(new / np.float32(255) - _carried(old / np.float32(255), back)).mean(axis=2)
            found[name].append(1e4 * apart[agreed].mean() if agreed.any() else np.nan)
        apart = _coarse_flow(before, frame) - _coarse_flow(painted_before, painted)
        found["tof"].append(np.linalg.norm(apart, axis=2).mean())
        moved = np.abs(frame.astype(int) - before).max(axis=2).astype(np.uint8)
        still = cv2.dilate(moved, np.ones((5, 5), np.uint8)) <= STILL
        if still.mean() > 0.002:
            change = np.abs(painted.astype(int) - painted_before).max(axis=2)[still]
            found["still_changed"].append(100 * (change > 0).mean())
            found["still_mean"].append(change.mean())
    return {name: round(float(np.nanmean(values)), 3) if values else None for name, values in found.items()}


def _grey(frame):
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


def _carried(picture, flow):
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    at = x + flow[..., 0], y + flow[..., 1]
    return cv2.remap(picture, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _flow(frame, before):
    """Flow back, and where it agrees with that forth (Sundaram et al. 2010)."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)
    search.setGradientDescentIterations(50)
    search.setVariationalRefinementIterations(10)
    back, forth = (search.calc(_grey(one), _grey(two), None).copy() for one, two in ((frame, before), (before, frame)))
    returned, (height, width) = _carried(forth, back), back.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    there_x, there_y = x + back[..., 0], y + back[..., 1]
    inside = (there_x >= 0) & (there_x <= width - 1) & (there_y >= 0) & (there_y <= height - 1)
    allowed = 0.01 * (np.square(back).sum(axis=2) + np.square(returned).sum(axis=2)) + 0.5
    return back, inside & (np.square(back + returned).sum(axis=2) < allowed)


def _coarse_flow(before, after):
    return cv2.calcOpticalFlowFarneback(_grey(before), _grey(after), None, 0.5, 3, 15, 3, 5, 1.2, 0)
