"""Files of models that others published, and ONNX. Only `neural_painter.fast.model` imports these."""

from neural_painter.errors import UsageError, UserError


def check_onnx(what: str, error: type[UserError] = UsageError) -> None:
    """Raises an error of that kind where the package `onnx` is missing; `what` needs it, at the start of a sentence."""
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise error(
            f"{what} needs the package onnx, which is not installed", hint="pip install 'neural-painter[onnx]'"
        ) from None
