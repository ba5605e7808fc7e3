"""Opens and writes pictures: the only place that does. What comes in leaves as sRGB floats, upright, over a canvas."""

from neural_painter.images.folders import EXTENSIONS as EXTENSIONS
from neural_painter.images.folders import Listing as Listing
from neural_painter.images.folders import find_pictures as find_pictures
from neural_painter.images.folders import list_pictures as list_pictures
from neural_painter.images.metadata import Metadata as Metadata
from neural_painter.images.metadata import made_by as made_by
from neural_painter.images.pixels import LUMA as LUMA
from neural_painter.images.pixels import Array as Array
from neural_painter.images.pixels import checked_picture as checked_picture
from neural_painter.images.pixels import fit_long_side as fit_long_side
from neural_painter.images.pixels import in_greys as in_greys
from neural_painter.images.pixels import parse_colour as parse_colour
from neural_painter.images.pixels import pyramid as pyramid
from neural_painter.images.pixels import resize as resize
from neural_painter.images.pixels import to_uint8 as to_uint8
from neural_painter.images.reading import MOST_BYTES as MOST_BYTES
from neural_painter.images.reading import MOST_PIXELS as MOST_PIXELS
from neural_painter.images.reading import SUPPORTED as SUPPORTED
from neural_painter.images.reading import Picture as Picture
from neural_painter.images.reading import read_image as read_image
from neural_painter.images.reading import read_picture as read_picture
from neural_painter.images.writing import write_heights as write_heights
from neural_painter.images.writing import write_image as write_image
