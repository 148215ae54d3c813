"""Dynamic MobileNetV3 for sound: EfficientAT's `dymn` networks (Schmid et al., TASLP 2024).

From a context of its input, each block mixes the kernels of its convolutions, bends its activation
and weighs frequencies and times.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actloc_ros.models.sound.efficientat.blocks import (
    FIRST,
    HIDDEN,
    LAST,
    LAYERS,
    Layer,
    activation,
    classifier,
    convolution,
    divisible,
)

KERNELS = 4  # that are mixed
PIECES = 2  # of the dynamic ReLU
LEAST_CONTEXT, MOST_CONTEXT = 32, 128  # channels


class SoundDynamicMobileNet(nn.Module):
    """Maps log-mel spectra (B, 1, 128, T) to logits (B, C) and features (B, D)."""

    def __init__(self, classes: int, width: float) -> None:
        """Build it with channels `width` times those of MobileNetV3-Large."""
        super().__init__()
        channels = divisible(FIRST * width)
        blocks: list[nn.Module] = []
        first = channels
        for layer in LAYERS:
            blocks.append(_DynamicBlock(channels, layer, width))
            channels = divisible(layer.out * width)
        last = LAST * channels
        self.layers = nn.ModuleList(blocks)
        self.in_c = nn.Sequential(*convolution(1, first, 3, 2), nn.Hardswish())
        self.out_c = nn.Sequential(*convolution(channels, last), nn.Hardswish())
        self.classifier = classifier(last, divisible(HIDDEN * width), classes)

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits, before the sigmoid, and features: the means of the last map."""
        x = self.in_c(spectra)
        for layer in self.layers:
            x = layer(x)
        last = self.out_c(x)
        return self.classifier(last), last.mean((2, 3))


class _DynamicBlock(nn.Module):
    def __init__(self, inputs: int, layer: Layer, width: float) -> None:
        super().__init__()
        inner, out = divisible(layer.inner * width), divisible(layer.out * width)
        least, most = divisible(LEAST_CONTEXT * width), divisible(MOST_CONTEXT * width)
        context = min(max(divisible(inner / 4), least), most)
        if inner != inputs:
            self.exp_conv: nn.Module | None = _DynamicConv(inputs, inner, context)
            self.exp_norm = nn.BatchNorm2d(inner)
            self.exp_act = activation(layer.hard)
        else:
            self.exp_conv = None
        self.depth_conv = _DynamicConv(
            inner, inner, context, layer.kernel, layer.stride, groups=inner
        )
        self.depth_norm = nn.BatchNorm2d(inner)
        self.depth_act = _DynamicReLU(inner, context)
        self.proj_conv = _DynamicConv(inner, out, context)
        self.proj_norm = nn.BatchNorm2d(out)
        self.context_gen = _Context(inputs, inner, context, layer.stride)
        self._residual = layer.stride == 1 and inputs == out

    def forward(self, x: Tensor) -> Tensor:
        context, frequencies, times = self.context_gen(x)
        y = x
        if self.exp_conv is not None:
            y = self.exp_act(self.exp_norm(self.exp_conv(y, context)))
        y = self.depth_act(self.depth_norm(self.depth_conv(y, context)), context)
        y = y * frequencies.sigmoid() * times.sigmoid()
        y = self.proj_norm(self.proj_conv(y, context))
        return x + y if self._residual else y


class _Context(nn.Module):
    """Makes of (B, C, F, T) a context (B, D), and logits (B, E, F', 1) and (B, E, 1, T')."""

    def __init__(self, inputs: int, inner: int, context: int, stride: int) -> None:
        super().__init__()
        self.joint_conv = nn.Conv2d(inputs, context, 1, bias=False)
        self.joint_norm = nn.BatchNorm2d(context)
        self.conv_f = nn.Conv2d(context, inner, 1)
        self.conv_t = nn.Conv2d(context, inner, 1)
        self._stride = stride

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        sequence = torch.cat([x.mean(3, keepdim=True), x.mean(2)[..., None]], 2)
        both = F.hardswish(self.joint_norm(self.joint_conv(sequence)))
        frequencies, times = both.split([x.shape[2], x.shape[3]], 2)
        if self._stride > 1:
            frequencies, times = (
                F.avg_pool2d(part, (3, 1), (self._stride, 1), (1, 0))
                for part in (frequencies, times)
            )
        return both.mean((2, 3)), self.conv_f(frequencies), self.conv_t(times).transpose(2, 3)


class _DynamicConv(nn.Module):
    """A convolution whose kernel is a mixture of `KERNELS` by the context."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        context: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self._shape = outputs, inputs // groups, kernel, kernel
        self._stride, self._padding, self._groups = stride, (kernel - 1) // 2, groups
        size = outputs * (inputs // groups) * kernel**2
        self.weight = nn.Parameter(torch.empty(1, 1, KERNELS, size))
        nn.init.normal_(self.weight, std=(inputs // groups * kernel**2) ** -0.5)
        self.residuals = nn.Sequential(nn.Linear(context, KERNELS))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        shares = self.residuals(context).softmax(-1)
        outputs, *rest = self._shape
        weight = (shares @ self.weight[0, 0]).reshape(len(x) * outputs, *rest)
        batch = x.reshape(1, -1, *x.shape[2:])
        y = F.conv2d(batch, weight, None, self._stride, self._padding, groups=self._groups * len(x))
        return y.reshape(len(x), outputs, *y.shape[2:])


class _DynamicReLU(nn.Module):
    """The largest of `PIECES` lines a channel, whose slopes and offsets the context gives."""

    def __init__(self, channels: int, context: int) -> None:
        super().__init__()
        self.register_buffer('lambdas', torch.tensor([1.0] * PIECES + [0.5] * PIECES))
        self.register_buffer('init_v', torch.tensor([1.0] + [0.0] * (2 * PIECES - 1)))
        self.coef_net = nn.Sequential(nn.Linear(context, 2 * PIECES * channels))
        self._channels = channels

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        bent = 2 * self.coef_net(context).sigmoid() - 1
        lines = bent.reshape(-1, self._channels, 1, 1, 2 * PIECES) * self.lambdas + self.init_v
        return (x[..., None] * lines[..., :PIECES] + lines[..., PIECES:]).amax(-1)
