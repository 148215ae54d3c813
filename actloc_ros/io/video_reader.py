"""Read any frames of a video by their numbers, without decoding the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from actloc_ros.io.source_video import upright
from actloc_ros.truth.annotations import AnnotationError


class VideoReader:
    """Gives random access to one video file, by an index of its packets.

    Frame i is the i-th in order of presentation, upright. To read it, decoding begins at the key
    frame before it, or goes on where the last reading stopped. AVI files do not say when a frame
    is shown: where frames may be stored in another order, or left out as equal to the one before
    (Xvid), they are decoded once to be counted, and again from the first on to be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._convert = VideoReformatter()
        self._open()
        try:
            # Shown at, decoded at, whether a key frame. The packets themselves would fill memory.
            packets = [
                (p.pts, p.dts, p.is_keyframe) for p in self._container.demux(self._stream) if p.size
            ]
        except (OSError, ValueError) as error:  # FFmpeg's errors are subclasses of these
            raise AnnotationError(f'{path} breaks off: {error}') from error
        times = sorted(shown for shown, _, _ in packets if shown is not None)
        avi = self._container.format.name == 'avi'
        unsure = self._stream.codec_context.name == 'mpeg4' or any(a != b for a, b, _ in packets)
        self._counted = len(times) < len(packets) or (avi and unsure)
        self._length = self._count() if self._counted else len(packets)
        self._number = {shown: number for number, shown in enumerate(times)}
        # Seeking goes by decoding time, where a packet has one; it is never after the other.
        self._starts = sorted(
            (self._number[shown], shown if decoded is None else decoded)
            for shown, decoded, is_key in packets
            if is_key and shown is not None and not self._counted
        )
        self._decoder: Iterator[av.VideoFrame] = iter(())
        self._next = self._length

    def __len__(self) -> int:
        """Return the number of frames."""
        return self._length

    @property
    def fps(self) -> float:
        """Frames a second; 0 where the file does not say."""
        return float(self._stream.average_rate or self._stream.guessed_rate or 0)

    def read(self, numbers: Sequence[int]) -> np.ndarray:
        """Return frames as RGB: uint8 (len(numbers), height, width, 3); numbers may repeat.

        Raises:
            AnnotationError: The video has no such frame, or it cannot be decoded.
        """
        wanted = sorted(set(numbers))
        if not wanted or wanted[0] < 0 or wanted[-1] >= len(self):
            raise AnnotationError(f'{self.path} has frames 0 to {len(self) - 1}, not {wanted}')
        images = {number: self._read_one(number) for number in wanted}
        return np.stack([images[number] for number in numbers])

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _open(self) -> None:
        try:
            self._container = av.open(f'file:{self.path}')  # a colon is no protocol
            self._stream = self._container.streams.video[0]
        except (OSError, ValueError, IndexError) as error:
            raise AnnotationError(f'{self.path} cannot be read as a video: {error}') from error

    def _count(self) -> int:
        try:
            self._go_to(None)
            return sum(1 for _ in self._decoder)
        except (OSError, ValueError) as error:
            raise AnnotationError(f'{self.path} cannot be decoded: {error}') from error

    def _read_one(self, number: int) -> np.ndarray:
        start, stamp = max((s for s in self._starts if s[0] <= number), default=(0, None))
        try:
            if not start <= self._next <= number:
                self._go_to(stamp)
            for frame in self._decoder:
                at = self._next if self._counted else self._find(frame)
                self._next = at + 1
                if at == number:
                    return upright(frame, self._convert)
        except (OSError, ValueError) as error:
            self._next = self._length
            raise AnnotationError(
                f'{self.path}: frame {number} cannot be decoded: {error}'
            ) from error
        self._next = self._length
        raise AnnotationError(f'{self.path}: frame {number} cannot be decoded')

    def _find(self, frame: av.VideoFrame) -> int:
        return -1 if frame.pts is None else self._number.get(frame.pts, -1)

    def _go_to(self, stamp: int | None) -> None:
        """Begin decoding at the key frame of this stamp; without one, at the first frame."""
        if stamp is None:
            self.close()
            self._open()
            self._next = 0
        else:
            self._container.seek(stamp, stream=self._stream)
        self._decoder = self._container.decode(self._stream)
