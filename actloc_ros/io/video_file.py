"""Open a video file and decode the stream that a player shows, upright and by its own times."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import dropwhile, islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from actloc_ros.frames import NANOSECONDS
from actloc_ros.io.source import DEFAULT_RATE, MAX_PIXELS, SourceError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.sidedata.sidedata import SideData
    from av.video.stream import VideoStream

PROBED = 200  # packets, of which a still has one


class VideoFile:
    """A video file, open for one pass of decoding or for seeking.

    Attributes:
        container: The open file.
        stream: Of several video streams the largest, as FFmpeg chooses; never a still or a cover.
        rate: Its mean frames per second; 0 where the file does not say.
        timed: Whether the file says when its frames are shown. AVI says when they are decoded;
            frames that may be stored in another order are counted instead.

    Raises:
        SourceError: It is no video, or its frames are larger than `MAX_PIXELS`.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Open a file; `threads` decode it, 0 takes one a core."""
        self.path = path
        try:
            # Without `file:`, a name with a colon is taken for an address.
            self.container: InputContainer = av.open(f'file:{path}')
        except (OSError, ValueError, av.FFmpegError) as error:
            raise SourceError(
                f'{path} cannot be read as a video ({error}); '
                'give a video, a folder of images or a bag'
            ) from error
        try:
            self.stream = _choose(self.container, path)
        except SourceError:
            self.container.close()
            raise
        # By several, a broken frame takes others with it that are in work, or shows another
        # picture each time.
        self.stream.thread_type = 'AUTO' if threads != 1 else 'NONE'
        self.stream.thread_count = threads
        # A stream may turn larger than its header says.
        self.stream.codec_context.options = {'max_pixels': str(MAX_PIXELS)}
        self.rate = float(self.stream.average_rate or self.stream.guessed_rate or 0)
        self.timed = not (
            self.container.format.name == 'avi' and self.stream.codec_context.has_b_frames
        )

    def __enter__(self) -> VideoFile:
        """Return the open file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.container.close()

    def packets(self) -> Iterator[av.Packet]:
        """Yield the stream's packets from here on; the last is empty and ends decoding.

        Raises:
            SourceError: The file breaks off.
        """
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except IndexError:  # a packet of a stream that begins later, which PyAV does not know
                packets = self.container.demux(self.stream)
                continue
            except av.FFmpegError as error:
                raise SourceError(f'{self.path} breaks off: {error}') from error
            if packet is None:
                return
            yield packet

    def decode(self) -> Iterator[av.VideoFrame | None]:
        """Yield the frames from here on in the order in which they are shown.

        A packet that cannot be decoded gives None.

        Raises:
            SourceError: The file breaks off.
        """
        for packet in self.packets():
            try:
                yield from packet.decode()
            except av.FFmpegError:
                yield None

    def decode_from(self, shown: int, seek: int) -> Iterator[av.VideoFrame]:
        """Yield the frames from the key frame of time `shown` on.

        There are none if seeking to `seek` misses it. MPEG program streams may give the time to
        another frame then.

        Raises:
            SourceError: The file breaks off.
        """
        try:
            self.container.seek(seek, stream=self.stream)
        except av.FFmpegError:
            return iter(())
        frames = (frame for frame in self.decode() if frame is not None)
        return dropwhile(lambda frame: frame.pts != shown or not frame.key_frame, frames)

    def stamp(self, frame: av.VideoFrame, previous: int | None) -> int:
        """Return when a frame is shown, in ns; `previous` is the stamp of the frame before it."""
        if self.timed and frame.pts is not None and frame.time_base is not None:
            return in_nanoseconds(frame.pts, frame.time_base)
        return 0 if previous is None else previous + self.period

    @property
    def period(self) -> int:
        """Nominal time between frames in ns."""
        return round(NANOSECONDS / (self.rate or DEFAULT_RATE))


def _choose(container: InputContainer, path: Path) -> VideoStream:
    listed = dict(enumerate(container.streams))
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
        and stream.codec_context is not None  # there is a decoder
        and listed.get(stream.index) == stream  # PyAV finds it by its index
    ]
    if not streams:
        raise SourceError(f'{path} has no video stream that can be decoded; give a video')
    stream = streams[0] if len(streams) == 1 else _main(streams, path)
    if stream.width * stream.height > MAX_PIXELS:
        raise SourceError(
            f'{path}: {stream.width}x{stream.height} pixels are more than {MAX_PIXELS}; scale the '
            'video down'
        )
    return stream


def _main(streams: Sequence[VideoStream], path: Path) -> VideoStream:
    """Return the largest stream, as FFmpeg does, of those that are no stills."""
    with av.open(f'file:{path}') as container:
        packets = islice(container.demux(video=tuple(range(len(container.streams.video)))), PROBED)
        counts = Counter(packet.stream.index for packet in packets if packet.size)
    return max(
        streams,
        key=lambda s: (
            counts[s.index] > 1,
            bool(s.disposition & Disposition.default),
            s.width * s.height,
        ),
    )


def in_nanoseconds(pts: int, time_base: Fraction) -> int:
    """Return a time that is counted in `time_base` seconds as integer ns."""
    return round(pts * time_base * NANOSECONDS)


def upright(frame: av.VideoFrame, convert: VideoReformatter) -> np.ndarray:
    """Return a frame as uint8 (H, W, 3) RGB, turned and mirrored as its flag says.

    Args:
        frame: Of a video.
        convert: The same for all frames of the video: to prepare one takes longer than decoding.
    """
    image = convert.reformat(frame, format='rgb24').to_ndarray()
    flag = cast('SideData | None', frame.side_data.get('DISPLAYMATRIX'))
    if flag is None:
        return image
    # (x, y) is shown at (a x + c y, b x + d y); a camera is held at quarter turns.
    a, b, _, c, d, *_ = struct.unpack('=9i', bytes(flag))
    if abs(b) > abs(a):
        image, across, down = image.swapaxes(0, 1), c, b
    else:
        across, down = a, d
    image = image[:, ::-1] if across < 0 else image
    image = image[::-1] if down < 0 else image
    return np.ascontiguousarray(image)
