"""Write frames to a video file by their own times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from actloc_ros.frames import NANOSECONDS

TICKS = 90_000  # per second, as usual in video
# The macroblock tree of x264 reads memory that nobody wrote: without it, and with one thread, the
# same frames give the same file.
QUALITY: dict[str, str] = {'crf': '20', 'preset': 'veryfast', 'mbtree': '0', 'threads': '1'}
BIT_RATE = 4_000_000  # where there is no H.264


class VideoWriter:
    """Writes an mp4 (or what the path's suffix says) with H.264, else MPEG-4.

    Use it as a context: leaving it completes the file. The first frame gives the size.
    """

    def __init__(self, path: str | Path, rate: float = 30.0) -> None:
        """Prepare a video.

        Args:
            path: The file to write; an older one is replaced.
            rate: Nominal frames per second, above 0.
        """
        self._path = Path(path)
        self._rate = Fraction(rate).limit_denominator(1001)
        self._stream: VideoStream | None = None
        self._origin = 0  # stamp in ns of tick 0
        self._tick = -1

    def __enter__(self) -> VideoWriter:
        """Open the file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(str(self._path), 'w')
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the file."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def write(self, stamp: int, image: np.ndarray) -> None:
        """Add a frame: `stamp` in ns, `image` uint8 (H, W, 3) RGB.

        A stamp that does not rise (a looped recording) follows one frame after the one before.
        """
        if self._stream is None:
            self._stream, self._origin = self._start(*image.shape[:2]), stamp
        fitted = _fit(image, self._stream.height, self._stream.width)
        frame = av.VideoFrame.from_ndarray(fitted, format='rgb24')
        frame.pts = self._next_tick(stamp)
        frame.time_base = Fraction(1, TICKS)
        self._container.mux(self._stream.encode(frame))

    def _start(self, height: int, width: int) -> VideoStream:
        if 'libx264' in av.codecs_available:
            stream = self._container.add_stream('libx264', rate=self._rate, options=QUALITY)
        else:
            stream = self._container.add_stream('mpeg4', rate=self._rate)
            stream.bit_rate = BIT_RATE
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = 'yuv420p'  # wants even sizes
        stream.codec_context.time_base = Fraction(1, TICKS)
        return stream

    def _next_tick(self, stamp: int) -> int:
        if self._ticks(stamp) <= self._tick:
            next_tick = self._tick + round(TICKS / self._rate)
            self._origin = stamp - round(Fraction(next_tick * NANOSECONDS, TICKS))
        self._tick = self._ticks(stamp)
        return self._tick

    def _ticks(self, stamp: int) -> int:
        return round(Fraction((stamp - self._origin) * TICKS, NANOSECONDS))


def _fit(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the image in the video's size: padded to even sizes, or scaled if it has changed."""
    below, right = height - image.shape[0], width - image.shape[1]
    if 0 <= below <= 1 and 0 <= right <= 1:
        return np.pad(image, ((0, below), (0, right), (0, 0)), mode='edge')
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
