"""Encode moments as small videos that every browser plays."""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction

import av
import cv2
import numpy as np

from actloc_ros.frames import NANOSECONDS, Frame

RATE = 10.0  # Hz
HEIGHT = 288  # pixels at most
# One thread, and no macroblock tree: the same frames give the same bytes.
QUALITY = {'crf': '29', 'preset': 'veryfast', 'mbtree': '0', 'threads': '1'}
TICKS = 10_000  # per second


def encode_clip(frames: Iterable[Frame], start: int) -> bytes:
    """Return frames as MP4 with H.264, which can be sought to each second; b'' if there are none.

    Args:
        frames: In order of time.
        start: Stamp in ns of the clip's beginning; the first frame is shown from there on.
    """
    file = io.BytesIO()
    stream = None
    with av.open(file, 'w', format='mp4') as container:
        for frame in frames:
            image = _small(frame.image)
            if stream is None:
                stream = container.add_stream('libx264', rate=Fraction(RATE), options=QUALITY)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = 'yuv420p'
                stream.codec_context.time_base = Fraction(1, TICKS)
                stream.codec_context.gop_size = round(RATE)
                tick = 0
            else:
                tick = max(tick + 1, (frame.stamp - start) * TICKS // NANOSECONDS)
            picture = av.VideoFrame.from_ndarray(image, format='rgb24')
            picture.pts, picture.time_base = tick, Fraction(1, TICKS)
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode())
    return file.getvalue() if stream is not None else b''


def _small(image: np.ndarray) -> np.ndarray:
    """Return an image at most `HEIGHT` high, of even sizes."""
    scale = min(1.0, HEIGHT / image.shape[0])
    width, height = (max(2, round(size * scale / 2) * 2) for size in image.shape[1::-1])
    if (height, width) == image.shape[:2]:
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
