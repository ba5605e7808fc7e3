"""Artistic style: of strokes, of pictures by optimisation, of pictures in one pass."""
