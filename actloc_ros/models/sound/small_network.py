"""Define the small sound classifier that is trained here, and write it as ONNX."""

from __future__ import annotations

import io
import warnings

import onnx
import torch
from torch import Tensor, nn

from actloc_ros.localizer import SOUND_RATE
from actloc_ros.models.sound.log_mel import HOP
from actloc_ros.models.sound.onnx_classifier import METADATA, SoundSpec

OPSET = 17
WIDTHS = (16, 24, 40, 64, 96)
STEP = 8  # spectra that one column of the last map stands for


class SmallSoundNet(nn.Module):
    """Maps log-mel spectra (B, 1, bands, T) to logits (B, C) of sounds in the newest part.

    Five convolutions, all but the first separable; the last map is averaged over frequencies, and
    its newest columns are told apart from those before.
    """

    def __init__(self, classes: int, newest: float, dropout: float = 0.2) -> None:
        """Build it for `classes` sounds; `newest` is the length in s of the newest part."""
        super().__init__()
        first, *others = WIDTHS
        layers: list[nn.Module] = [_block(1, first, 2, 2)]
        strides = ((2, 2), (2, 2), (2, 1), (2, 1))
        inputs = first
        for width, (down, along) in zip(others, strides, strict=True):
            layers.append(_separable(inputs, width, down, along))
            inputs = width
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(3 * inputs, classes))
        self._columns = max(1, round(newest * SOUND_RATE / HOP / STEP))

    def forward(self, spectra: Tensor) -> Tensor:
        """Return logits."""
        columns = self.trunk(spectra).mean(2)
        newest, before = columns[..., -self._columns :], columns[..., : -self._columns]
        parts = [newest.amax(-1), newest.mean(-1), before.mean(-1)]
        logits: Tensor = self.head(torch.cat(parts, -1))
        return logits


def _block(inputs: int, outputs: int, down: int, along: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, (down, along), 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _separable(inputs: int, outputs: int, down: int, along: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, (down, along), 1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        *_block_1x1(inputs, outputs),
    )


def _block_1x1(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


class _Probabilities(nn.Module):
    def __init__(self, network: SmallSoundNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, spectra: Tensor) -> Tensor:
        return torch.sigmoid(self.network(spectra))


def to_onnx(network: SmallSoundNet, spec: SoundSpec) -> bytes:
    """Return the network as an ONNX file for one window, with what it is inside.

    Input `spectra` (1, 1, bands, T), output `scores` (1, C) in [0, 1]; float32.
    """
    spectra = torch.zeros(1, 1, spec.bands, columns_of(spec.window))
    file = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # the exporter says that it is deprecated
        torch.onnx.export(
            _Probabilities(network.eval()),
            (spectra,),
            file,  # type: ignore[arg-type]
            input_names=['spectra'],
            output_names=['scores'],
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(file.getvalue())
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA, spec.to_json()
    return model.SerializeToString(deterministic=True)


def columns_of(window: float) -> int:
    """Return how many spectra a window of `window` s has."""
    return 1 + (round(window * SOUND_RATE) - 1) // HOP
