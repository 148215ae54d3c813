"""Fuzz sound files of several containers, and a classifier of sounds."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from random import Random

import av
import numpy as np

from fuzz.mutate import mutate_bytes
from fuzz.target import Target

RATE = 16_000
KINDS = {'wav': 'pcm_s16le', 'flac': 'flac', 'mka': 'pcm_s16le', 'ogg': 'flac'}
MOST = 120.0  # s of sound that the fraction of a second in a file may become


@cache
def _sounds() -> dict[str, bytes]:
    samples = np.random.default_rng(0).integers(-9000, 9000, (1, RATE // 2), np.int16)
    found = {}
    for suffix, codec in KINDS.items():
        file = io.BytesIO()
        names = {'mka': 'matroska'}
        with av.open(file, 'w', format=names.get(suffix, suffix)) as container:
            stream = container.add_stream(codec, rate=RATE, layout='mono')
            frame = av.AudioFrame.from_ndarray(samples, format='s16', layout='mono')
            frame.sample_rate, frame.pts = RATE, 0
            for packet in (*stream.encode(frame), *stream.encode(None)):
                container.mux(packet)
        found[suffix] = file.getvalue()
    return found


def _make(random: Random, folder: Path) -> Path:
    suffix = random.choice(sorted(KINDS))
    path = folder / f'broken.{suffix}'
    path.write_bytes(mutate_bytes(random, _sounds()[suffix]))
    return path


def _run(path: Path) -> None:
    from actloc_ros.io.sound.media import read_sound

    count = 0
    for piece in read_sound(path):
        count += len(piece.samples)
        assert np.isfinite(piece.samples).all()
        assert count < MOST * RATE, count


def _import() -> None:
    import actloc_ros.io.sound.media  # noqa: F401

    _sounds()


TARGETS = (Target('sound', _make, _run, 1, _import),)
