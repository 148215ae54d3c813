"""Make windows to learn from: clips at any time and loudness, in rooms, over noise."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve

from actloc_ros.localizer import SOUND_RATE
from actloc_ros.models.sound.onnx_classifier import SoundSpec, window_spectra
from actloc_ros.training.sound.clips import Clip

ENOUGH = round(0.1 * SOUND_RATE)  # samples of a sound in the newest part that make it heard
BACKGROUND = 0.3  # share of windows without any sound that is to be learned
SECOND = 0.25  # share of the others with a second one
REVERB, SILENT = 0.35, 0.15  # shares: in a room with an echo; over no noise at all
TILT = 0.35  # in the spectra's unit: how much another microphone may favour one end
REPEATED = 1.0  # s up to which a clip may come again and again, as steps do
LOUDEST, QUIETEST = -3.0, -32.0  # dB: peaks of sounds
LEAST_NOISE, MOST_NOISE = -75.0, -38.0  # dB: the noise behind them, rms


@dataclass(frozen=True, eq=False)
class Windows:
    """N windows.

    Attributes:
        spectra: float32 (N, bands, T).
        heard: float32 (N, C): 1 where a sound is in the newest part.
        counts: float32 (N, C): 0 where it is open whether it is.
        sources: Of each window, the sources of the clips in it.
    """

    spectra: np.ndarray
    heard: np.ndarray
    counts: np.ndarray
    sources: tuple[frozenset[str], ...]

    def without(self, sources: Collection[str]) -> np.ndarray:
        """Return the rows of the windows that hold nothing of some sources."""
        return np.flatnonzero([own.isdisjoint(sources) for own in self.sources])


class WindowMaker:
    """Mixes windows by chance."""

    def __init__(self, clips: Sequence[Clip], spec: SoundSpec, seed: int) -> None:
        self._spec = spec
        self._random = np.random.default_rng(seed)
        self._samples = round(spec.window * SOUND_RATE)
        self._newest = round(spec.newest * SOUND_RATE)
        self._others = [clip for clip in clips if clip.label < 0]
        self._by_label = [
            [clip for clip in clips if clip.label == index] for index in range(len(spec.labels))
        ]

    def make(self, count: int) -> Windows:
        """Return `count` windows."""
        made = [self._window() for _ in range(count)]
        *arrays, sources = zip(*made, strict=True)
        spectra, heard, counts = (np.stack(parts) for parts in arrays)
        return Windows(spectra, heard, counts, tuple(sources))

    def _window(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, frozenset[str]]:
        random, sources = self._random, set()
        sound = self._noise()
        heard = np.zeros(len(self._spec.labels), np.float32)
        counts = np.ones(len(self._spec.labels), np.float32)
        if self._others and random.random() < 0.4:
            clip = self._one_of(self._others)
            sources.add(clip.source)
            self._put(sound, clip)
        if random.random() > BACKGROUND:
            for _ in range(1 + (random.random() < SECOND)):
                label = int(random.choice([i for i, c in enumerate(self._by_label) if c]))
                clip = self._one_of(self._by_label[label])
                sources.add(clip.source)
                share = self._put(sound, clip)
                heard[label] = max(heard[label], float(share >= 1))
                counts[label] = 1.0 if heard[label] or share == 0 else 0.0
        if random.random() < REVERB:
            sound = self._echo(sound)
        spectra = window_spectra(sound.clip(-1, 1), self._spec)
        tilt = random.uniform(-TILT, TILT) * np.linspace(-1, 1, len(spectra))
        return spectra + tilt.astype(np.float32)[:, None], heard, counts, frozenset(sources)

    def _put(self, sound: np.ndarray, clip: Clip) -> float:
        """Add a clip at any time; return how much of it is in the newest part, 1 for enough."""
        random = self._random
        samples, active = self._changed(clip)
        peak = float(np.abs(samples).max())
        if peak == 0:
            return 0.0
        level = 10 ** (random.uniform(QUIETEST, LOUDEST) / 20) / peak
        enough = max(1, min(ENOUGH, int(active.sum()) // 2))
        begin = int(random.integers(-len(samples) + 1, self._samples))
        period = round(random.uniform(0.35, 0.8) * SOUND_RATE)
        again = len(samples) < REPEATED * SOUND_RATE and random.random() < 0.3
        begins = range(begin - 3 * period, self._samples, period) if again else (begin,)
        share = 0.0
        for at in begins:
            first, last = max(at, 0), min(at + len(samples), self._samples)
            if first >= last:
                continue
            sound[first:last] += level * samples[first - at : last - at]
            late = max(first, self._samples - self._newest)
            share = max(share, float(active[late - at : last - at].sum()) / enough)
        return share

    def _changed(self, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
        """Return a clip as fast and as high as another one of its kind may be."""
        speed = self._random.uniform(0.85, 1.18)
        at = np.arange(0, len(clip.samples) - 1, speed)
        below = at.astype(np.int64)
        part = (at - below).astype(np.float32)
        samples = clip.samples[below] * (1 - part) + clip.samples[below + 1] * part
        return samples, clip.active[below]

    def _noise(self) -> np.ndarray:
        """Return noise from white to brown, or silence."""
        random = self._random
        if random.random() < SILENT:
            return np.zeros(self._samples, np.float32)
        spectrum = np.fft.rfft(random.standard_normal(self._samples))
        slope = random.uniform(0.0, 1.0)
        spectrum *= np.maximum(np.arange(len(spectrum)), 20.0) ** -slope
        noise = np.fft.irfft(spectrum, self._samples)
        level = 10 ** (random.uniform(LEAST_NOISE, MOST_NOISE) / 20)
        return (noise * level / np.sqrt((noise**2).mean())).astype(np.float32)

    def _echo(self, sound: np.ndarray) -> np.ndarray:
        """Return a sound as a room gives it back: noise that fades by 60 dB in 0.1 to 0.6 s."""
        random = self._random
        fade = random.uniform(0.1, 0.6)
        length = round(fade * SOUND_RATE / 2)
        tail = random.standard_normal(length) * 10 ** (-3 * np.arange(length) / (fade * SOUND_RATE))
        tail *= random.uniform(0.1, 0.6) / np.sqrt((tail**2).sum())
        tail[0] = 1.0
        return fftconvolve(sound, tail)[: len(sound)].astype(np.float32)

    def _one_of(self, clips: Sequence[Clip]) -> Clip:
        """Return a clip by chance: each source as often."""
        sources = sorted({clip.source for clip in clips})
        source = sources[int(self._random.integers(len(sources)))]
        own = [clip for clip in clips if clip.source == source]
        return own[int(self._random.integers(len(own)))]
