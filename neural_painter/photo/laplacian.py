"""The matting Laplacian of a photo, without a matrix.

V^T L V is how far V is from being, in every 3x3 window, an affine function of the photo's colours: the residual of a
ridge regression in each window. A result with little of it is a photo whose colours were changed, not its forms.

Source: Levin, Lischinski and Weiss 2008; as a loss, Luan et al. 2017.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from renderers.kernels import kernel
from renderers.threads import in_shares

WINDOW = 9.0


class MattingLaplacian:
    """Energy and gradient on one photo; the windows' inverse covariances are computed once.

    Args:
        content: the photo, `[3, H, W]` in [0, 1]; what is not float64 is taken as float32, and so are pictures then.
        epsilon: ridge of the regression; 1e-7 in the Torch code of the paper, 1e-5 in its TensorFlow port.

    A photo with a side below 3 has no window: its energy is 0.

    Within the windows all is float64, and no slower: in a grey photo, or one of a single tint, the colours vary along
    one line only, and float32 cannot invert their covariance. L V was off by up to 7 there, where it should be 1e-6.
    """

    def __init__(self, content: Tensor, *, epsilon: float = 1e-7) -> None:
        if content.ndim != 3 or content.shape[0] != 3:
            raise ValueError(f"expected a photo [3, H, W], got {list(content.shape)}")
        if not 0 < epsilon < math.inf:
            raise ValueError(f"epsilon: expected a number above 0, got {epsilon}")
        kind = torch.float64 if content.dtype == torch.float64 else torch.float32
        self.content = content.detach().to(kind).contiguous()
        self.height, self.width = content.shape[1:]
        self.empty = min(self.height, self.width) < 3
        if self.empty:
            return
        wide = self.content.double()
        mean = _box(wide) / WINDOW
        covariance = torch.empty(self.height - 2, self.width - 2, 3, 3, dtype=torch.float64, device=wide.device)
        windows = _windows(wide) - mean[:, None]  # centred: a difference of large sums would lose what is small
        for a in range(3):
            for b in range(3):
                covariance[..., a, b] = (windows[a] * windows[b]).mean(0)
        ridge = epsilon / WINDOW * torch.eye(3, dtype=torch.float64, device=wide.device)
        self.mean = mean  # float64, as the inverse
        self.inverse = torch.linalg.inv(covariance + ridge)

    def energy(self, picture: Tensor) -> Tensor:
        """V^T L V summed over the channels of V, a scalar with a gradient.

        Args:
            picture: V, `[C, H, W]`, on the photo's device.
        """
        self._check(picture)
        if self.empty:
            return (picture * 0).sum()
        result: Tensor = _Energy.apply(picture, self)
        return result

    def apply(self, picture: Tensor) -> Tensor:
        """L V, `[C, H, W]`; the gradient of the energy is twice that."""
        self._check(picture)
        picture = picture.detach().to(self.content.dtype).contiguous()
        if self.empty:
            return torch.zeros_like(picture)
        if picture.device.type == "cpu":
            out = torch.zeros_like(picture)
            maps = np.empty((len(picture), self.height - 2, self.width - 2, 4))
            arrays = [t.numpy() for t in (self.content, self.mean, self.inverse, picture)]
            in_shares(_fit_kernel, *arrays, maps)
            in_shares(_residual_kernel, arrays[0], arrays[1], arrays[3], maps, out.numpy())
            return out
        return self._apply_plainly(picture)

    def _check(self, picture: Tensor) -> None:
        if picture.ndim != 3 or tuple(picture.shape[1:]) != (self.height, self.width):
            raise ValueError(f"expected a picture [C, {self.height}, {self.width}], got {list(picture.shape)}")

    def _apply_plainly(self, picture: Tensor) -> Tensor:
        """The same with torch alone, on any device."""
        out = torch.empty_like(picture)
        windows = _windows(self.content) - self.mean[:, None]
        for channel, values in enumerate(picture):
            mine = _windows(values[None])[0]
            mean = mine.mean(0)
            cross = (windows * (mine - mean)).mean(1)
            slope = torch.einsum("hwij,jhw->ihw", self.inverse, cross)
            fits = (slope[:, None] * windows).sum(0) + mean
            out[channel] = _gathered(mine - fits)
        return out


class _Energy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, picture, laplacian):  # type: ignore[no-untyped-def]
        product = laplacian.apply(picture)
        ctx.save_for_backward(product.to(picture.dtype))
        return (product.double() * picture.detach().double()).sum().to(picture.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        (product,) = ctx.saved_tensors
        return 2 * gradient * product, None


def _box(planes: Tensor) -> Tensor:
    """Sums over all 3x3 windows, `[C, H - 2, W - 2]`."""
    rows = planes[:, :-2] + planes[:, 1:-1] + planes[:, 2:]
    return rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]


def _windows(planes: Tensor) -> Tensor:
    """The 9 pixels of all windows, `[C, 9, H - 2, W - 2]`."""
    height, width = planes.shape[1:]
    parts = [planes[:, i : height - 2 + i, j : width - 2 + j] for i in range(3) for j in range(3)]
    return torch.stack(parts, dim=1)


def _gathered(windows: Tensor) -> Tensor:
    """The transpose of `_windows` for one plane: `[9, H - 2, W - 2]` added up at their pixels, `[H, W]`."""
    height, width = windows.shape[1] + 2, windows.shape[2] + 2
    out = torch.zeros(height, width, dtype=windows.dtype, device=windows.device)
    for k, part in enumerate(windows):
        i, j = divmod(k, 3)
        out[i : height - 2 + i, j : width - 2 + j] += part
    return out


@kernel()
def _fit_kernel(content, mean, inverse, picture, maps, share, shares):  # type: ignore[no-untyped-def]
    """The affine map of every window and channel: three slopes and an offset."""
    channels, height, width = picture.shape
    for row in range(share, height - 2, shares):
        for column in range(width - 2):
            m0, m1, m2 = mean[0, row, column], mean[1, row, column], mean[2, row, column]
            for c in range(channels):
                total = picture[c, row, column] * 0
                centre = picture[c, row + 1, column + 1]
                x0, x1, x2 = total, total, total
                for i in range(3):
                    for j in range(3):
                        value = picture[c, row + i, column + j] - centre
                        total += value
                        x0 += (content[0, row + i, column + j] - m0) * value
                        x1 += (content[1, row + i, column + j] - m1) * value
                        x2 += (content[2, row + i, column + j] - m2) * value
                x0, x1, x2 = x0 / 9, x1 / 9, x2 / 9
                a0 = inverse[row, column, 0, 0] * x0 + inverse[row, column, 0, 1] * x1 + inverse[row, column, 0, 2] * x2
                a1 = inverse[row, column, 1, 0] * x0 + inverse[row, column, 1, 1] * x1 + inverse[row, column, 1, 2] * x2
                a2 = inverse[row, column, 2, 0] * x0 + inverse[row, column, 2, 1] * x1 + inverse[row, column, 2, 2] * x2
                maps[c, row, column, 0], maps[c, row, column, 1], maps[c, row, column, 2] = a0, a1, a2
                # The value at the window's mean colour; steep slopes times the colours themselves would lose digits.
                maps[c, row, column, 3] = centre + total / 9


@kernel()
def _residual_kernel(content, mean, picture, maps, out, share, shares):  # type: ignore[no-untyped-def]
    """What the windows' maps leave unexplained, summed over the windows of each pixel."""
    channels, height, width = picture.shape
    for row in range(share, height, shares):
        for column in range(width):
            top, bottom = max(row - 2, 0), min(row, height - 3)
            left, right = max(column - 2, 0), min(column, width - 3)
            for i in range(top, bottom + 1):
                for j in range(left, right + 1):
                    d0 = content[0, row, column] - mean[0, i, j]
                    d1 = content[1, row, column] - mean[1, i, j]
                    d2 = content[2, row, column] - mean[2, i, j]
                    for c in range(channels):
                        fit = maps[c, i, j, 0] * d0 + maps[c, i, j, 1] * d1 + maps[c, i, j, 2] * d2 + maps[c, i, j, 3]
                        out[c, row, column] += picture[c, row, column] - fit
