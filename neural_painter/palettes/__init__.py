"""Palettes: a few named paints, from files, well-known sets or a photo. Nothing here knows strokes."""
