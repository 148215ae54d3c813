"""Read any frames of a video by their numbers, without decoding the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from actloc_ros.io.source import SourceError
from actloc_ros.io.video_file import VideoFile, upright
from actloc_ros.io.video_index import Anchor, index_frames
from actloc_ros.truth.annotations import AnnotationError


class VideoReader:
    """Gives random access to one video file.

    Frame i is the i-th that a player shows, upright. To read it, decoding begins at a key frame
    before it, or goes on where the last reading stopped.

    Raises:
        AnnotationError: The file is no video, breaks off, or shows no frame.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._convert = VideoReformatter()
        self._frames: Iterator[av.VideoFrame] = iter(())
        self._next = 0
        try:
            self._index = index_frames(path)
            self._video = VideoFile(path)
        except SourceError as error:
            raise AnnotationError(str(error)) from error

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._index.times)

    @property
    def fps(self) -> float:
        """Frames a second; 0 where the file does not say."""
        return self._video.rate

    @property
    def times(self) -> np.ndarray:
        """When each frame is shown, in ns from the first one on: int64 (N,)."""
        return self._index.times

    def read(self, numbers: Sequence[int]) -> np.ndarray:
        """Return frames as RGB: uint8 (len(numbers), height, width, 3); numbers may repeat.

        Raises:
            AnnotationError: The video has no such frame, it cannot be decoded, or they differ in
                size.
        """
        wanted = sorted(set(numbers))
        if not wanted or wanted[0] < 0 or wanted[-1] >= len(self):
            raise AnnotationError(f'{self.path} has frames 0 to {len(self) - 1}, not {wanted}')
        images = {number: self._read_one(number) for number in wanted}
        if len({image.shape for image in images.values()}) > 1:
            raise AnnotationError(f'{self.path}: frames {wanted} differ in size')
        return np.stack([images[number] for number in numbers])

    def close(self) -> None:
        """Close the file."""
        self._video.container.close()

    def _read_one(self, number: int) -> np.ndarray:
        try:
            frame = self._find(number)
        except SourceError as error:
            self._frames = iter(())
            raise AnnotationError(
                f'{self.path}: frame {number} cannot be decoded: {error}'
            ) from error
        if frame is None:
            raise AnnotationError(
                f'{self.path}: frame {number} cannot be decoded, as its packets promise; encode '
                'the video again'
            )
        return upright(frame, self._convert)

    def _find(self, number: int) -> av.VideoFrame | None:
        """Return a frame; None where decoding gives other frames than the packets promise."""
        before = [anchor for anchor in self._index.anchors if anchor.number <= number]
        if (before[-1].number if before else 0) <= self._next <= number:
            frame = self._advance(number)
            if frame is not None:
                return frame
        for anchor in reversed(before):
            self._go_to(anchor)
            frame = self._advance(number)
            if frame is not None:
                return frame
        self._go_to(None)
        return self._advance(number)

    def _advance(self, number: int) -> av.VideoFrame | None:
        for frame in self._frames:
            self._next += 1
            if self._next > number:
                return frame
        return None

    def _go_to(self, anchor: Anchor | None) -> None:
        """Begin decoding at a key frame; without one, at the start of the file."""
        if anchor is None:
            self.close()
            self._video = VideoFile(self.path)
            self._frames = (frame for frame in self._video.decode() if frame is not None)
            self._next = 0
        else:
            self._frames = self._video.decode_from(anchor.shown, anchor.seek)
            self._next = anchor.number
