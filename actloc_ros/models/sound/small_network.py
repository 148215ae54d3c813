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
GROUP = 4  # neighbouring bands that are taken together
STATISTICS = 8
HIDDEN = 96


class SmallSoundNet(nn.Module):
    """Maps log-mel spectra (B, 1, bands, T) to logits (B, C) of sounds in the newest part.

    A layer of two perceptrons over statistics: of each group of bands the mean, the highest value,
    the spread and the mean change from one spectrum to the next, in the newest part and in all.
    A few dozen clips are too little for more.
    """

    def __init__(self, classes: int, bands: int, newest: float, dropout: float = 0.3) -> None:
        """Build it for `classes` sounds; `newest` is the length in s of the newest part."""
        super().__init__()
        self._columns = max(2, round(newest * SOUND_RATE / HOP))
        self._groups = bands // GROUP
        self.head = nn.Sequential(
            nn.BatchNorm1d(STATISTICS * self._groups),
            nn.Dropout(dropout),
            nn.Linear(STATISTICS * self._groups, HIDDEN),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(HIDDEN, classes),
        )

    def statistics(self, spectra: Tensor) -> Tensor:
        """Return what the perceptrons take: (B, 8 * groups)."""
        bands = spectra[:, 0, : self._groups * GROUP]
        grouped = bands.reshape(len(bands), self._groups, GROUP, -1).mean(2)
        parts = []
        for part in (grouped[..., -self._columns :], grouped):
            mean = part.mean(-1)
            spread = ((part - mean[..., None]) ** 2).mean(-1).sqrt()
            change = (part[..., 1:] - part[..., :-1]).abs().mean(-1)
            parts += [mean, part.amax(-1), spread, change]
        return torch.cat(parts, -1)

    def forward(self, spectra: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.head(self.statistics(spectra))
        return logits


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
