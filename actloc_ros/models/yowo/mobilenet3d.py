"""Build the 3D MobileNets of Köpüklü et al. without their classifier.

Architecture: "Resource Efficient 3D Convolutional Neural Networks" (arXiv 1904.02422), tables of
3D-MobileNet and 3D-MobileNetV2. The first convolution halves space alone; later strides halve
time too, so 16 frames become one; what longer clips leave is averaged. Module names are those of
the published checkpoints.
"""

from __future__ import annotations

from torch import Tensor, nn

# Channels at width 1, blocks, stride of the first.
_V1_STAGES = ((64, 1, 2), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 1))
# Expansion, channels, blocks, stride of the first.
_V2_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class MobileNet3d(nn.Module):
    """Features of a whole clip at stride 32: (B, 3, T, H, W) to (B, `outputs`, H / 32, W / 32)."""

    def __init__(self, width: int = 2) -> None:
        """Build MobileNet with `width` times its channels."""
        super().__init__()
        channels = 32 * width
        layers: list[nn.Module] = [_stem(channels, nn.ReLU(inplace=True))]
        for base, count, first_stride in _V1_STAGES:
            for stride in (first_stride, *[1] * (count - 1)):
                layers.append(_Separable(channels, base * width, stride))
                channels = base * width
        self.features = nn.Sequential(*layers)
        self.outputs = channels

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, 3, T, H, W) to features (B, `outputs`, H / 32, W / 32)."""
        return self.features(clip).mean(2)


class MobileNet3dV2(nn.Module):
    """Features of a whole clip at stride 32: (B, 3, T, H, W) to (B, `outputs`, H / 32, W / 32)."""

    def __init__(self) -> None:
        """Build MobileNetV2 of width 1."""
        super().__init__()
        channels = 32
        layers: list[nn.Module] = [_stem(channels, nn.ReLU6(inplace=True))]
        for expansion, out, count, first_stride in _V2_STAGES:
            for stride in (first_stride, *[1] * (count - 1)):
                layers.append(_InvertedResidual(channels, out, stride, expansion))
                channels = out
        self.outputs = 1280
        last = nn.Conv3d(channels, self.outputs, 1, bias=False)
        layers.append(nn.Sequential(last, nn.BatchNorm3d(self.outputs), nn.ReLU6(inplace=True)))
        self.features = nn.Sequential(*layers)

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, 3, T, H, W) to features (B, `outputs`, H / 32, W / 32)."""
        return self.features(clip).mean(2)


class _Separable(nn.Module):
    """A depthwise and a pointwise convolution, each normalized and rectified."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _depthwise(channels, stride)
        self.bn1 = nn.BatchNorm3d(channels)
        self.conv2 = nn.Conv3d(channels, out, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(out)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, T, H, W) to (B, out, T / stride, H / stride, W / stride)."""
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)))


class _InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, linear projection; a shortcut where sizes stay."""

    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [nn.Conv3d(channels, hidden, 1, bias=False), nn.BatchNorm3d(hidden)]
            layers += [nn.ReLU6(inplace=True)]
        layers += [_depthwise(hidden, stride), nn.BatchNorm3d(hidden), nn.ReLU6(inplace=True)]
        layers += [nn.Conv3d(hidden, out, 1, bias=False), nn.BatchNorm3d(out)]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, T, H, W) to (B, out, T / stride, H / stride, W / stride)."""
        return x + self.conv(x) if self.residual else self.conv(x)


def _stem(channels: int, activation: nn.Module) -> nn.Sequential:
    convolution = nn.Conv3d(3, channels, 3, stride=(1, 2, 2), padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm3d(channels), activation)


def _depthwise(channels: int, stride: int) -> nn.Conv3d:
    return nn.Conv3d(channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False)
