"""VGG-19 features: the network, its weights from a file, and torchvision's, which are downloaded once.

Source: Simonyan and Zisserman 2015.
"""

from neural_painter.features.download import cache_folder, vgg19_file
from neural_painter.features.loading import load_features
from neural_painter.features.network import KEYS, LAYERS, Features, FeaturesError

__all__ = ["KEYS", "LAYERS", "Features", "FeaturesError", "cache_folder", "load_features", "vgg19_file"]
