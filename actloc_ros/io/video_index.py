"""Find out which frames a video shows, and from where each can be decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from actloc_ros.io.source import SourceError
from actloc_ros.io.video_file import VideoFile, in_nanoseconds

# Longer videos are decoded at both ends alone, unless their packets leave a doubt.
DECODED_WHOLE = 3000
REMEMBERED = 4096  # videos


@dataclass(frozen=True)
class Anchor:
    """A key frame at which decoding can begin.

    Attributes:
        number: Of the frame.
        shown: When it is shown, in the stream's time base.
        seek: The time to seek, in the stream's time base.
    """

    number: int
    shown: int
    seek: int


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The frames that a video shows, in order.

    Attributes:
        times: int64 (N,), when each is shown, in ns from the first one on.
        anchors: Where decoding can begin, rising; none where only the file's start is sure.
    """

    times: np.ndarray
    anchors: tuple[Anchor, ...]


@dataclass(frozen=True)
class _Packet:
    """A packet: when it is shown and decoded, in the stream's time base, and its flags."""

    shown: int | None
    decoded: int | None
    is_key: bool
    is_sound: bool


def index_frames(path: Path) -> FrameIndex:
    """Return which frames a video shows; it is remembered until the file changes.

    Packets are no frames: edit lists hide some, others need a key frame that was cut off, are
    broken, or have no time of their own. So a video is decoded once, unless it is long and nothing
    in its packets is odd.

    Raises:
        OSError: The file cannot be read.
        SourceError: It is no video, breaks off, or shows no frame.
    """
    about = path.stat()
    return _index(path.resolve(), about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=REMEMBERED)
def _index(path: Path, _mtime: int, _size: int) -> FrameIndex:
    packets = _read_packets(path)
    with VideoFile(path) as video:
        sought = [] if _is_reordered(video, packets) else packets
        if len(sought) > DECODED_WHOLE and _is_plain(packets):
            shown = sorted(p.shown for p in packets if p.shown is not None)
            anchors = _anchors(shown, packets)
            if _ends_agree(video, shown, anchors):
                return FrameIndex(_times(video, shown), anchors)
    decoded, keys, times = _decode(path)
    anchors = _anchors(decoded, sought)
    return FrameIndex(times, tuple(anchor for anchor in anchors if anchor.number in keys))


def _read_packets(path: Path) -> list[_Packet]:
    with VideoFile(path) as video:
        return [
            _Packet(p.pts, p.dts, p.is_keyframe, not (p.is_discard or p.is_corrupt))
            for p in video.packets()
            if p.size
        ]


def _is_reordered(video: VideoFile, packets: Sequence[_Packet]) -> bool:
    """Say whether times are those of decoding: in AVI, of which Xvid also leaves frames out."""
    return video.container.format.name == 'avi' and (
        video.stream.codec_context.name == 'mpeg4' or any(p.shown != p.decoded for p in packets)
    )


def _is_plain(packets: Sequence[_Packet]) -> bool:
    """Say whether each packet is surely a frame, shown at a time of its own."""
    shown = [p.shown for p in packets if p.shown is not None]
    decoded = [p.decoded for p in packets if p.decoded is not None]
    return (
        len(set(shown)) == len(packets)
        and all(p.is_sound for p in packets)
        and all(before < after for before, after in pairwise(decoded))
        and packets[0].is_key
        and packets[0].shown == min(shown)
    )


def _ends_agree(video: VideoFile, shown: Sequence[int], anchors: Sequence[Anchor]) -> bool:
    """Say whether decoding gives the frames that the packets promise, at the start and the end."""
    if not anchors:
        return False
    first, last = anchors[min(1, len(anchors) - 1)], anchors[-1]
    begin = [f and f.pts for f in islice(video.decode(), first.number + 1)]
    end = [f.pts for f in video.decode_from(last.shown, last.seek)]
    return begin == shown[: first.number + 1] and end == shown[last.number :]


def _anchors(shown: Sequence[int | None], packets: Sequence[_Packet]) -> tuple[Anchor, ...]:
    """Return where decoding can begin: key frames shown at times that no other frame has."""
    alone = {time for time, count in Counter(shown).items() if count == 1}
    number = {time: number for number, time in enumerate(shown)}
    found = (
        # Seeking goes by decoding time, where a packet has one.
        Anchor(number[p.shown], p.shown, p.shown if p.decoded is None else p.decoded)
        for p in packets
        if p.is_key and p.shown is not None and p.shown in alone
    )
    return tuple(sorted(found, key=lambda anchor: anchor.number))


def _times(video: VideoFile, shown: Sequence[int]) -> np.ndarray:
    unit = video.stream.time_base
    assert unit is not None
    return _from_zero([in_nanoseconds(time, unit) for time in shown])


def _decode(path: Path) -> tuple[list[int | None], set[int], np.ndarray]:
    """Return when each frame is shown in the time base, which are key frames, and times in ns."""
    shown: list[int | None] = []
    keys: set[int] = set()
    stamps: list[int] = []
    with VideoFile(path) as video:
        for frame in video.decode():
            if frame is not None:
                if frame.key_frame:
                    keys.add(len(shown))
                stamps.append(video.stamp(frame, stamps[-1] if stamps else None))
                shown.append(frame.pts)
    if not shown:
        raise SourceError(f'{path} holds no frame that can be decoded')
    return shown, keys, _from_zero(stamps)


def _from_zero(stamps: Sequence[int]) -> np.ndarray:
    return np.array(stamps, np.int64) - stamps[0]
