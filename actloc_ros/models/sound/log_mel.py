"""Make log-mel spectra of sound, as EfficientAT takes them (Schmid et al., ICASSP 2023).

Pre-emphasis, power spectra of Hann windows of 25 ms every 10 ms, 128 triangles from 0 to 15 kHz
that are even on the mel scale (as Kaldi's, not in Hz), and the logarithm, shifted to about 0.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from actloc_ros.localizer import SOUND_RATE

BANDS = 128
HOP = 320  # samples between two spectra
HIGHEST = 15_000.0  # Hz
_FFT, _WINDOW = 1024, 800
_EMPHASIS = float(np.float32(0.97))
_FLOOR = 1e-5  # of the power in a band
_SHIFT, _SCALE = 4.5, 5.0

# Window and triangles were computed in single precision where networks were trained. Of PyTorch's
# functions there, these results are not the nearest single number but the next one, by index:
# above and below. Some networks of random weights multiply such a difference by 10^5.
_COSINES = (
    (319, 479, 486, 501, 638, 645, 662),
    (6, 88, 91, 96, 237, 261, 352, 357, 451, 705, 708, 712, 722, 787, 793),
)
_LOGARITHMS = (
    (8, 13, 56, 91, 93, 98, 116, 216, 218, 221, 225, 236, 240, 245, 252, 472, 475, 476),
    (31, 38, 57, 100, 148, 243, 316, 367, 385, 387, 415, 437),
)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Return the log-mel spectra of a sound.

    Args:
        samples: float (N,) mono in [-1, 1] at `SOUND_RATE`, N above 513.

    Returns:
        (128, 1 + (N - 1) // 320), of the type of `samples`. Spectrum i is centred on sample
        320 i; at both ends the sound is reflected.
    """
    kind = samples.dtype
    sound = samples[1:] - kind.type(_EMPHASIS) * samples[:-1]
    padded = np.pad(sound, _FFT // 2, mode='reflect')
    windows = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::HOP]
    spectra = np.fft.rfft(windows * _window().astype(kind), axis=-1)
    power = (spectra.real**2 + spectra.imag**2).astype(kind)
    bands = power[:, : _FFT // 2] @ _mel_bank().T.astype(kind)
    return ((np.log(bands + kind.type(_FLOOR)) + _SHIFT) / _SCALE).T.astype(kind)


def band_below(frequency: float) -> int:
    """Return how many of the bands lie wholly below a frequency in Hz."""
    edges = np.arange(2, BANDS + 2) * _mel(HIGHEST) / (BANDS + 1)
    return int((edges <= _mel(frequency)).sum())


def _mel(frequency: np.ndarray | float) -> np.ndarray:
    return np.asarray(1127.0 * np.log1p(np.asarray(frequency, np.float64) / 700.0))


@lru_cache
def _window() -> np.ndarray:
    """Return a symmetric Hann window in the middle of `_FFT` samples, as float32."""
    single = np.float32
    angles = single(2 * np.pi / (_WINDOW - 1)) * np.arange(_WINDOW, dtype=single)
    window = single(0.5) - single(0.5) * _single(np.cos, angles, _COSINES)
    return np.pad(window, (_FFT - _WINDOW) // 2)


@lru_cache
def _mel_bank() -> np.ndarray:
    """Return the weight of each frequency in each band: float32 (128, 512)."""
    single = np.float32
    step = single(_mel(HIGHEST) / (BANDS + 1))
    frequencies = single(SOUND_RATE / _FFT) * np.arange(_FFT // 2, dtype=single)
    mels = single(1127) * _single(np.log, single(1) + frequencies / single(700), _LOGARITHMS)
    left, middle, right = (
        (np.arange(BANDS, dtype=single)[:, None] + i) * step for i in map(single, range(3))
    )
    rising, falling = (mels - left) / (middle - left), (right - mels) / (right - middle)
    return np.maximum(single(0), np.minimum(rising, falling))


def _single(
    function: np.ufunc, numbers: np.ndarray, rounded: tuple[tuple[int, ...], tuple[int, ...]]
) -> np.ndarray:
    """Return a function of float32 as float32, at some indices rounded up and down otherwise."""
    values: np.ndarray = function(numbers.astype(np.float64)).astype(np.float32)
    for indices, limit in zip(rounded, (np.inf, -np.inf), strict=True):
        values[list(indices)] = np.nextafter(values[list(indices)], np.float32(limit))
    return values
