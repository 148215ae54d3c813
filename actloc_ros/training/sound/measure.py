"""Measure a sound classifier on clips of sources that it did not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from actloc_ros.localizer import SOUND_RATE
from actloc_ros.models.sound.onnx_classifier import SoundSpec, window_spectra
from actloc_ros.models.sound.small_network import SmallSoundNet
from actloc_ros.training.sound.clips import Clip

HOP = SOUND_RATE // 10  # as a camera of 10 Hz asks
NOISE = -60.0  # dB rms: a quiet room behind each clip
LEVEL = -12.0  # dB: the clip's peak
AROUND = 1.0  # s of the room before and after
THRESHOLD = 0.5


@dataclass
class HeldOut:
    """What held-out clips gave.

    Attributes:
        labels: Names of sounds.
        truths: Of each clip: its label's index, -1 for none.
        kinds: Its own label.
        best: The highest score of each sound while it played: (C,) each.
        seconds: How long it was listened to.
    """

    labels: tuple[str, ...]
    truths: list[int] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)
    seconds: float = 0.0

    def figures(self) -> dict[str, object]:
        """Return the figures by name; a sound counts as heard from `THRESHOLD` on."""
        truths, best = np.array(self.truths), np.stack(self.best)
        known = truths >= 0
        named = best.argmax(axis=1)[known] == truths[known]
        over = best >= THRESHOLD
        return {
            'clips': len(truths),
            'clips_with_label': int(known.sum()),
            'minutes': round(self.seconds / 60, 2),
            'best_is_right': round(float(named.mean()), 3),
            'mean_recall': round(float(np.mean([r for r, _, _ in self._rows(over)])), 3),
            'clips_of_none': int((~known).sum()),
            'clips_of_none_with_alarm': int(over[~known].any(axis=1).sum()),
            'labels': {
                label: {'clips': count, 'recall': round(recall, 3), 'false_alarms': false}
                for label, (recall, count, false) in zip(self.labels, self._rows(over), strict=True)
            },
        }

    def text(self) -> str:
        """Return the figures as a table."""
        figures = self.figures()
        lines = [f'{"sound":14} clips  recall  false alarms on other clips']
        rows = self._rows(np.stack(self.best) >= THRESHOLD)
        for label, (recall, count, false) in zip(self.labels, rows, strict=True):
            lines.append(f'{label:14} {count:5}  {recall:6.2f}  {false}')
        lines.append(
            f'right sound scores best in {figures["best_is_right"]} of'
            f' {figures["clips_with_label"]} clips; a sound is heard in'
            f' {figures["clips_of_none_with_alarm"]} of {figures["clips_of_none"]} clips of none'
        )
        return '\n'.join(lines)

    def _rows(self, over: np.ndarray) -> list[tuple[float, int, int]]:
        """Return recall, clips and false alarms on other clips of each sound."""
        truths = np.array(self.truths)
        rows = []
        for index in range(len(self.labels)):
            own = truths == index
            recall = float(over[own, index].mean()) if own.any() else 0.0
            rows.append((recall, int(own.sum()), int(over[~own, index].sum())))
        return rows


def measure(
    found: HeldOut, network: SmallSoundNet, clips: Sequence[Clip], spec: SoundSpec, seed: int
) -> None:
    """Listen to each clip in a quiet room, ten times a second, and note the highest scores."""
    random = np.random.default_rng(seed)
    for clip in clips:
        sound = in_a_room(clip, random)
        ends = range(HOP, len(sound) + 1, HOP)
        samples = round(spec.window * SOUND_RATE)
        windows = [window_spectra(sound[max(end - samples, 0) : end], spec) for end in ends]
        with torch.inference_mode():
            scores = torch.sigmoid(network(torch.from_numpy(np.stack(windows)[:, None])))
        found.truths.append(clip.label)
        found.kinds.append(clip.kind)
        found.best.append(scores.numpy().max(axis=0))
        found.seconds += len(sound) / SOUND_RATE


def in_a_room(clip: Clip, random: np.random.Generator) -> np.ndarray:
    """Return a clip with a second of a quiet room before and after it."""
    around = round(AROUND * SOUND_RATE)
    peak = max(float(np.abs(clip.samples).max()), 1e-6)
    sound = np.pad(clip.samples * min(10 ** (LEVEL / 20) / peak, 10.0), around)
    noise = random.standard_normal(len(sound)) * 10 ** (NOISE / 20)
    return (sound + noise).astype(np.float32)
