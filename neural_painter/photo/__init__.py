"""Photorealistic style transfer: the look of one photo on another, that stays a photo.

Source: Luan et al. 2017, Deep Photo Style Transfer; what departs from it is noted at the line.
"""
