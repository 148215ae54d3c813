"""Build the 3D ResNets and ResNeXts of Hara et al. without their classifier.

Architecture: "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?" (arXiv
1711.09577). Time is halved by the pool and by stages 2 to 4, so 16 frames become one; what longer
clips leave is averaged. Module names are those of the published checkpoints.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

_CARDINALITY = 32


class ResNet3d(nn.Module):
    """Features of a whole clip at stride 32: (B, 3, T, H, W) to (B, `outputs`, H / 32, W / 32)."""

    def __init__(self, depths: tuple[int, int, int, int], kind: str) -> None:
        """Build it.

        Args:
            depths: Blocks in each of the four stages.
            kind: `basic`, `bottleneck` or `resnext`: the sort of block.
        """
        super().__init__()
        self.conv1 = nn.Conv3d(3, 64, 7, stride=(1, 2, 2), padding=3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d(3, stride=2, padding=1)
        width = 64
        self.layer1 = _stage(kind, width, 0, depths[0])
        self.layer2 = _stage(kind, _out_channels(kind, 0), 1, depths[1])
        self.layer3 = _stage(kind, _out_channels(kind, 1), 2, depths[2])
        self.layer4 = _stage(kind, _out_channels(kind, 2), 3, depths[3])
        self.outputs = _out_channels(kind, 3)

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, 3, T, H, W) to features (B, `outputs`, H / 32, W / 32)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(clip))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean(2)


def resnet18() -> ResNet3d:
    """Return 3D ResNet-18: basic blocks, shortcuts without weights (type A)."""
    return ResNet3d((2, 2, 2, 2), 'basic')


def resnet50() -> ResNet3d:
    """Return 3D ResNet-50: bottlenecks, projecting shortcuts (type B)."""
    return ResNet3d((3, 4, 6, 3), 'bottleneck')


def resnet101() -> ResNet3d:
    """Return 3D ResNet-101: bottlenecks, projecting shortcuts (type B)."""
    return ResNet3d((3, 4, 23, 3), 'bottleneck')


def resnext101() -> ResNet3d:
    """Return 3D ResNeXt-101: bottlenecks of 32 groups, projecting shortcuts (type B)."""
    return ResNet3d((3, 4, 23, 3), 'resnext')


class _BasicBlock(nn.Module):
    """Two 3x3x3 convolutions; the shortcut is subsampled and padded with zero channels."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm3d(out)
        self.conv2 = nn.Conv3d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm3d(out)
        self.relu = nn.ReLU(inplace=True)
        self.stride, self.padding = stride, out - channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, T, H, W) to (B, out, T / stride, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + self._shortcut(x))

    def _shortcut(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, 0, 0, self.padding))


class _Bottleneck(nn.Module):
    """1x1x1, grouped 3x3x3, 1x1x1 convolutions; a projected shortcut where channels change."""

    def __init__(self, channels: int, width: int, out: int, stride: int, groups: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if channels != out:
            projection = nn.Conv3d(channels, out, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm3d(out))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, T, H, W) to (B, out, T / stride, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + self.downsample(x))


def _stage(kind: str, channels: int, stage: int, depth: int) -> nn.Sequential:
    stride = 1 if stage == 0 else 2
    out = _out_channels(kind, stage)
    blocks = [_block(kind, channels, stage, stride)]
    blocks += [_block(kind, out, stage, 1) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)


def _block(kind: str, channels: int, stage: int, stride: int) -> nn.Module:
    out = _out_channels(kind, stage)
    if kind == 'basic':
        return _BasicBlock(channels, out, stride)
    if kind == 'bottleneck':
        return _Bottleneck(channels, out // 4, out, stride, groups=1)
    return _Bottleneck(channels, out // 2, out, stride, groups=_CARDINALITY)


def _out_channels(kind: str, stage: int) -> int:
    return (64 if kind == 'basic' else 256) * 2**stage
