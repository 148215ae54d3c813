"""Write frames to a video file by their own times."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from actloc_ros.files import OutputError, write_whole
from actloc_ros.frames import NANOSECONDS

TICKS = 90_000  # per second, as usual in video
# The macroblock tree of x264 reads memory that nobody wrote: without it, and with one thread, the
# same frames give the same file.
QUALITY: dict[str, str] = {'crf': '20', 'preset': 'veryfast', 'mbtree': '0', 'threads': '1'}
CODEC = 'h264' if 'libx264' in av.codecs_available else 'mpeg4'
BIT_RATE = 4_000_000  # where there is no H.264


class VideoWriter:
    """Writes an mp4 (or what the path's suffix says) with H.264, else MPEG-4.

    Use it as a context: leaving it completes the file, which appears whole or, after an error, not
    at all. The first frame gives the size.
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
        """Open a file beside the path.

        Raises:
            OutputError: It cannot be written, or its suffix says no format for these videos.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            file = stack.enter_context(write_whole(self._path))
            self._container = stack.enter_context(self._open(file))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the file, also when the user ends the program; leave none after an error."""
        if isinstance(error, Exception) or (error is not None and self._stream is None):
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            if self._stream is None:
                raise OutputError(f'{self._path} is not written: there was no frame')
            self._container.mux(self._stream.encode())

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

    def _open(self, file: Path) -> OutputContainer:
        """Open a container that can hold what is written."""
        try:
            container = av.open(str(file), 'w')
        except ValueError as error:  # FFmpeg knows no format of this name
            raise OutputError(self._no_format()) from error
        if CODEC not in container.supported_codecs:
            container.close()
            raise OutputError(self._no_format())
        return container

    def _no_format(self) -> str:
        return f'{self._path} names no format for this video; use .mp4, .mkv, .mov or .avi'

    def _start(self, height: int, width: int) -> VideoStream:
        if CODEC == 'h264':
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
