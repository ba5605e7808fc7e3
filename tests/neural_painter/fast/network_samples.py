"""Small networks of every family with random weights, and what they should make of a picture, in float64.

The reference is written from the definitions, in loops over a kernel's pixels, and knows nothing of torch.
"""

import numpy as np
import torch

from neural_painter.fast.network import Architecture, Layer, TransformNetwork, johnson


def torch7_like(front=12):
    """Zeros, transposed convolutions, and a block that loses eight pixels of the picture on each side."""
    lossy = {"border": "none"}
    return Architecture(
        (
            Layer(4, 9, border="zeros"),
            Layer(5, stride=2, border="zeros"),
            Layer(9, stride=2, border="zeros"),
            Layer(9, **lossy),
            Layer(9, relu=False, adds=True, **lossy),
            Layer(5, stride=2, transposed=True, border="zeros"),
            Layer(4, stride=2, transposed=True, border="zeros"),
            Layer(3, 9, border="zeros", norm=False, relu=False),
        ),
        front=front,
        colors="caffe",
    )


def variables_like():
    """TensorFlow's zeros, and a norm on the last layer."""
    same = {"border": "same"}
    return Architecture(
        (
            Layer(4, 9, **same),
            Layer(5, stride=2, **same),
            Layer(9, stride=2, **same),
            Layer(9, **same),
            Layer(9, relu=False, adds=True, **same),
            Layer(5, stride=2, transposed=True, **same),
            Layer(4, stride=2, transposed=True, **same),
            Layer(3, 9, relu=False, **same),
        ),
        front=6,
        colors="raw",
        epsilon=1e-3,
    )


ARCHITECTURES = {
    "ours": johnson(4, 1),
    "ours, no blocks": johnson(9, 0),
    "torch7": torch7_like(),
    "torch7, no rest": torch7_like(front=8),
    "variables": variables_like(),
    "enlarged first": Architecture(
        (
            Layer(9, 5, enlarge=2, border="none"),
            Layer(4, 3, stride=2, norm=False),
            Layer(8, 1, border="none", norm=False),
            Layer(4, 5, border="zeros", adds=True),
            Layer(2, 3, enlarge=2, stride=2, border="same"),
            Layer(3, 7, border="same", norm=False),
        ),
        front=3,
    ),
    "adds the picture": Architecture(
        (
            Layer(8, 3, norm=False),
            Layer(3, 3, adds=True),
            Layer(9, 3, stride=2, border="same"),
            Layer(9, 5, border="zeros", transposed=True),
            Layer(3, 5, stride=2, border="same", transposed=True, norm=False),
            Layer(3, 5, border="none", relu=False),
        ),
        front=2,
        colors="caffe",
    ),
    "linear": Architecture(johnson(4, 1).layers, colors="raw", ending="linear"),
    "linear, centred": Architecture(
        (Layer(5, 3), Layer(3, 3, norm=False, relu=False)), colors="caffe", ending="linear"
    ),
    "one pixel": Architecture((Layer(3, 1, norm=False, relu=False),), colors="raw"),
}
"""Together they have all borders, norms and biases, even and odd strides, and few and many channels."""

LAST = 0.6
"""Deviation of what goes into the last tanh: it is neither full nor empty."""


def filled(architecture, seed=0):
    """A network with random weights, ready to run, that uses all of the range."""
    generator = torch.Generator().manual_seed(seed)
    network = TransformNetwork(architecture).eval().requires_grad_(False)
    end = LAST if architecture.ending == "tanh" else 100 * LAST
    random = lambda like: torch.randn(like.shape, generator=generator)  # noqa: E731
    for index, layer in enumerate(architecture.layers):
        part = network.part(index)
        last = index == len(architecture.layers) - 1
        inside = 1 if index else 90  # pictures reach 255
        part.weight.copy_(random(part.weight) / (inside * (part.weight[0].numel() / 2) ** 0.5))
        if layer.norm:
            part.scale.copy_((end if last else 1) * (1 + 0.3 * random(part.scale)))
            part.shift.copy_(0.3 * random(part.shift))
        else:
            part.weight.mul_(end if last else 1)
            part.bias.copy_((end / LAST if last else 1) * 0.3 * random(part.bias))
            if last and architecture.ending == "linear" and architecture.colors == "raw":
                part.bias.add_(127.5)
    return network


