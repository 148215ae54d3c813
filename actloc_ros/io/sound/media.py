"""Read the sound of a video or sound file, by its own presentation times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av

from actloc_ros.io.sound.coding import SoundError, frame_samples
from actloc_ros.io.sound.stream import Piece, SoundStream
from actloc_ros.io.video_file import in_nanoseconds


def has_sound(path: Path) -> bool:
    """Say whether a file has sound that can be decoded."""
    try:
        with av.open(f'file:{path}') as container:
            return _stream(container) is not None
    except (OSError, ValueError, av.FFmpegError):
        return False


def read_sound(path: Path) -> Iterator[Piece]:
    """Yield the sound of a file, in order; packets that cannot be decoded are left out.

    Raises:
        SoundError: It has none.
    """
    try:
        container = av.open(f'file:{path}')
    except (OSError, ValueError, av.FFmpegError) as error:
        raise SoundError(f'{path} cannot be read as sound ({error})') from error
    with container:
        stream = _stream(container)
        if stream is None:
            raise SoundError(f'{path} has no sound that can be decoded')
        joined, time = SoundStream(), 0
        for frame in _frames(container, stream):
            if frame.pts is not None and frame.time_base is not None:
                time = in_nanoseconds(frame.pts, frame.time_base)
            yield from joined.add(time, frame_samples(frame), frame.sample_rate)
            time += round(frame.samples * 1e9 / frame.sample_rate)
        yield from joined.flush()


def _stream(container: av.container.InputContainer) -> av.AudioStream | None:
    streams = [s for s in container.streams.audio if s.codec_context is not None]
    best = container.streams.best('audio')
    return next((s for s in streams if s == best), streams[0] if streams else None)


def _frames(
    container: av.container.InputContainer, stream: av.AudioStream
) -> Iterator[av.AudioFrame]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except IndexError:  # of a stream that begins later, which PyAV does not know
            packets = container.demux(stream)
            continue
        except av.FFmpegError:  # the file breaks off: whoever reads its pictures says so
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue
