"""Read any frames of a video by their numbers, without decoding the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np

from actloc_ros.datasets.annotations import AnnotationError


class VideoReader:
    """Gives random access to one video file, by an index of its packets.

    Frame i is the i-th in order of presentation. To read it, decoding begins at the key frame
    before it, or goes on where the last reading stopped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._container = av.open(str(path))
            self._stream = self._container.streams.video[0]
        except (OSError, ValueError, IndexError) as error:
            raise AnnotationError(f'{path} cannot be read as a video: {error}') from error
        packets = self._container.demux(self._stream)
        is_key = {p.pts: p.is_keyframe for p in packets if p.pts is not None}
        self._pts = sorted(is_key)
        self._number = {pts: i for i, pts in enumerate(self._pts)}
        self._key_frames = [i for i, pts in enumerate(self._pts) if is_key[pts]]
        self._decoder: Iterator[av.VideoFrame] = iter(())
        self._next = len(self._pts)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._pts)

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

    def _read_one(self, number: int) -> np.ndarray:
        start = max((k for k in self._key_frames if k <= number), default=0)
        if not start <= self._next <= number:
            self._container.seek(self._pts[start], stream=self._stream)
            self._decoder = self._container.decode(self._stream)
        for frame in self._decoder:
            at = -1 if frame.pts is None else self._number.get(frame.pts, -1)
            self._next = at + 1
            if at == number:
                return frame.to_ndarray(format='rgb24')
        raise AnnotationError(f'{self.path}: frame {number} cannot be decoded')
