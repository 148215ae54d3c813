"""I3D (Carreira and Zisserman, arXiv 1705.07750): Inception, inflated to 3D convolutions.

Names and shapes are those of piergiaj/pytorch-i3d. Padding is TensorFlow's SAME: by the size at
hand, the larger half at the end, zeros also for maxima.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.fx
from torch import Tensor, nn
from torch.nn import functional

Triple = tuple[int, int, int]

# Channels of the branches: 1x1; 1x1 before 3x3, 3x3; likewise; 1x1 after the maximum.
MIXED = {
    'Mixed_3b': (192, 64, 96, 128, 16, 32, 32),
    'Mixed_3c': (256, 128, 128, 192, 32, 96, 64),
    'Mixed_4b': (480, 192, 96, 208, 16, 48, 64),
    'Mixed_4c': (512, 160, 112, 224, 24, 64, 64),
    'Mixed_4d': (512, 128, 128, 256, 24, 64, 64),
    'Mixed_4e': (512, 112, 144, 288, 32, 64, 64),
    'Mixed_4f': (528, 256, 160, 320, 32, 128, 128),
    'Mixed_5b': (832, 256, 160, 320, 32, 128, 128),
    'Mixed_5c': (832, 384, 192, 384, 48, 128, 128),
}
FEATURES = 1024


@torch.fx.wrap
def pad_same(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Return x (B, C, T, H, W) with zeros around, so that ceil(size / stride) places remain."""
    pads: list[int] = []
    for size, k, s in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        total = max(k - (size % s or s), 0)
        pads += [total // 2, total - total // 2]
    return functional.pad(x, pads)


class Unit(nn.Module):
    """A convolution with SAME padding; without `plain`, a batch norm and ReLU after it."""

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: Triple = (1, 1, 1),
        stride: Triple = (1, 1, 1),
        plain: bool = False,
    ) -> None:
        super().__init__()
        self._kernel, self._stride = kernel, stride
        self.conv3d = nn.Conv3d(channels, out, kernel, stride, bias=plain)
        self.bn = None if plain else nn.BatchNorm3d(out, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, H, W) to (B, out, T', H', W')."""
        x = self.conv3d(pad_same(x, self._kernel, self._stride))
        return x if self.bn is None else functional.relu(self.bn(x))


class Pool(nn.Module):
    """A maximum with SAME padding."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self._kernel, self._stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, H, W) to (B, C, T', H', W')."""
        padded = pad_same(x, self._kernel, self._stride)
        return functional.max_pool3d(padded, self._kernel, self._stride)


class Mixed(nn.Module):
    """Four branches side by side."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        channels, first, reduce1, second, reduce2, third, last = widths
        self.b0 = Unit(channels, first)
        self.b1a = Unit(channels, reduce1)
        self.b1b = Unit(reduce1, second, (3, 3, 3))
        self.b2a = Unit(channels, reduce2)
        self.b2b = Unit(reduce2, third, (3, 3, 3))
        self.b3a = Pool((3, 3, 3), (1, 1, 1))
        self.b3b = Unit(channels, last)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, H, W) to (B, C', T, H, W)."""
        branches = self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))
        return torch.cat(branches, dim=1)


class I3D(nn.Module):
    """The whole network.

    Args:
        classes: Number of classes.
        channels: 3 for RGB, 2 for optical flow.
    """

    def __init__(self, classes: int, channels: int = 3) -> None:
        super().__init__()
        self.logits = Unit(FEATURES, classes, plain=True)
        self.Conv3d_1a_7x7 = Unit(channels, 64, (7, 7, 7), (2, 2, 2))
        self.MaxPool3d_2a_3x3 = Pool((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = Unit(64, 64)
        self.Conv3d_2c_3x3 = Unit(64, 192, (3, 3, 3))
        self.MaxPool3d_3a_3x3 = Pool((1, 3, 3), (1, 2, 2))
        self.Mixed_3b, self.Mixed_3c = (Mixed(MIXED[f'Mixed_3{x}']) for x in 'bc')
        self.MaxPool3d_4a_3x3 = Pool((3, 3, 3), (2, 2, 2))
        self.Mixed_4b, self.Mixed_4c, self.Mixed_4d, self.Mixed_4e, self.Mixed_4f = (
            Mixed(MIXED[f'Mixed_4{x}']) for x in 'bcdef'
        )
        self.MaxPool3d_5a_2x2 = Pool((2, 2, 2), (2, 2, 2))
        self.Mixed_5b, self.Mixed_5c = (Mixed(MIXED[f'Mixed_5{x}']) for x in 'bc')

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """Map clips (B, channels, T, 224, 224) in [-1, 1], T 9 or more, to two tensors.

        Returns:
            Logits (B, classes, T') and features (B, 1024, T', 1, 1), T' = ceil(T / 8) - 1. The
            score of a clip is the softmax of the mean over T'.
        """
        x = self.MaxPool3d_2a_3x3(self.Conv3d_1a_7x7(clip))
        x = self.MaxPool3d_3a_3x3(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x)))
        x = self.MaxPool3d_4a_3x3(self.Mixed_3c(self.Mixed_3b(x)))
        x = self.Mixed_4d(self.Mixed_4c(self.Mixed_4b(x)))
        x = self.MaxPool3d_5a_2x2(self.Mixed_4f(self.Mixed_4e(x)))
        x = self.Mixed_5c(self.Mixed_5b(x))
        features = functional.avg_pool3d(x, (2, 7, 7), (1, 1, 1))
        return self.logits(features).squeeze(-1).squeeze(-1), features
