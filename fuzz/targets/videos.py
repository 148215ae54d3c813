"""Fuzz videos: whole containers of several kinds, of which bytes are changed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random

import av
import numpy as np

from actloc_ros.io.media import open_frames
from actloc_ros.io.sources import open_source
from fuzz.mutate import mutate_bytes
from fuzz.target import Target

FRAMES, HEIGHT, WIDTH = 8, 48, 64
KINDS = (
    *(('.mp4', 'libx264'), ('.mkv', 'libx264'), ('.ts', 'libx264'), ('.mov', 'mpeg4')),
    *(('.avi', 'mpeg4'), ('.avi', 'mjpeg'), ('.mpg', 'mpeg2video'), ('.webm', 'libvpx')),
    *(('.flv', 'flv1'), ('.mp4', 'libx265'), ('.mkv', 'ffv1'), ('.gif', 'gif'), ('.wmv', 'wmv2')),
)
FRAGMENTED = {'movflags': 'frag_keyframe+empty_moov'}


def _write(path: Path, codec: str, options: dict[str, str]) -> None:
    rng = np.random.default_rng(0)
    with av.open(str(path), 'w', options=options) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = {'mjpeg': 'yuvj420p', 'gif': 'rgb8'}.get(codec, 'yuv420p')
        stream.codec_context.gop_size = 4
        base = rng.integers(0, 255, (HEIGHT // 8, WIDTH // 8, 3), np.uint8).repeat(8, 0)
        for number in range(FRAMES):
            image = np.roll(base.repeat(8, 1), 4 * number, 1)
            frame = av.VideoFrame.from_ndarray(image, 'rgb24')
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@cache
def whole_videos() -> list[tuple[str, bytes]]:
    """Return small videos of several kinds: suffix and content."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (suffix, codec) in enumerate(KINDS):
            if codec not in av.codecs_available:
                continue
            path = Path(folder) / f'{number}{suffix}'
            _write(path, codec, {})
            found.append((suffix, path.read_bytes()))
            if suffix == '.mp4':
                _write(path, codec, FRAGMENTED)
                found.append((suffix, path.read_bytes()))
    return found


@cache
def small_video() -> Path:
    """Return a whole video of 8 frames of 64x48 at 10 Hz, which stays until the process ends."""
    path = Path(_folder().name) / 'vid.mp4'
    _write(path, 'mpeg4', {})
    return path


@cache
def _folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory()


def _make(random: Random, folder: Path) -> Path:
    suffix, data = random.choice(whole_videos())
    path = folder / f'broken{suffix}'
    path.write_bytes(mutate_bytes(random, data, 3))
    return path


def _run(path: Path) -> None:
    """Read a video as a recording and as part of a data set: both are to show the same frames."""
    shown = [frame.image for frame in _some(iter(open_source(path)))]
    frames = open_frames(path)
    count = len(frames)
    assert len(frames.times) == count
    assert count == len(shown) or count > len(shown) == MOST, f'{count} frames, {len(shown)} shown'
    for number, image in enumerate(shown):
        assert np.array_equal(frames.read([number])[0], image), f'frame {number}'
    # Where headers are broken, a decoder that has met other ones shows other pictures.
    for number in (0, count // 2, count - 1):
        assert frames.read([number]).shape[3] == 3
    frames.close()


MOST = 500  # frames of an input that are read


def _some(frames: Iterator) -> Iterator:
    for number, frame in enumerate(frames):
        if number == MOST:
            return
        yield frame


TARGETS = (Target('video', _make, _run, 5, whole_videos),)
