"""State the layers that MobileNetV3 and its dynamic form share: widths, kernels, strides."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

FIRST, LAST, HIDDEN = 16, 6, 1280  # channels; the last is a factor of those before


@dataclass(frozen=True)
class Layer:
    """One inverted residual of MobileNetV3-Large (Howard et al., 2019), before widening.

    Attributes:
        inner: Channels within.
        out: Channels after it.
        kernel: Of the depthwise convolution.
        stride: Likewise.
        squeeze: Whether channels are weighed by their means.
        hard: Whether it activates by Hardswish; else by ReLU.
    """

    inner: int
    out: int
    kernel: int = 3
    stride: int = 1
    squeeze: bool = False
    hard: bool = True


LAYERS = (
    Layer(16, 16, hard=False),
    Layer(64, 24, stride=2, hard=False),
    Layer(72, 24, hard=False),
    Layer(72, 40, 5, 2, squeeze=True, hard=False),
    Layer(120, 40, 5, squeeze=True, hard=False),
    Layer(120, 40, 5, squeeze=True, hard=False),
    Layer(240, 80, stride=2),
    Layer(200, 80),
    Layer(184, 80),
    Layer(184, 80),
    Layer(480, 112, squeeze=True),
    Layer(672, 112, squeeze=True),
    Layer(672, 160, 5, 2, squeeze=True),
    Layer(960, 160, 5, squeeze=True),
    Layer(960, 160, 5, squeeze=True),
)


def divisible(channels: float) -> int:
    """Return a multiple of 8 near a number of channels, and no more than a tenth below it."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


def activation(hard: bool) -> nn.Module:
    """Return the activation of a layer."""
    return nn.Hardswish() if hard else nn.ReLU()


def convolution(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    """Return a convolution without bias and its batch norm."""
    padding = (kernel - 1) // 2
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]


def classifier(inputs: int, hidden: int, classes: int) -> nn.Sequential:
    """Return what maps the last map (B, C, F, T) to logits (B, classes)."""
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(inputs, hidden),
        nn.Hardswish(),
        nn.Dropout(0.2),
        nn.Linear(hidden, classes),
    )
