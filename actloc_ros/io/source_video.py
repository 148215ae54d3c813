"""Read a video file as frames, upright and by their own presentation times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.io.source import DEFAULT_RATE, Source, SourceError

if TYPE_CHECKING:
    from av.container import InputContainer


class VideoSource(Source):
    """The first video stream of a file, turned upright where a flag says how it was held."""

    def __init__(self, path: Path, camera: str) -> None:
        """Read the file's properties; see `open_source`."""
        self.path, self.camera = path, camera
        with self._open() as container:
            stream = container.streams.video[0]
            self.rate = float(stream.average_rate or stream.guessed_rate or 0)
            self.length = stream.frames or None
            # AVI does not say when a frame is shown, and here they are stored in another order.
            self._counted = container.format.name == 'avi' and stream.codec_context.has_b_frames

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; their stamps are presentation times in ns."""
        self.broken = 0
        stamp = -round(NANOSECONDS / (self.rate or DEFAULT_RATE))
        good = 0
        convert = VideoReformatter()
        for frame in self._decode():
            stamp = self._stamp(frame, stamp)
            good += 1
            yield Frame(self.camera, stamp, upright(frame, convert))
        if not good:
            raise SourceError(f'{self.path} holds no frame that can be decoded')

    def _open(self) -> InputContainer:
        try:
            container = av.open(f'file:{self.path}')  # a colon is no protocol
        except (OSError, ValueError) as error:  # FFmpeg's errors are subclasses of these
            raise SourceError(
                f'{self.path} cannot be read as a video ({error}); '
                'give a video, a folder of images or a bag'
            ) from error
        if not container.streams.video:
            container.close()
            raise SourceError(f'{self.path} has no video stream')
        return container

    def _decode(self) -> Iterator[av.VideoFrame]:
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = 'AUTO'
            packets = container.demux(stream)
            while True:
                try:
                    packet = next(packets, None)
                except av.FFmpegError as error:
                    raise SourceError(f'{self.path} breaks off: {error}') from error
                if packet is None:
                    return
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    self.broken += 1
                    continue
                yield from frames

    def _stamp(self, frame: av.VideoFrame, previous: int) -> int:
        if self._counted or frame.pts is None or frame.time_base is None:
            return previous + round(NANOSECONDS / (self.rate or DEFAULT_RATE))
        return round(frame.pts * frame.time_base * NANOSECONDS)


def upright(frame: av.VideoFrame, convert: VideoReformatter) -> np.ndarray:
    """Return a frame as uint8 (H, W, 3) RGB, turned as its flag says.

    Args:
        frame: Of a video.
        convert: The same for all frames of the video: to prepare one takes longer than decoding.
    """
    image = convert.reformat(frame, format='rgb24').to_ndarray()
    quarters = round(frame.rotation / 90) % 4  # counter-clockwise
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image
