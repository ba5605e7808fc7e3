"""How restless a restyled film is, against the film that it was made from.

The warping error rewards blur: it is never read without the sharpness.
"""

from itertools import pairwise

import cv2
import numpy as np


def film_scores(source, result):
    """Means over the frames of a film.

    Args:
        source, result: lists of frames `[H, W, 3]` uint8, as many and as large.

    Returns:
        warp: mean square of the difference between a frame and the last one carried along by the source's motion, of
            colours of 0 to 1, where that can be told, times 10 000.
        sharpness: variance of the Laplacian of grey.
        still_changed: share of the pixels that change where the source stands still; None where nothing does.
    """
    warp, still = [], []
    for (before, after), (old, new) in zip(_pairs(source), _pairs(result), strict=True):
        back, forth = _flow(after, before), _flow(before, after)
        told = _leads_home(back, forth)
        difference = new.astype(np.float32) - _carried(old.astype(np.float32), back)
        warp.append(1e4 * (difference**2).mean(axis=2)[told].mean() / 255**2)
        change = np.abs(after.astype(int) - before).max(axis=2).astype(np.uint8)
        calm = cv2.dilate(change, np.ones((5, 5), np.uint8)) <= 6
        if calm.mean() > 0.002:
            still.append((new != old).any(axis=2)[calm].mean())
    sharpness = [cv2.Laplacian(_grey(frame), cv2.CV_32F).var() for frame in result]
    return {
        "warp": float(np.mean(warp)),
        "sharpness": float(np.mean(sharpness)),
        "still_changed": float(np.mean(still)) if still else None,
    }


def _pairs(frames):
    return list(pairwise(frames))


def _grey(frame):
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


def _flow(one, other):
    """A finer search than the one that films are made with, and of its own settings."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)
    search.setGradientDescentIterations(50)
    search.setVariationalRefinementIterations(10)
    return search.calc(_grey(one), _grey(other), None)


def _carried(picture, flow):
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _leads_home(back, forth):
    height, width = back.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    x, y = x + back[..., 0], y + back[..., 1]
    there = _carried(forth, back)
    missed = ((back + there) ** 2).sum(axis=2)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return inside & (missed < 0.01 * ((back**2).sum(axis=2) + (there**2).sum(axis=2)) + 0.5)
