"""Files of models that others published, and ONNX. Only `neural_painter.fast.model` imports these."""
