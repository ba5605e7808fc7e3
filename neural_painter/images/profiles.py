"""Colour profiles: from what a picture's numbers mean to sRGB, in bands."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

Say = Callable[[str], None]
Convert = Callable[[Image.Image], Image.Image]


def to_srgb(mode: str, profile: bytes | None, say: Say) -> Convert | None:
    """How images of a mode are converted by their ICC profile.

    Args:
        mode: `L`, `RGB`, `CMYK` or `LAB`.
        profile: as it is in the file, or None.
        say: is told of what is converted, guessed or ignored.

    Returns:
        A function to an image of mode RGB, for a picture or any part of it; None where nothing need be converted.
    """
    if mode == "LAB":
        return _applied(_transform(ImageCms.createProfile("LAB"), "LAB"), "LAB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            space = source.profile.xcolor_space.strip()
            taken = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(space)
            grey = mode == "L" and taken == "RGB"  # common, and meant
            if taken is None or (taken != mode and not grey):
                say(f"its colour profile is for {space}, not {mode}: ignored")
            else:
                convert = _applied(_transform(source, taken), taken)
                if mode != "CMYK" and _changes_nothing(convert, taken):
                    return None
                say(f"colour profile {ImageCms.getProfileDescription(source).strip()!r} converted to sRGB")
                return (lambda image: convert(image.convert("RGB"))) if grey else convert
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            say("its colour profile is broken: ignored")
    if mode != "CMYK":
        return None
    say("CMYK without a usable colour profile: colours are approximate")
    return lambda image: image.convert("RGB")


def _transform(source: ImageCms.ImageCmsProfile | ImageCms.core.CmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode == "L":  # optimised tables are off by up to 10/255 in dark greys; 256 values need none
        flags |= ImageCms.Flags.NOOPTIMIZE
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", intent, flags)


def _applied(transform: ImageCms.ImageCmsTransform, mode: str) -> Convert:
    if mode == "L":
        ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
        table = np.asarray(ImageCms.applyTransform(ramp, transform))[0]
        return lambda image: Image.fromarray(table[np.asarray(image)])
    return lambda image: ImageCms.applyTransform(image, transform) or image  # None only when it works in place


def _changes_nothing(convert: Convert, mode: str) -> bool:
    """Whether no colour of L or RGB moves by more than 1/255, as with other makers' sRGB profiles."""
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    probe = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    image = Image.fromarray(probe if mode == "RGB" else probe[..., 0].copy())
    before = np.asarray(image.convert("RGB")).astype(int)
    return bool(np.abs(np.asarray(convert(image)) - before).max() <= 1)
