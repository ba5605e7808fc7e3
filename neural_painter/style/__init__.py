"""Artistic style of pictures by optimisation."""
