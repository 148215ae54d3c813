"""Find the sound that belongs to a recording, and recordings of sound alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from actloc_ros.frames import NANOSECONDS, Frame, nanoseconds
from actloc_ros.io.sound import bag, media
from actloc_ros.io.sound.coding import SoundError
from actloc_ros.io.sound.track import SoundTrack
from actloc_ros.io.source import Source, SourceError, is_bag
from actloc_ros.io.source_bag import IMAGE_TYPES, open_bag
from actloc_ros.io.video_file import VideoFile
from actloc_ros.localizer import SOUND_RATE

RATE = 10.0
"""Key frames a second of a recording without pictures."""


def open_sound(source: Source, topic: str | None = None, sound_format: str = '') -> SoundTrack:
    """Return the sound of a recording.

    Args:
        source: The recording: a video or sound file, or a bag.
        topic: The sound topic of a bag; needed where it has several.
        sound_format: Of a bag, see `BagSound`.

    Raises:
        SoundError: It has no sound, or several of which none is chosen.
    """
    path = source.path
    if source.live or (path.is_dir() and not is_bag(path)):
        what = 'a live stream' if source.live else 'a folder of images'
        raise SoundError(
            f'{source.title} is {what}, whose sound is not read; give a video or a bag'
        )
    if is_bag(path):
        return SoundTrack(bag.BagSound(path, topic, sound_format).pieces)
    if not media.has_sound(path):
        raise SoundError(f'{path} has no sound that can be decoded; take a model without sound')
    return SoundTrack(lambda: media.read_sound(path))


def is_sound_alone(path: Path) -> bool:
    """Say whether a recording has sound and no pictures."""
    if not path.exists() or (path.is_dir() and not is_bag(path)):
        return False
    if is_bag(path):
        with open_bag(path) as reader:
            pictures = any(c.msgtype in IMAGE_TYPES for c in reader.connections)
        return not pictures and bag.has_sound(path)
    try:
        with VideoFile(path):
            return False
    except SourceError:
        return media.has_sound(path)


class SoundSource(Source):
    """A recording of sound alone: key frames without pictures, 0 pixels wide and high."""

    def __init__(
        self, path: Path, camera: str = '', topic: str | None = None, sound_format: str = ''
    ) -> None:
        """Find the sound; see `open_sound`."""
        self.path, self.camera, self.rate = path, camera, RATE
        if is_bag(path):
            self._read = bag.BagSound(path, topic, sound_format).pieces
        else:
            self._read = lambda: media.read_sound(path)

    def __iter__(self) -> Iterator[Frame]:
        """Yield a frame every 0.1 s, from the first of them within the sound on."""
        period, picture = nanoseconds(1 / RATE), np.zeros((0, 0, 3), np.uint8)
        stamp: int | None = None
        for piece in self._read():
            begin = piece.index * NANOSECONDS // SOUND_RATE
            if stamp is None or begin - stamp > period:  # after a gap too
                stamp = begin + period
            end = piece.end * NANOSECONDS // SOUND_RATE
            while stamp <= end:
                yield Frame(self.camera, stamp, picture)
                stamp += period
        if stamp is None:
            raise SourceError(f'{self.path} holds no sound that can be decoded')
