from tests.neural_painter.photo.conftest import features, one_thread

__all__ = ["features", "one_thread"]
