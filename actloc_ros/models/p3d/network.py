"""Define P3D-199, a residual clip classifier that splits 3D convolutions into space and time.

Architecture: "Learning Spatio-Temporal Representation with Pseudo-3D Residual Networks" (arXiv
1711.10305): 152-layer ResNet whose first three stages cycle through the blocks P3D-A, P3D-B and
P3D-C; the last stage is 2D. Module names are those of the published checkpoint.
"""

from __future__ import annotations

from torch import Tensor, nn

_DEPTHS = (3, 8, 36)
_DEPTH_2D = 3
_EXPANSION = 4


class P3D199(nn.Module):
    """Action scores before softmax: (B, 3, 16, 160, 160) RGB, normalized, to (B, classes)."""

    def __init__(self, classes: int = 400) -> None:
        """Build it for `classes` actions."""
        super().__init__()
        self.conv1_custom = nn.Conv3d(
            3, 64, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False
        )
        self.bn1 = nn.BatchNorm3d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d((2, 3, 3), stride=2, padding=(0, 1, 1))
        self.halve_time = nn.MaxPool3d((2, 1, 1))
        self.layer1 = _stage(64, 64, 1, _DEPTHS[0], 0)
        self.layer2 = _stage(256, 128, 2, _DEPTHS[1], _DEPTHS[0])
        self.layer3 = _stage(512, 256, 2, _DEPTHS[2], _DEPTHS[0] + _DEPTHS[1])
        self.layer4 = nn.Sequential(
            _Bottleneck2d(1024, 512, 2),
            *(_Bottleneck2d(2048, 512, 1) for _ in range(_DEPTH_2D - 1)),
        )
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(512 * _EXPANSION, classes)

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, 3, 16, 160, 160) to logits (B, classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1_custom(clip))))
        for stage in (self.layer1, self.layer2, self.layer3):
            x = self.halve_time(stage(x))
        x = self.layer4(x.squeeze(2))
        return self.fc(self.dropout(x.mean((2, 3))))


class _Bottleneck3d(nn.Module):
    """A residual block whose 3x3x3 convolution is one in space and one in time.

    Kind A: space, then time. Kind B: space beside time. Kind C: space, and time on top of it.
    """

    def __init__(self, channels: int, width: int, stride: int, kind: str) -> None:
        super().__init__()
        out = width * _EXPANSION
        steps = (1, stride, stride)
        self.downsample: nn.Module = nn.Identity()
        if channels != out:
            projection = nn.Conv3d(channels, out, 1, stride=steps, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm3d(out))
        self.conv1 = nn.Conv3d(channels, width, 1, stride=steps, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.bn3 = nn.BatchNorm3d(width)
        self.conv4 = nn.Conv3d(width, out, 1, bias=False)
        self.bn4 = nn.BatchNorm3d(out)
        self.relu = nn.ReLU(inplace=True)
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, T, H, W) to (B, 4 * width, T, H / stride, W / stride)."""
        y = self._pseudo_3d(self.relu(self.bn1(self.conv1(x))))
        y = self.bn4(self.conv4(y))
        return self.relu(y + self.downsample(x))

    def _pseudo_3d(self, x: Tensor) -> Tensor:
        space = self.relu(self.bn2(self.conv2(x)))
        time = self.relu(self.bn3(self.conv3(x if self.kind == 'B' else space)))
        return time if self.kind == 'A' else space + time


class _Bottleneck2d(nn.Module):
    """A residual block of the last stage, where one frame is left."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = width * _EXPANSION
        self.downsample: nn.Module = nn.Identity()
        if channels != out:
            projection = nn.Conv2d(channels, out, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(out))
        self.conv1 = nn.Conv2d(channels, width, 1, stride=stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv_normal = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn_normal = nn.BatchNorm2d(width)
        self.conv4 = nn.Conv2d(width, out, 1, bias=False)
        self.bn4 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, 4 * width, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn_normal(self.conv_normal(y)))
        y = self.bn4(self.conv4(y))
        return self.relu(y + self.downsample(x))


def _stage(channels: int, width: int, stride: int, depth: int, before: int) -> nn.Sequential:
    """Return a stage of `depth` blocks that `before` others precede in the cycle of kinds."""
    kinds = ['ABC'[(before + index) % 3] for index in range(depth)]
    first = _Bottleneck3d(channels, width, stride, kinds[0])
    rest = [_Bottleneck3d(width * _EXPANSION, width, 1, kind) for kind in kinds[1:]]
    return nn.Sequential(first, *rest)
