"""Run a small sound classifier by ONNX Runtime, without PyTorch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from actloc_ros.files import one_line
from actloc_ros.localizer import SOUND_RATE
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.onnx_runtime import CPU, open_session
from actloc_ros.models.sound.log_mel import log_mel

METADATA = 'actloc_ros'


@dataclass(frozen=True)
class SoundSpec:
    """What a file of a small sound classifier says of itself.

    Attributes:
        labels: Names of sounds.
        window: Length in s of the sound that it takes.
        bands: Number of the lowest log-mel bands that it takes.
        newest: Length in s of the newest part of the window, in which a sound counts.
        licence: Of the weights.
        source: What they were made of.
    """

    labels: tuple[str, ...]
    window: float
    bands: int
    newest: float
    licence: str = 'unknown'
    source: str = ''

    def to_json(self) -> str:
        """Return the description as JSON text."""
        return json.dumps({'sound': asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> SoundSpec:
        """Return the description that `to_json` wrote.

        Raises:
            ValueError: The text is none.
        """
        values = json.loads(text)['sound']
        known = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or not set(values) <= known:
            raise ValueError('it describes no sound classifier')
        return cls(**{**values, 'labels': tuple(values['labels'])})


class OnnxSoundClassifier:
    """A network (1, 1, bands, T) -> (1, C) of probabilities; see `SoundClassifier`.

    Raises:
        WeightsError: The file is no such network.
    """

    period = 0.0

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            self._session = open_session(str(path), (CPU,), threads)
            metadata = self._session.get_modelmeta().custom_metadata_map
            self.spec = SoundSpec.from_json(metadata[METADATA])
        except Exception as error:  # ONNX Runtime's own classes have no common one
            raise WeightsError(
                f'"{path}" is no sound classifier: {one_line(error)}; `actloc train` makes one'
            ) from error
        self.labels, self.window = self.spec.labels, self.spec.window
        self._input = self._session.get_inputs()[0].name

    def score(self, sound: np.ndarray) -> np.ndarray:
        """Return float32 (C,); see `SoundClassifier`."""
        spectra = window_spectra(sound, self.spec)
        scores: np.ndarray = self._session.run(None, {self._input: spectra[None, None]})[0]
        return scores[0]


def window_spectra(sound: np.ndarray, spec: SoundSpec) -> np.ndarray:
    """Return what the network takes of float32 (N,): float32 (bands, T)."""
    samples = round(spec.window * SOUND_RATE)
    padded = np.pad(sound, (max(samples - len(sound), 0), 0))[-samples:]
    return np.ascontiguousarray(log_mel(padded.astype(np.float32))[: spec.bands])
