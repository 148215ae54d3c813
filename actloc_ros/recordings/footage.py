"""Read spans of a recording without decoding what lies between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import av
from av.video.reformatter import VideoReformatter

from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.io.image_file import ImageError, read_image
from actloc_ros.io.source import SourceError, is_bag, refuse_unless_file
from actloc_ros.io.video_file import VideoFile, upright

FAR = 5 * NANOSECONDS  # a gap that is worth a seek
MARGIN = NANOSECONDS  # sought earlier by that, as frames are stored in another order
Span = tuple[int, int]
"""Stamps in ns: from, and before which."""
Stamped = Iterator[tuple[int, av.VideoFrame]]


def read_spans(
    path: Path, camera: str, spans: Sequence[Span], rate: Callable[[], float]
) -> Iterator[tuple[int, Frame]]:
    """Yield the frames of spans of one camera, each with the number of its span.

    Frames that cannot be decoded are left out.

    Args:
        path: A video, a folder of images or a bag.
        camera: Its name; of a bag the image topic.
        spans: Rising, without overlap.
        rate: Returns the frames per second of a folder of images; asked of such alone.

    Raises:
        SourceError: There is no such recording, or it cannot be read.
    """
    if not path.exists():
        raise SourceError(
            f'{path} is not where it was when it was indexed; bring it back, or index it again'
        )
    refuse_unless_file(path)
    if is_bag(path):
        return _bag_spans(path, camera, spans)
    if path.is_dir():
        return _folder_spans(path, camera, spans, rate())
    return _video_spans(path, camera, spans)


def _video_spans(path: Path, camera: str, spans: Sequence[Span]) -> Iterator[tuple[int, Frame]]:
    convert = VideoReformatter()
    with VideoFile(path) as video:
        frames, now = _from_here(video), 0
        for number, (start, end) in enumerate(spans):
            if video.timed and start - now > FAR:
                frames = _from(video, path, start)
            for stamp, frame in frames:
                now = stamp
                if stamp >= end:
                    frames = chain([(stamp, frame)], frames)
                    break
                if stamp >= start:
                    yield number, Frame(camera, stamp, upright(frame, convert))


def _from_here(video: VideoFile) -> Stamped:
    previous: int | None = None
    for frame in video.decode():
        if frame is not None:
            previous = video.stamp(frame, previous)
            yield previous, frame


def _from(video: VideoFile, path: Path, start: int) -> Stamped:
    """Return frames that begin no later than `start`, by a seek; else from the file's beginning."""
    base = video.stream.time_base
    assert base is not None  # as every stream has one
    try:
        video.container.seek(int((start - MARGIN) / NANOSECONDS / base), stream=video.stream)
        frames = _from_here(video)
        first = next(frames, None)
    except av.FFmpegError:
        first = None
    if first is not None and first[0] <= start:
        return chain([first], frames)
    return _whole(path)


def _whole(path: Path) -> Stamped:
    with VideoFile(path) as video:
        yield from _from_here(video)


def _folder_spans(
    path: Path, camera: str, spans: Sequence[Span], rate: float
) -> Iterator[tuple[int, Frame]]:
    from actloc_ros.io.source_folder import image_files

    number = 0
    for index, file in enumerate(image_files(path)):
        stamp = round(index * NANOSECONDS / rate)
        while number < len(spans) and stamp >= spans[number][1]:
            number += 1
        if number == len(spans):
            return
        if stamp >= spans[number][0]:
            try:
                yield number, Frame(camera, stamp, read_image(file))
            except (ImageError, OSError):
                continue


def _bag_spans(path: Path, camera: str, spans: Sequence[Span]) -> Iterator[tuple[int, Frame]]:
    from actloc_ros.io.source_bag import BagSource

    # A camera that does not begin so was named by a user, and is the only one of its bag.
    topic = camera if camera.startswith('/') else None
    return BagSource(path, topic, camera).frames_within(spans)
