"""Find out which frames a video shows, and from where each can be decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from actloc_ros.io.index_cache import Anchor, FrameIndex, load_index, store_index
from actloc_ros.io.source import SourceError
from actloc_ros.io.video_file import VideoFile

LONG = 3000  # frames, from which decoding takes so long that what came of it is kept
REMEMBERED = 4096  # videos


@dataclass(frozen=True)
class _Packet:
    """A packet: when it is shown and decoded, in the time base, and whether it is a key frame."""

    shown: int | None
    decoded: int | None
    is_key: bool


@dataclass(frozen=True)
class _Decoded:
    """What decoding shows: times in the time base and in ns, key frames, and broken packets."""

    shown: list[int | None]
    stamps: list[int]
    keys: set[int]
    broken: int


def index_frames(path: Path) -> FrameIndex:
    """Return which frames a video shows; it is remembered until the file changes.

    Packets are no frames: edit lists hide some, others need a key frame that was cut off, are
    broken, or have no time of their own. So each video is decoded once; of a long one, what came
    of it is kept in the user's cache too.

    Raises:
        OSError: The file cannot be read.
        SourceError: It is no video, breaks off, or shows no frame.
    """
    about = path.stat()
    return _index(path.resolve(), about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=REMEMBERED)
def _index(path: Path, mtime: int, size: int) -> FrameIndex:
    key = path, mtime, size
    index = load_index(key)
    if index is None:
        index = _make_index(path)
        if len(index.times) > LONG:
            store_index(key, index)
    return index


def _make_index(path: Path) -> FrameIndex:
    packets = _read_packets(path)
    with VideoFile(path) as video:
        sought = [] if _is_reordered(video, packets) else packets
    decoded = _decode(path, threads=0) if len(packets) > LONG else None
    # Of what is damaged, one thread shows most, and always the same.
    if decoded is None or decoded.broken or len(decoded.shown) != len(packets):
        decoded = _decode(path, threads=1)
    if not decoded.shown:
        raise SourceError(f'{path} holds no frame that can be decoded')
    anchors = _anchors(decoded.shown, sought)
    times = np.array(decoded.stamps, np.int64) - decoded.stamps[0]
    return FrameIndex(times, tuple(a for a in anchors if a.number in decoded.keys))


def _read_packets(path: Path) -> list[_Packet]:
    with VideoFile(path) as video:
        return [_Packet(p.pts, p.dts, p.is_keyframe) for p in video.packets() if p.size]


def _is_reordered(video: VideoFile, packets: Sequence[_Packet]) -> bool:
    """Say whether times are those of decoding: in AVI, of which Xvid also leaves frames out."""
    return video.container.format.name == 'avi' and (
        video.stream.codec_context.name == 'mpeg4' or any(p.shown != p.decoded for p in packets)
    )


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


def _decode(path: Path, threads: int) -> _Decoded:
    """Decode a video by so many threads; 0 takes one a core."""
    found = _Decoded([], [], set(), 0)
    with VideoFile(path, threads) as video:
        for frame in video.decode():
            if frame is None:
                found = replace(found, broken=found.broken + 1)
                continue
            if frame.key_frame:
                found.keys.add(len(found.shown))
            found.stamps.append(video.stamp(frame, found.stamps[-1] if found.stamps else None))
            found.shown.append(frame.pts)
    return found
