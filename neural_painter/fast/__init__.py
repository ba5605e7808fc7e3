"""Styles in one pass: networks that restyle any picture, their files, and how they are trained."""
