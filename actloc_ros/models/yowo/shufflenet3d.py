"""Build the 3D ShuffleNets of Köpüklü et al. without their classifier.

Architecture: "Resource Efficient 3D Convolutional Neural Networks" (arXiv 1904.02422), tables of
3D-ShuffleNet and 3D-ShuffleNetV2. The first convolution halves space alone; the pool and each
stage halve time too, so 16 frames become one; what longer clips leave is averaged. Module names are
those of the published checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_GROUPS = 3
_DEPTHS = (4, 8, 4)
_V1_CHANNELS = (240, 480, 960)  # at width 1 with 3 groups
_V2_CHANNELS = (224, 488, 976)  # at width 2, as published
_V2_LAST = 2048


class ShuffleNet3d(nn.Module):
    """Features of a whole clip at stride 32: (B, 3, T, H, W) to (B, `outputs`, H / 32, W / 32)."""

    def __init__(self, width: int = 2) -> None:
        """Build ShuffleNet with `width` times its channels and 3 groups."""
        super().__init__()
        first, second, third = (base * width for base in _V1_CHANNELS)
        stem = 24 * width
        self.conv1 = _stem(stem)
        self.maxpool = nn.MaxPool3d(3, stride=2, padding=1)
        self.layer1 = _shuffle_stage(stem, first, _DEPTHS[0])
        self.layer2 = _shuffle_stage(first, second, _DEPTHS[1])
        self.layer3 = _shuffle_stage(second, third, _DEPTHS[2])
        self.outputs = third

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, 3, T, H, W) to features (B, `outputs`, H / 32, W / 32)."""
        x = self.maxpool(self.conv1(clip))
        return self.layer3(self.layer2(self.layer1(x))).mean(2)


class ShuffleNet3dV2(nn.Module):
    """Features of a whole clip at stride 32: (B, 3, T, H, W) to (B, `outputs`, H / 32, W / 32)."""

    def __init__(self) -> None:
        """Build ShuffleNetV2 of width 2."""
        super().__init__()
        channels = 24
        self.conv1 = _stem(channels)
        self.maxpool = nn.MaxPool3d(3, stride=2, padding=1)
        blocks: list[nn.Module] = []
        for out, depth in zip(_V2_CHANNELS, _DEPTHS, strict=True):
            blocks.append(_SplitDown(channels, out))
            blocks += [_SplitUnit(out) for _ in range(depth - 1)]
            channels = out
        self.features = nn.Sequential(*blocks)
        self.outputs = _V2_LAST
        last = nn.Conv3d(channels, self.outputs, 1, bias=False)
        self.conv_last = nn.Sequential(last, nn.BatchNorm3d(self.outputs), nn.ReLU(inplace=True))

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, 3, T, H, W) to features (B, `outputs`, H / 32, W / 32)."""
        return self.conv_last(self.features(self.maxpool(self.conv1(clip)))).mean(2)


class _ShuffleUnit(nn.Module):
    """Grouped pointwise, shuffle, depthwise, grouped pointwise; added to its input.

    With stride 2 it is concatenated with the pooled input instead.
    """

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        hidden = out // 4
        added = out - channels if stride == 2 else out
        self.conv1 = nn.Conv3d(channels, hidden, 1, groups=_GROUPS, bias=False)
        self.bn1 = nn.BatchNorm3d(hidden)
        self.conv2 = _depthwise(hidden, stride)
        self.bn2 = nn.BatchNorm3d(hidden)
        self.conv3 = nn.Conv3d(hidden, added, 1, groups=_GROUPS, bias=False)
        self.bn3 = nn.BatchNorm3d(added)
        self.relu = nn.ReLU(inplace=True)
        self.stride = stride
        # An even kernel in time: frames pair up without a padded one.
        self.shortcut = nn.AvgPool3d((2, 3, 3), stride=2, padding=(0, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, T, H, W) to (B, out, T / stride, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(_shuffle(y, _GROUPS)))
        y = self.bn3(self.conv3(y))
        y = y + x if self.stride == 1 else torch.cat((y, self.shortcut(x)), 1)
        return self.relu(y)


class _SplitUnit(nn.Module):
    """ShuffleNetV2's unit of stride 1: half the channels pass, half are convolved."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.banch2 = _convolved(channels // 2, channels // 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, T, H, W) to the same shape."""
        kept, worked = x.chunk(2, dim=1)
        return _shuffle(torch.cat((kept, self.banch2(worked)), 1), 2)


class _SplitDown(nn.Module):
    """ShuffleNetV2's unit of stride 2: both branches are convolved."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        half = out // 2
        self.banch1 = nn.Sequential(
            _depthwise(channels, 2),
            nn.BatchNorm3d(channels),
            nn.Conv3d(channels, half, 1, bias=False),
            nn.BatchNorm3d(half),
            nn.ReLU(inplace=True),
        )
        self.banch2 = _convolved(channels, half, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, T, H, W) to (B, out, T / 2, H / 2, W / 2)."""
        return _shuffle(torch.cat((self.banch1(x), self.banch2(x)), 1), 2)


def _convolved(channels: int, out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(channels, out, 1, bias=False),
        nn.BatchNorm3d(out),
        nn.ReLU(inplace=True),
        _depthwise(out, stride),
        nn.BatchNorm3d(out),
        nn.Conv3d(out, out, 1, bias=False),
        nn.BatchNorm3d(out),
        nn.ReLU(inplace=True),
    )


def _shuffle_stage(channels: int, out: int, depth: int) -> nn.Sequential:
    units = [_ShuffleUnit(out, out, 1) for _ in range(depth - 1)]
    return nn.Sequential(_ShuffleUnit(channels, out, 2), *units)


def _shuffle(x: Tensor, groups: int) -> Tensor:
    """Interleave the channels of `groups` groups."""
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


def _stem(channels: int) -> nn.Sequential:
    convolution = nn.Conv3d(3, channels, 3, stride=(1, 2, 2), padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm3d(channels), nn.ReLU(inplace=True))


def _depthwise(channels: int, stride: int) -> nn.Conv3d:
    return nn.Conv3d(channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False)
