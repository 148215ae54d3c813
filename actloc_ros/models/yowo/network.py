"""Define YOWO: a 2D branch for the key frame and a 3D branch for the clip, fused by attention.

Architecture: "You Only Watch Once" (arXiv 1911.06644), written from the paper and the published
checkpoints' names and shapes; module names are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from actloc_ros.models.ops.attention import ChannelAttention
from actloc_ros.models.yowo.mobilenet3d import MobileNet3d, MobileNet3dV2
from actloc_ros.models.yowo.resnet3d import (
    ResNet3d,
    resnet18,
    resnet50,
    resnet101,
    resnext101,
)
from actloc_ros.models.yowo.shufflenet3d import ShuffleNet3d, ShuffleNet3dV2

ANCHORS = 5
Backbone3d = ResNet3d | MobileNet3d | MobileNet3dV2 | ShuffleNet3d | ShuffleNet3dV2
BACKBONES_3D: dict[str, Callable[[], Backbone3d]] = {
    'resnext101': resnext101,
    'resnet18': resnet18,
    'resnet50': resnet50,
    'resnet101': resnet101,
    'mobilenet_2x': MobileNet3d,
    'mobilenetv2_1x': MobileNet3dV2,
    'shufflenet_2x': ShuffleNet3d,
    'shufflenetv2_2x': ShuffleNet3dV2,
}

# Darknet-19 as YOLOv2 uses it on COCO, by published index: (channels, kernel) is a convolution,
# 'M' a pool, 'R' the passthrough's rearrangement, '-' a place that holds no weights.
_DARKNET: tuple[tuple[int, int] | str, ...] = (
    *((32, 3), 'M', (64, 3), 'M', (128, 3), (64, 1), (128, 3), 'M', (256, 3), (128, 1), (256, 3)),
    *('M', (512, 3), (256, 1), (512, 3), (256, 1), (512, 3)),
    *('M', (1024, 3), (512, 1), (1024, 3), (512, 1), (1024, 3), (1024, 3), (1024, 3)),
    *('-', (64, 1), 'R', '-', (1024, 3)),
)
_STRIDE_16_END, _PASSTHROUGH, _MERGE = 17, 26, 29
_DARKNET_OUT = 425  # 5 anchors of 80 COCO classes and 5 numbers; YOWO keeps the layer
_FUSED = 1024


class Yowo(nn.Module):
    """Raw detections for the newest frame of a clip.

    `forward` takes float (B, 3, T, H, W) in [0, 1], RGB, H and W multiples of 32, T at least 8 and
    with `shufflenet_2x` a multiple of 16. It returns (B, 5 * (5 + classes), H / 32, W / 32): for
    each anchor x, y, width, height, confidence and class logits, before any activation.
    """

    def __init__(self, backbone: str = 'resnext101', classes: int = 24) -> None:
        """Build it.

        Args:
            backbone: One of `BACKBONES_3D`.
            classes: Number of actions.

        Raises:
            ValueError: There is no such backbone.
        """
        super().__init__()
        if backbone not in BACKBONES_3D:
            known = ', '.join(BACKBONES_3D)
            raise ValueError(f'YOWO has no 3D backbone {backbone!r}; choose one of {known}')
        self.backbone_2d = Darknet19()
        self.backbone_3d = BACKBONES_3D[backbone]()
        self.cfam = FusionAttention(self.backbone_3d.outputs + _DARKNET_OUT)
        self.conv_final = nn.Conv2d(_FUSED, ANCHORS * (5 + classes), 1, bias=False)

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, 3, T, H, W) to (B, 5 * (5 + classes), H / 32, W / 32)."""
        appearance = self.backbone_2d(clip[:, :, -1])
        motion = self.backbone_3d(clip)
        return self.conv_final(self.cfam(torch.cat((motion, appearance), 1)))


class Darknet19(nn.Module):
    """YOLOv2's network (arXiv 1612.08242): (B, 3, H, W) to (B, 425, H / 32, W / 32)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, number = 3, 1
        for index, spec in enumerate(_DARKNET):
            if isinstance(spec, str):
                layers.append(_parameterless(spec))
                continue
            channels = {_PASSTHROUGH: 512, _MERGE: 1024 + 4 * 64}.get(index, channels)
            layers.append(_darknet_convolution(channels, *spec, number))
            channels, number = spec[0], number + 1
        last = nn.Sequential()
        last.add_module(f'conv{number}', nn.Conv2d(channels, _DARKNET_OUT, 1))
        self.models = nn.Sequential(*layers, last)

    def forward(self, image: Tensor) -> Tensor:
        """Map key frames (B, 3, H, W) to features (B, 425, H / 32, W / 32)."""
        fine = self._run(image, 0, _STRIDE_16_END)
        coarse = self._run(fine, _STRIDE_16_END, _PASSTHROUGH - 1)
        passed = self._run(fine, _PASSTHROUGH, _MERGE)
        return self._run(torch.cat((passed, coarse), 1), _MERGE, len(self.models))

    def _run(self, x: Tensor, start: int, stop: int) -> Tensor:
        for layer in self.models[start:stop]:
            x = layer(x)
        return x


class FusionAttention(nn.Module):
    """Channel fusion and attention: (B, channels, h, w) to (B, 1024, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_bn_relu1 = _fusion_convolution(channels, 1)
        self.conv_bn_relu2 = _fusion_convolution(_FUSED, 3)
        self.sc = ChannelAttention()
        self.conv_bn_relu3 = _fusion_convolution(_FUSED, 3)
        self.conv_out = nn.Sequential(nn.Dropout2d(0.1), nn.Conv2d(_FUSED, _FUSED, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, h, w) to fused features (B, 1024, h, w)."""
        x = self.conv_bn_relu2(self.conv_bn_relu1(x))
        return self.conv_out(self.conv_bn_relu3(self.sc(x)))


class Reorganize(nn.Module):
    """Moves each 2x2 block into channels, the place in the block varying slowest."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 4 * C, H / 2, W / 2)."""
        x = nn.functional.pixel_unshuffle(x, 2).unflatten(1, (-1, 4))
        return x.transpose(1, 2).flatten(1, 2)


def _parameterless(spec: str) -> nn.Module:
    return {'M': nn.MaxPool2d(2), 'R': Reorganize(), '-': nn.Identity()}[spec]


def _darknet_convolution(channels: int, out: int, kernel: int, number: int) -> nn.Sequential:
    block = nn.Sequential()
    convolution = nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False)
    block.add_module(f'conv{number}', convolution)
    block.add_module(f'bn{number}', nn.BatchNorm2d(out))
    block.add_module(f'leaky{number}', nn.LeakyReLU(0.1, inplace=True))
    return block


def _fusion_convolution(channels: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, _FUSED, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(_FUSED),
        nn.ReLU(inplace=True),
    )
