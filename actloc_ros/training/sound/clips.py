"""Read labelled clips of sound, each with who recorded it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from actloc_ros.io.sound.coding import SoundError
from actloc_ros.io.sound.media import read_sound
from actloc_ros.localizer import SOUND_RATE
from actloc_ros.training.config import ConfigError
from actloc_ros.training.sound.config import SoundData

QUIET = 0.03  # share of a clip's loudest part, about -30 dB, from which it is heard
BLOCK = SOUND_RATE // 100
LONGEST = 60.0  # s of a clip that are used


@dataclass(frozen=True, eq=False)
class Clip:
    """One recorded sound.

    Attributes:
        path: Its file.
        label: Its index among the labels to learn; -1 for none of them.
        kind: Its own label.
        source: Who recorded it: clips of one source are never split between teaching and measuring.
        samples: float32 (N,) mono in [-1, 1] at `SOUND_RATE`.
        active: bool (N,): where it is heard.
    """

    path: Path
    label: int
    kind: str
    source: str
    samples: np.ndarray
    active: np.ndarray


def read_clips(data: SoundData, folder: Path) -> list[Clip]:
    """Return the clips that settings in a folder name.

    Raises:
        ConfigError: A list or a clip cannot be read, or a label has no clip.
    """
    wanted = {
        kind: index
        for index, label in enumerate(data.labels)
        for kind in (label.of or (label.name,))
    }
    clips = []
    for name in data.clips:
        for path, kind, source in _listed(folder / Path(name).expanduser()):
            try:
                samples = _read(path)
            except SoundError as error:
                raise ConfigError(f'{name}: {error}') from error
            index = wanted.get(kind, -1)
            clips.append(Clip(path, index, kind, source, samples, _active(samples)))
    for index, label in enumerate(data.labels):
        if not any(clip.label == index for clip in clips):
            known = ', '.join(sorted({clip.kind for clip in clips}))
            raise ConfigError(f'no clip is labelled {label.name!r}; labels of clips are {known}')
    return clips


def _listed(path: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield files with their labels and sources."""
    if path.is_dir() and not (path / 'index.json').is_file():
        found = sorted(p for p in path.glob('*/*') if p.is_file() and not p.name.startswith('.'))
        if not found:
            raise ConfigError(f'{path} has no folders of clips')
        for file in found:
            yield file, file.parent.name, file.stem
        return
    file = path / 'index.json' if path.is_dir() else path
    try:
        rows = json.loads(file.read_text(encoding='utf-8'))
        for row in rows:
            if row.get('teach', 'yes') == 'yes':
                yield file.parent / row['file'], row['label'], author(row)
    except OSError as error:
        raise ConfigError(f'{file} cannot be read: {error.strerror}') from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f'{file} is no list of clips ({type(error).__name__}: {error}); each has file, label'
            ' and author'
        ) from error


def author(row: dict[str, str]) -> str:
    """Return who recorded a clip: the author without the number of the recording."""
    return re.sub(r'\s*\(.*\)', '', row.get('author', row['file']))


def _read(path: Path) -> np.ndarray:
    pieces = [piece.samples for piece in read_sound(path)]
    samples = np.concatenate([np.zeros(0, np.float32), *pieces])[: round(LONGEST * SOUND_RATE)]
    if not len(samples):
        raise SoundError(f'{path} holds no sound')
    return samples


def _active(samples: np.ndarray) -> np.ndarray:
    """Return where a clip is heard: bool (N,); nowhere where it is silent."""
    blocks = np.pad(np.abs(samples), (0, -len(samples) % BLOCK)).reshape(-1, BLOCK).max(axis=1)
    heard = blocks > max(QUIET * float(blocks.max()), 1e-4)
    # A sound that falls quiet for less than 0.1 s goes on.
    ends = np.flatnonzero(heard)
    for first, last in pairwise(ends.tolist()):
        if last - first <= 10:
            heard[first:last] = True
    return np.repeat(heard, BLOCK)[: len(samples)]


def sources_of(clips: Sequence[Clip]) -> list[str]:
    """Return all sources, sorted."""
    return sorted({clip.source for clip in clips})
