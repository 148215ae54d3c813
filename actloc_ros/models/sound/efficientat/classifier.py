"""Score sound by EfficientAT, live: windows of 2 s, four times a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from actloc_ros.localizer import SOUND_RATE, LocalizerOptions
from actloc_ros.models.checkpoints import read_checkpoint
from actloc_ros.models.entry import Task
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.loading import OpenedNetwork, load_file, open_network
from actloc_ros.models.ops.runtime import choose_device
from actloc_ros.models.registry import identify
from actloc_ros.models.sound.hearing import Hearing, listener
from actloc_ros.models.sound.localizer import SoundLocalizer
from actloc_ros.models.sound.log_mel import log_mel
from actloc_ros.models.sound.options import SoundOptions


class EfficientATClassifier:
    """AudioSet's sounds; see `SoundClassifier`.

    Networks were trained on 10 s; shorter windows score less surely and say better when a sound
    ends. Scores are rescaled so that the entry's threshold becomes 0.5.
    """

    window = 2.0
    period = 0.25

    def __init__(self, opened: OpenedNetwork, options: LocalizerOptions) -> None:
        self.labels = opened.entry.labels
        self._threshold = opened.entry.threshold
        self._device = choose_device(options.device)
        self._network = opened.network.to(self._device)

    def score(self, sound: np.ndarray) -> np.ndarray:
        """Return float32 (C,); see `SoundClassifier`."""
        samples = round(self.window * SOUND_RATE)
        padded = np.pad(sound, (max(samples - len(sound), 0), 0))[-samples:]
        spectra = torch.from_numpy(log_mel(padded.astype(np.float32)))
        with torch.inference_mode():
            logits, _ = self._network(spectra[None, None].to(self._device))
        scores = logits[0].sigmoid().cpu().numpy()
        level = self._threshold
        above = 0.5 + 0.5 * (scores - level) / (1 - level)
        return np.where(scores < level, 0.5 * scores / level, above).astype(np.float32)


def make_localizer(opened: OpenedNetwork, options: LocalizerOptions) -> SoundLocalizer:
    """Return the localizer of an opened network."""
    listen = listener(opened.entry.name, options)
    labels = SoundOptions.of(options.extra).labels
    hearing = Hearing(EfficientATClassifier(opened, options), listen, labels)
    return SoundLocalizer(opened.entry.name, hearing)


def open_by_name(model: str, options: LocalizerOptions) -> SoundLocalizer:
    """Return the localizer called `efficientat_…`.

    Raises:
        ModelError: There is no such model, its weights are not here, or nothing gives sound.
    """
    listener(model, options)  # says so before weights are read
    return make_localizer(open_network(model, options.weights, options.random_weights), options)


def open_file(path: Path, options: LocalizerOptions) -> EfficientATClassifier:
    """Return the classifier of a checkpoint, whose width its shapes say.

    Raises:
        WeightsError: It is none of EfficientAT.
    """
    found = identify(read_checkpoint(path).state)
    if found is None or found[0].task is not Task.SOUND:
        raise WeightsError(
            f'"{path}" is no checkpoint of EfficientAT; give one, or an ONNX file that'
            ' `actloc train` made'
        )
    return EfficientATClassifier(load_file(found[0].name, path), options)
