"""Decode the bytes of sound messages, as `audio_common_msgs` has them: raw samples, or MP3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from actloc_ros.io.source import SourceError

HIGHEST_RATE, MOST_CHANNELS = 384_000, 32


class SoundError(SourceError):
    """Sound that cannot be used; the text says what it is and what to do."""


@dataclass(frozen=True)
class SoundFormat:
    """What the bytes of sound mean.

    Attributes:
        coding: `wave`, which is raw samples, or `mp3`, which says all else itself.
        sample_format: Of raw samples, as GStreamer calls it: `S16LE`, `F32LE`, `U8`, ….
        rate: Samples a second of raw sound.
        channels: Of raw sound; interleaved.

    Raises:
        SoundError: There is no such format.
    """

    coding: str = 'wave'
    sample_format: str = 'S16LE'
    rate: int = 16_000
    channels: int = 1

    def __post_init__(self) -> None:
        if self.coding not in ('wave', 'mp3'):
            raise SoundError(f'sound is coded as "{self.coding}"; wave and mp3 can be read')
        if self.coding == 'mp3':
            return
        _sample_type(self.sample_format)
        if not (0 < self.rate <= HIGHEST_RATE and 0 < self.channels <= MOST_CHANNELS):
            raise SoundError(
                f'sound has {self.channels} channels of {self.rate} Hz; there must be 1 to'
                f' {MOST_CHANNELS} of 1 to {HIGHEST_RATE} Hz'
            )

    @classmethod
    def of_info(cls, message: Any) -> SoundFormat:
        """Return the format that an `AudioInfo` message says."""
        coding = str(message.coding_format).lower() or 'wave'
        sample_format = str(message.sample_format).upper()
        return cls(coding, sample_format, int(message.sample_rate), int(message.channels))

    @classmethod
    def parse(cls, text: str) -> SoundFormat:
        """Return the format that a user writes: `mp3`, or `S16LE,16000,1`.

        Raises:
            SoundError: It is written otherwise.
        """
        if text.strip().lower() == 'mp3':
            return cls('mp3')
        parts = [part.strip() for part in text.split(',')]
        if len(parts) != 3 or not (parts[1].isdecimal() and parts[2].isdecimal()):
            raise SoundError(
                f'"{text}" is no format of sound; write mp3, or SAMPLES,RATE,CHANNELS such as'
                ' S16LE,16000,1'
            )
        return cls('wave', parts[0].upper(), int(parts[1]), int(parts[2]))


Block = tuple[np.ndarray, int]
"""Samples, float32 (N, channels) in [-1, 1], and their rate in Hz."""


class SoundDecoder:
    """Decodes the messages of one topic, in order."""

    def __init__(self, sound_format: SoundFormat) -> None:
        self.format = sound_format
        self._codec: Any = None
        if sound_format.coding == 'mp3':
            self._codec = av.CodecContext.create('mp3', 'r')

    def decode(self, data: bytes) -> list[Block]:
        """Return the blocks that a message's bytes complete; of MP3, a message may complete none.

        Raises:
            SoundError: They are not of the format.
        """
        if self._codec is None:
            return [(_raw_samples(data, self.format), self.format.rate)]
        blocks, fault = [], None
        for packet in self._codec.parse(data):
            try:
                frames = self._codec.decode(packet)
            except av.FFmpegError as error:  # such as a part whose beginning was not received
                fault = error
            else:
                blocks += [(frame_samples(frame), frame.sample_rate) for frame in frames]
        if fault is not None and not blocks:
            raise SoundError(f'sound that should be MP3 cannot be decoded: {fault}')
        return blocks


def frame_samples(frame: av.AudioFrame) -> np.ndarray:
    """Return the samples of a decoded frame, float32 (N, channels) in [-1, 1]."""
    array = frame.to_ndarray()
    if not frame.format.is_planar:
        array = array.reshape(-1, len(frame.layout.channels)).T
    return _scaled(array.T, array.dtype)


def _raw_samples(data: bytes, sound_format: SoundFormat) -> np.ndarray:
    kind, size = _sample_type(sound_format.sample_format)
    if len(data) % (size * sound_format.channels):
        raise SoundError(
            f'{len(data)} bytes of sound are no whole number of {sound_format.channels} samples of'
            f' {sound_format.sample_format}'
        )
    if size == 3:  # which NumPy does not have: the upper three of four bytes
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        order = slice(1, 4) if kind.byteorder != '>' else slice(0, 3)
        wide[:, order] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data = wide.tobytes()
    array = np.frombuffer(data, kind).reshape(-1, sound_format.channels)
    return _scaled(array, kind)


def _scaled(array: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Return numbers of any kind as float32 in [-1, 1]."""
    if kind.kind == 'f':
        return np.nan_to_num(array.astype(np.float32)).clip(-1, 1)
    half = 2.0 ** (8 * kind.itemsize - 1)
    shift = half if kind.kind == 'u' else 0.0
    return ((array.astype(np.float64) - shift) / half).astype(np.float32)


def _sample_type(name: str) -> tuple[np.dtype, int]:
    """Return the NumPy type and the size in bytes of a sample format.

    Raises:
        SoundError: There is none of this name.
    """
    sizes = {'8': 1, '16': 2, '24': 3, '32': 4, '64': 8}
    kind, bits, order = name[:1], name[1:].rstrip('BEL'), name[1:].lstrip('0123456789')
    known = kind in 'SUF' and bits in sizes and order in ('LE', 'BE', '')
    whole = (kind == 'F' and bits in ('32', '64')) or (kind in 'SU' and bits != '64')
    if not (kind and known and whole) or (order == '' and bits != '8'):
        raise SoundError(
            f'"{name}" is no sample format that can be read; such are S16LE, S32LE, F32LE and U8'
        )
    width = max(sizes[bits], 4 if bits == '24' else 1)
    code = {'S': 'i', 'U': 'u', 'F': 'f'}[kind]
    return np.dtype(f'{">" if order == "BE" else "<"}{code}{width}'), sizes[bits]
