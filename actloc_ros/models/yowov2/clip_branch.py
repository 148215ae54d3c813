"""Build the 3D half of YOWOv2: networks of a whole clip, which average over time at the end.

They are ShuffleNetV2 and ResNeXt-101 with 3D convolutions (arXiv 1904.02422, 1711.09577); attribute
names follow the published checkpoints. (B, 3, K, H, W) goes in, (B, C, H / 32, W / 32) comes out.
"""

from __future__ import annotations

from torch import Tensor, nn

from actloc_ros.models.yowov2.blocks import shuffled


def _normed(inputs: int, outputs: int) -> list[nn.Module]:
    """Return a convolution across channels, its batch norm and its activation."""
    conv = nn.Conv3d(inputs, outputs, 1, bias=False)
    return [conv, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)]


def _by_channel(channels: int, stride: int) -> list[nn.Module]:
    """Return a depthwise convolution and its batch norm."""
    conv = nn.Conv3d(channels, channels, 3, stride, 1, groups=channels, bias=False)
    return [conv, nn.BatchNorm3d(channels)]


class ShuffleUnit3d(nn.Module):
    """ShuffleNetV2's unit; with `stride` 2 it halves time and resolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        half = outputs // 2
        self.stride = stride
        if stride == 2:
            self.banch1 = nn.Sequential(*_by_channel(inputs, 2), *_normed(inputs, half))
        self.banch2 = nn.Sequential(
            *_normed(inputs if stride == 2 else half, half),
            *_by_channel(half, stride),
            *_normed(half, half),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, T, H, W) to (B, outputs, T / stride, H / stride, W / stride)."""
        if self.stride == 2:
            kept, changed = self.banch1(x), self.banch2(x)
        else:
            kept, rest = x.chunk(2, dim=1)
            changed = self.banch2(rest)
        return shuffled(kept, changed)


class ShuffleNet3d(nn.Module):
    """ShuffleNetV2 over clips, with `channels` in its three stages."""

    def __init__(self, channels: tuple[int, int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv3d(3, 24, 3, (1, 2, 2), 1, bias=False),
            nn.BatchNorm3d(24),
            nn.ReLU(inplace=True),
        )
        self.maxpool = nn.MaxPool3d(3, 2, 1)
        units: list[nn.Module] = []
        inputs = 24
        for outputs, repeats in zip(channels, (4, 8, 4), strict=True):
            units.append(ShuffleUnit3d(inputs, outputs, 2))
            units += [ShuffleUnit3d(outputs, outputs, 1) for _ in range(repeats - 1)]
            inputs = outputs
        self.features = nn.Sequential(*units)

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, 3, K, H, W) to features (B, C, H / 32, W / 32), averaged over time."""
        return self.features(self.maxpool(self.conv1(clip))).mean(dim=2)


class ResNeXtUnit3d(nn.Module):
    """ResNeXt's bottleneck with 32 groups."""

    def __init__(self, inputs: int, hidden: int, stride: int) -> None:
        super().__init__()
        outputs = 2 * hidden
        self.conv1 = nn.Conv3d(inputs, hidden, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(hidden)
        self.conv2 = nn.Conv3d(hidden, hidden, 3, stride, 1, groups=32, bias=False)
        self.bn2 = nn.BatchNorm3d(hidden)
        self.conv3 = nn.Conv3d(hidden, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, T, H, W) to (B, 2 * hidden, T / stride, H / stride, W / stride)."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + self.downsample(x))


class ResNeXt3d(nn.Module):
    """ResNeXt-101 over clips; gives 2048 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, 64, 7, (1, 2, 2), 3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d(3, 2, 1)
        self.layer1 = _resnext_stage(64, 128, 3, 1)
        self.layer2 = _resnext_stage(256, 256, 4, 2)
        self.layer3 = _resnext_stage(512, 512, 23, 2)
        self.layer4 = _resnext_stage(1024, 1024, 3, 2)

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, 3, K, H, W) to features (B, 2048, H / 32, W / 32), averaged over time."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(clip))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean(dim=2)


def _resnext_stage(inputs: int, hidden: int, units: int, stride: int) -> nn.Sequential:
    """Return `units` bottlenecks of which the first has the stride."""
    rest = [ResNeXtUnit3d(2 * hidden, hidden, 1) for _ in range(units - 1)]
    return nn.Sequential(ResNeXtUnit3d(inputs, hidden, stride), *rest)
