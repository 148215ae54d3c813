"""MobileNetV3 for sound: EfficientAT's `mn` networks (Schmid et al., ICASSP 2023)."""

from __future__ import annotations

from torch import Tensor, nn

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


class SoundMobileNet(nn.Module):
    """Maps log-mel spectra (B, 1, 128, T) to logits (B, C) and features (B, D)."""

    def __init__(self, classes: int, width: float) -> None:
        """Build it with channels `width` times those of MobileNetV3-Large."""
        super().__init__()
        channels = divisible(FIRST * width)
        layers: list[nn.Module] = [
            nn.Sequential(*convolution(1, channels, 3, 2), nn.Hardswish()),
        ]
        for layer in LAYERS:
            layers.append(_InvertedResidual(channels, layer, width))
            channels = divisible(layer.out * width)
        last = LAST * channels
        layers.append(nn.Sequential(*convolution(channels, last), nn.Hardswish()))
        self.features = nn.Sequential(*layers)
        self.classifier = classifier(last, divisible(HIDDEN * width), classes)

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits, before the sigmoid, and features: the means of the last map."""
        last = self.features(spectra)
        return self.classifier(last), last.mean((2, 3))


class _InvertedResidual(nn.Module):
    def __init__(self, inputs: int, layer: Layer, width: float) -> None:
        super().__init__()
        inner, out = divisible(layer.inner * width), divisible(layer.out * width)
        parts: list[nn.Module] = []
        if inner != inputs:
            parts.append(nn.Sequential(*convolution(inputs, inner), activation(layer.hard)))
        depthwise = convolution(inner, inner, layer.kernel, layer.stride, groups=inner)
        parts.append(nn.Sequential(*depthwise, activation(layer.hard)))
        if layer.squeeze:
            parts.append(_SqueezeExcitation(inner))
        parts.append(nn.Sequential(*convolution(inner, out)))
        self.block = nn.Sequential(*parts)
        self._residual = layer.stride == 1 and inputs == out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if self._residual else y


class _SqueezeExcitation(nn.Module):
    """Weighs channels by their means; published names hold a list, which has one part here."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conc_se_layers = nn.ModuleList([_ChannelWeights(channels)])

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.conc_se_layers[0](x)
        return x * weights


class _ChannelWeights(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, divisible(channels // 4))
        self.fc2 = nn.Linear(divisible(channels // 4), channels)

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.fc2(self.fc1(x.mean((2, 3))).relu()).sigmoid()
        return weights[:, :, None, None]