def noise(height, width, seed=0):
    """`[H, W, 3]` float32 in [0, 1]."""
    return np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)


def forward(network, picture):
    """The network's own pass, `[H, W, 3]`, in its own precision, not clipped."""
    weight = network.part(0).weight
    with torch.no_grad():
        return network(torch.from_numpy(picture).to(weight).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()


def reference(network, picture):
    """What the network should make of `[H, W, 3]`, not clipped."""
    architecture = network.architecture
    blue_first = architecture.colors == "caffe"
    middle = np.array([123.68, 116.779, 103.939] if blue_first else [127.5] * 3)
    x = np.float64(picture) * 255 - (0 if architecture.colors == "raw" else middle)
    x = np.pad(x[..., ::-1] if blue_first else x, [(architecture.front,) * 2] * 2 + [(0, 0)], mode="reflect")
    inputs = []
    for index, layer in enumerate(architecture.layers):
        inputs.append(x)
        numbers = {name: np.float64(value.detach()) for name, value in network.part(index).named_parameters()}
        x = (transposed if layer.transposed else convolution)(x, layer, numbers["weight"])
        if layer.norm:
            mean, deviation = x.mean((0, 1)), np.sqrt(x.var((0, 1)) + architecture.epsilon)
            x = (x - mean) / deviation * numbers["scale"] + numbers["shift"]
        else:
            x = x + numbers["bias"]
        if layer.relu:
            x = np.maximum(x, 0)
        if layer.adds:
            lost = (inputs[index - 1].shape[0] - x.shape[0]) // 2
            x = x + inputs[index - 1][lost : lost + x.shape[0], lost : lost + x.shape[1]]
    tanh = architecture.ending == "tanh"
    x = 150 * np.tanh(x) if tanh else x
    x = (x[..., ::-1] if blue_first else x) + (middle if tanh or architecture.colors != "raw" else 0)
    return x[architecture.offset :, architecture.offset :][: picture.shape[0], : picture.shape[1]] / 255


def convolution(x, layer, kernel):
    """`[H, W, C]` and `[out, C, k, k]` to `[h, w, out]`: enlarges, lays the border around it, and convolves."""
    x = x.repeat(layer.enlarge, 0).repeat(layer.enlarge, 1)
    side, half = layer.kernel, layer.kernel // 2
    around = [(half, half)] * 2
    if layer.border == "same":  # as many as there are steps that begin inside; an odd zero comes last
        steps = [-(-size // layer.stride) for size in x.shape[:2]]
        totals = [max(0, (n - 1) * layer.stride + side - size) for n, size in zip(steps, x.shape[:2], strict=True)]
        around = [(total // 2, total - total // 2) for total in totals]
    if layer.border != "none":
        x = np.pad(x, [*around, (0, 0)], mode="reflect" if layer.border == "reflect" else "constant")
    height, width = ((size - side) // layer.stride + 1 for size in x.shape[:2])
    result = np.zeros((height, width, len(kernel)))
    for row in range(height):
        for column in range(width):
            seen = x[row * layer.stride :, column * layer.stride :][:side, :side]
            result[row, column] = np.einsum("ijc,ocij->o", seen, kernel)
    return result


def transposed(x, layer, kernel):
    """`[H, W, C]` and `[C, out, k, k]` to `[s H, s W, out]`: every pixel lays down its multiple of the kernel."""
    height, width = x.shape[:2]
    side, stride = layer.kernel, layer.stride
    result = np.zeros(((height - 1) * stride + side, (width - 1) * stride + side, kernel.shape[1]))
    for row in range(height):
        for column in range(width):
            mine = np.einsum("c,coij->ijo", x[row, column], kernel)
            result[row * stride : row * stride + side, column * stride : column * stride + side] += mine
    # `zeros` takes off as many as a convolution of stride 1 lays around; `same` what TensorFlow lays before, when a
    # picture of twice the size goes in and this one comes out.
    first = (side - stride) // 2 if layer.border == "same" else side // 2
    return result[first : first + stride * height, first : first + stride * width]
