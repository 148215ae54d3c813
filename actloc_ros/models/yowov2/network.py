"""YOWOv2 (arXiv 2302.06848): a single-stage, anchor-free localizer over clips, in four sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.fx
from torch import Tensor, nn
from torch.nn import functional as F

from actloc_ros.models.ops.attention import ChannelAttention
from actloc_ros.models.yowov2.blocks import Act, ConvBlock
from actloc_ros.models.yowov2.clip_branch import ResNeXt3d, ShuffleNet3d
from actloc_ros.models.yowov2.image_branch import (
    LARGE,
    NANO,
    TINY,
    ImageNet2d,
    PyramidSize,
    two_convs,
)


@dataclass(frozen=True)
class Size:
    """What sets the models apart: 2D half, 3D half and its channels, channels of the head."""

    image: PyramidSize
    motion: Callable[[], nn.Module]
    moving: int
    channels: int


SIZES = {
    'nano': Size(NANO, lambda: ShuffleNet3d((116, 232, 464)), 464, 64),
    'tiny': Size(TINY, lambda: ShuffleNet3d((224, 488, 976)), 976, 64),
    'medium': Size(LARGE, lambda: ShuffleNet3d((224, 488, 976)), 976, 128),
    'large': Size(LARGE, ResNeXt3d, 2048, 256),
}


class YOWOv2(nn.Module):
    """The network of one size.

    The key frame's features at three strides are each fused, by channel attention, with what has
    been moving in the clip; each level has a head of its own.
    """

    def __init__(self, size: Size, classes: int) -> None:
        """Build it with random weights for a number of classes."""
        super().__init__()
        channels, act, levels = size.channels, size.image.act, range(3)
        inputs = size.image.outputs + size.moving
        self.backbone_2d = nn.ModuleDict({'backbone': ImageNet2d(size.image)})
        self.backbone_3d = nn.ModuleDict({'backbone': size.motion()})
        self.cls_channel_encoders = nn.ModuleList(Fusion(inputs, channels, act) for _ in levels)
        self.reg_channel_encoders = nn.ModuleList(Fusion(inputs, channels, act) for _ in levels)
        self.heads = nn.ModuleList(Head(channels, act, size.image.depthwise) for _ in levels)
        self.conf_preds = nn.ModuleList(nn.Conv2d(channels, 1, 1) for _ in levels)
        self.cls_preds = nn.ModuleList(nn.Conv2d(channels, classes, 1) for _ in levels)
        self.reg_preds = nn.ModuleList(nn.Conv2d(channels, 4, 1) for _ in levels)

    def forward(self, clip: Tensor) -> tuple[Tensor, ...]:
        """Return the raw maps.

        Args:
            clip: (B, 3, K, H, W), RGB in [0, 255]; the key frame is the last. H and W are
                multiples of 32.

        Returns:
            At each of the strides 8, 16, 32: confidence (B, 1, h, w), classes (B, C, h, w), and
            box (B, 4, h, w) as offset from the cell's centre and log of size, in cells.
        """
        motion = self.backbone_3d['backbone'](clip)
        image = self.backbone_2d['backbone'](clip[:, :, -1])
        maps: list[Tensor] = []
        for level, (cls_map, reg_map) in enumerate(image):
            moving = F.interpolate(motion, scale_factor=2.0 ** (2 - level), mode='nearest')
            cls_map = self.cls_channel_encoders[level](cls_map, moving)
            reg_map = self.reg_channel_encoders[level](reg_map, moving)
            cls_map, reg_map = self.heads[level](cls_map, reg_map)
            maps.append(self.conf_preds[level](reg_map))
            maps.append(self.cls_preds[level](cls_map))
            maps.append(self.reg_preds[level](reg_map))
        return tuple(maps)


class Fusion(nn.Module):
    """Fuse an image's features with a clip's by convolutions and channel attention."""

    def __init__(self, inputs: int, channels: int, act: Act) -> None:
        super().__init__()
        self.fuse_convs = nn.Sequential(
            ConvBlock(inputs, channels, 1, act),
            ConvBlock(channels, channels, 3, act),
            ChannelAttention(),
            ConvBlock(channels, channels, 3, act),
            nn.Dropout(0.1),
            nn.Conv2d(channels, channels, 1),
        )

    def forward(self, image: Tensor, moving: Tensor) -> Tensor:
        """Map features of image and clip, (B, C, h, w) each, to (B, channels, h, w)."""
        return self.fuse_convs(torch.cat([image, moving], dim=1))


class Head(nn.Module):
    """Two convolutions towards what an actor does, and two towards where it is."""

    def __init__(self, channels: int, act: Act, depthwise: bool) -> None:
        super().__init__()
        self.cls_head = two_convs(channels, act, depthwise)
        self.reg_head = two_convs(channels, act, depthwise)

    def forward(self, cls_map: Tensor, reg_map: Tensor) -> tuple[Tensor, Tensor]:
        """Map features of classes and of boxes, (B, channels, h, w) each, to the same shapes."""
        return self.cls_head(cls_map), self.reg_head(reg_map)
