"""Cut clips out of recordings: packets as they are from a key frame on, or frames to the point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from itertools import chain, dropwhile
from pathlib import Path

import av

from actloc_ros.files import OutputError, make_folder, one_line, refuse_input, write_whole
from actloc_ros.frames import NANOSECONDS, nanoseconds
from actloc_ros.io.source import DEFAULT_RATE, SourceError
from actloc_ros.io.video_file import VideoFile
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.recordings.footage import read_spans
from actloc_ros.recordings.index.open import Index
from actloc_ros.recordings.search.engine import Hit
from actloc_ros.recordings.search.naming import file_name, is_video

COPIED = '.mkv'  # holds what any other container holds, with any times
ENCODED = '.mp4'
EARLIER = 1  # s; twice as many each time that a seek comes out too late


def write_clips(
    folder: Path, hits: Sequence[Hit], index: Index, exact: bool = False, margin: float = 0.0
) -> Iterator[Path]:
    """Write a clip of each hit, and yield its path.

    A clip of a video is copied from the last key frame before the hit to its end, which changes no
    pixel and takes little time. With `exact`, and of bags and folders of images, frames are
    decoded and encoded again, so that it begins and ends where the hit does.

    Args:
        folder: Where to; it is made.
        hits: What to cut.
        index: That they are from.
        exact: Whether a clip begins where its hit does.
        margin: Time in s that is kept before and after.

    Raises:
        SourceError: A recording is not there any more, or has no frame at that time.
        OutputError: A clip cannot be written.
    """
    make_folder(folder)
    digits = len(str(len(hits)))
    for number, hit in enumerate(hits, 1):
        recording = Path(hit.recording)
        if not recording.exists():
            raise SourceError(f'{recording} is not there any more; a clip needs the recording')
        copies = is_video(recording) and not exact
        name = file_name(recording.name, hit.camera, hit.label or 'nobody')
        path = folder / f'{number:0{digits}d}_{name}{COPIED if copies else ENCODED}'
        refuse_input(path, recording)
        span = (hit.start - nanoseconds(margin), hit.end + nanoseconds(margin))
        if copies:
            _copy(recording, path, span)
        else:
            _encode(hit, path, span, index)
        yield path


def _copy(recording: Path, path: Path, span: tuple[int, int]) -> None:
    """Copy the packets of the main video stream that a span needs, with times from 0."""
    with ExitStack() as stack:
        video = stack.enter_context(VideoFile(recording))
        if not video.timed:
            raise SourceError(f'{recording} does not say when its frames are shown; use --exact')
        base = video.stream.time_base or Fraction(1, NANOSECONDS)
        packets = _packets(video, base, span)
        first = next(packets, None)
        if first is None:
            raise SourceError(f'{recording} has no frame at {span[0] / NANOSECONDS:.1f} s')
        partial = stack.enter_context(write_whole(path))
        try:
            with av.open(str(partial), 'w') as output:
                stream = output.add_stream_from_template(video.stream)
                zero = (first.dts if first.pts is None else first.pts) or 0
                for packet in chain([first], packets):
                    packet.stream = stream
                    packet.pts = None if packet.pts is None else packet.pts - zero
                    packet.dts = None if packet.dts is None else packet.dts - zero
                    output.mux(packet)
        except (av.FFmpegError, ValueError) as error:
            raise OutputError(
                f'{path} cannot be copied ({one_line(error)}); use --exact to encode it again'
            ) from error


def _packets(video: VideoFile, base: Fraction, span: tuple[int, int]) -> Iterator[av.Packet]:
    """Yield the packets from the key frame at or before a span to the last one that it needs."""
    start, end = (round(Fraction(stamp, NANOSECONDS) / base) for stamp in span)
    for packet in _from_key_frame(video, base, start):
        # By the time of decoding, which rises: what is shown until the end is decoded by then.
        if _decoded(packet) > end:
            return
        yield packet


def _from_key_frame(video: VideoFile, base: Fraction, start: int) -> Iterator[av.Packet]:
    """Yield packets from the last key frame on that is shown at `start` or before."""
    packets = _from_before(video, base, start)
    kept: list[av.Packet] = []
    for packet in packets:
        if packet.is_keyframe and _shown(packet) <= start:
            kept = []
        kept.append(packet)
        if _decoded(packet) > start:
            break
    return chain(kept, packets)


def _from_before(video: VideoFile, base: Fraction, start: int) -> Iterator[av.Packet]:
    """Yield packets from a key frame on that is shown at `start` or before, if there is one."""
    back = 0
    while back <= start:
        packets = _sought(video, start - back)
        first = next(packets, None)
        if first is not None and _shown(first) <= start:
            return chain([first], packets)
        # Streams without an index are sought to any frame, and their next key frame may be later.
        back = 2 * back or round(EARLIER / base)
    return _sought(video, 0)


def _sought(video: VideoFile, start: int) -> Iterator[av.Packet]:
    """Yield packets from the first key frame on that a seek gives."""
    try:
        video.container.seek(start, stream=video.stream, backward=True)
    except av.FFmpegError:
        video.container.seek(0)
    timed = (p for p in video.packets() if p.dts is not None or p.pts is not None)
    return dropwhile(lambda packet: not packet.is_keyframe, timed)  # the last one is empty


def _shown(packet: av.Packet) -> int:
    return packet.pts if packet.pts is not None else packet.dts or 0


def _decoded(packet: av.Packet) -> int:
    return packet.dts if packet.dts is not None else packet.pts or 0


def _encode(hit: Hit, path: Path, span: tuple[int, int], index: Index) -> None:
    whole = span[0], span[1] + 1  # with its last stamp
    rate = partial(index.image_rate, hit.view)
    frames = (f for _, f in read_spans(Path(hit.recording), hit.camera, [whole], rate))
    first = next(frames, None)
    if first is None:
        raise SourceError(
            f'{hit.recording} has no frame from {hit.span[0]:.1f} to {hit.span[1]:.1f} s; was it '
            'changed since it was indexed?'
        )
    with VideoWriter(path, DEFAULT_RATE) as writer:
        writer.write(first.stamp, first.image)
        for frame in frames:
            writer.write(frame.stamp, frame.image)
