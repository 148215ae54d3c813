"""Fuzz images: raw and compressed messages, and files."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from hypothesis import strategies as st

from actloc_ros.io.conversions import (
    ENCODINGS,
    PLANAR,
    FrameError,
    depth_to_metres,
    image_to_frame,
)
from actloc_ros.io.frame_folder import FrameFolder
from actloc_ros.io.sources import open_source
from fuzz.mutate import mutate_bytes
from fuzz.target import WORDS, Target, draw

SUFFIXES = ('.png', '.jpg', '.bmp', '.tiff', '.webp', '.ppm', '.pgm')
FORMATS = ('jpeg', 'png', '', 'rgb8; jpeg compressed bgr8', '16UC1; compressedDepth png', '\0')
NATURALS = st.integers(0, 2**32 - 1)
SIDES = st.one_of(st.integers(0, 40), NATURALS)

HEADERS = st.builds(
    SimpleNamespace,
    stamp=st.builds(SimpleNamespace, sec=st.integers(-(2**31), 2**31 - 1), nanosec=NATURALS),
    frame_id=WORDS,
)
IMAGES = st.builds(
    SimpleNamespace,
    header=HEADERS,
    height=SIDES,
    width=SIDES,
    encoding=st.one_of(st.sampled_from([*ENCODINGS, *PLANAR, 'rgb8 ', '32FC3']), WORDS),
    is_bigendian=st.integers(0, 255),
    step=SIDES,
    data=st.binary(max_size=200),
)


def _make_image(random: Random, _folder: Path) -> SimpleNamespace:
    """Return an `Image` that fits together but for a field or two, or one of any values."""
    message = draw(IMAGES, random)
    if random.random() < 0.2:
        return message
    encodings = [*ENCODINGS, *PLANAR]
    message.encoding = encoding = random.choice(encodings)
    message.height, message.width = (random.choice((1, 2, 3, 4, 7, 16)) for _ in range(2))
    known = ENCODINGS.get(encoding)
    pixel = np.dtype(known.dtype).itemsize * known.channels if known else 1
    message.step = message.width * pixel + random.choice((0, 0, 1, 3, 16))
    rows = 1 if known else 1.5 if PLANAR[encoding].half else 3
    length = int(message.step * message.height * rows) + random.choice((0, 0, 0, 0, -1, 1))
    message.data = random.randbytes(max(0, length))
    message.header.stamp.nanosec %= 10**9
    for _ in range(random.choice((0, 0, 1))):
        other = draw(IMAGES, random)
        field = random.choice(('height', 'width', 'encoding', 'step', 'data', 'header'))
        setattr(message, field, getattr(other, field))
    return message


def _run_image(message: SimpleNamespace) -> None:
    try:
        depth = depth_to_metres(message)
        assert depth.dtype == np.float32
        assert depth.shape == (message.height, message.width)
    except FrameError:
        pass
    _check(image_to_frame(message, 'camera').image, message.height, message.width)


def _check(image: np.ndarray, height: int, width: int) -> None:
    assert image.dtype == np.uint8, image.dtype
    assert image.shape == (height, width, 3), image.shape
    assert min(image.shape) > 0


@cache
def encoded_images() -> dict[str, list[bytes]]:
    """Return small images of every format and depth, by suffix."""
    rng = np.random.default_rng(0)
    found: dict[str, list[bytes]] = {}
    for suffix in SUFFIXES:
        for shape in ((24, 32), (24, 32, 3), (24, 32, 4)):
            for dtype in (np.uint8, np.uint16, np.float32):
                picture = (rng.random(shape) * np.iinfo(np.uint8).max).astype(dtype)
                try:
                    done, data = cv2.imencode(suffix, picture)
                except cv2.error:  # the format has no such depth
                    continue
                if done:
                    found.setdefault(suffix, []).append(data.tobytes())
    return found


def _broken_image(random: Random) -> tuple[str, bytes]:
    suffix = random.choice(SUFFIXES)
    return suffix, mutate_bytes(random, random.choice(encoded_images()[suffix]))


def _make_compressed(random: Random, _folder: Path) -> SimpleNamespace:
    header = draw(HEADERS, random)
    header.stamp.nanosec %= 10**9
    form = random.choice(FORMATS)
    return SimpleNamespace(header=header, format=form, data=_broken_image(random)[1])


def _run_compressed(message: SimpleNamespace) -> None:
    image = image_to_frame(message, 'camera').image
    _check(image, *image.shape[:2])


def _make_folder(random: Random, folder: Path) -> Path:
    pictures = folder / 'pictures'
    pictures.mkdir()
    for number in range(random.randint(1, 3)):
        suffix, data = _broken_image(random)
        if random.random() < 0.4:
            data = random.choice(encoded_images()[suffix])
        suffix = random.choice((suffix, suffix.upper(), random.choice(SUFFIXES)))
        (pictures / f'{random.choice(("", "._", "a", "²"))}{number}{suffix}').write_bytes(data)
    return pictures


def _run_folder(folder: Path) -> None:
    source = open_source(folder)
    shown = [frame.image for frame in source]
    for image in shown:
        _check(image, *image.shape[:2])
    assert len(shown) + source.broken == source.length
    frames = FrameFolder(folder)
    read = [_read(frames, number) for number in range(len(frames))]
    usable = [image for image in read if image is not None]
    assert len(usable) == len(shown)
    assert all(np.array_equal(a, b) for a, b in zip(usable, shown, strict=True))


def _read(frames: FrameFolder, number: int) -> Any:
    from actloc_ros.truth.annotations import AnnotationError

    try:
        return frames.read([number])[0]
    except AnnotationError:
        return None


TARGETS = (
    Target('image', _make_image, _run_image, 12),
    Target('compressed_image', _make_compressed, _run_compressed, 10, encoded_images),
    Target('image_folder', _make_folder, _run_folder, 8, encoded_images),
)
