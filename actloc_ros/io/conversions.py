"""Turn image messages into frames and depth images, without a copy where the encoding allows.

The functions read fields alone, so that they take rclpy's messages and those of rosbags alike.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import cv2
import numpy as np

from actloc_ros.files import one_line
from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.io.image_file import ImageError, decode_image
from actloc_ros.messages import stamp_of

MILLIMETRE = 0.001
LONGEST_NAME = 60  # characters of what a message names that are repeated


class FrameError(ValueError):
    """An image message that holds no usable image.

    Attributes:
        kind: What is wrong, in one word: `stamp`, `size`, `step`, `data`, `encoding` or
            `compressed`.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Encoding(NamedTuple):
    """How an encoding's pixels lie in memory, and how they become RGB."""

    dtype: type[np.generic]
    channels: int
    to_rgb: int | None = None


ENCODINGS = {
    'rgb8': Encoding(np.uint8, 3),
    'bgr8': Encoding(np.uint8, 3, cv2.COLOR_BGR2RGB),
    'rgba8': Encoding(np.uint8, 4, cv2.COLOR_RGBA2RGB),
    'bgra8': Encoding(np.uint8, 4, cv2.COLOR_BGRA2RGB),
    'mono8': Encoding(np.uint8, 1, cv2.COLOR_GRAY2RGB),
    'rgb16': Encoding(np.uint16, 3),
    'bgr16': Encoding(np.uint16, 3, cv2.COLOR_BGR2RGB),
    'rgba16': Encoding(np.uint16, 4, cv2.COLOR_RGBA2RGB),
    'bgra16': Encoding(np.uint16, 4, cv2.COLOR_BGRA2RGB),
    'mono16': Encoding(np.uint16, 1, cv2.COLOR_GRAY2RGB),
    '8UC1': Encoding(np.uint8, 1, cv2.COLOR_GRAY2RGB),
    '8UC3': Encoding(np.uint8, 3, cv2.COLOR_BGR2RGB),
    '8UC4': Encoding(np.uint8, 4, cv2.COLOR_BGRA2RGB),
    '16UC1': Encoding(np.uint16, 1, cv2.COLOR_GRAY2RGB),
    '32FC1': Encoding(np.float32, 1, cv2.COLOR_GRAY2RGB),
    'yuv422': Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_YUY2),
    'yuyv': Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_YUY2),
    'bayer_rggb8': Encoding(np.uint8, 1, cv2.COLOR_BayerBG2RGB),
    'bayer_bggr8': Encoding(np.uint8, 1, cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg8': Encoding(np.uint8, 1, cv2.COLOR_BayerGR2RGB),
    'bayer_grbg8': Encoding(np.uint8, 1, cv2.COLOR_BayerGB2RGB),
    'bayer_rggb16': Encoding(np.uint16, 1, cv2.COLOR_BayerBG2RGB),
    'bayer_bggr16': Encoding(np.uint16, 1, cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg16': Encoding(np.uint16, 1, cv2.COLOR_BayerGR2RGB),
    'bayer_grbg16': Encoding(np.uint16, 1, cv2.COLOR_BayerGB2RGB),
}
"""Encodings of one plane that are read here; cv_bridge reads others where it is installed."""


class Planes(NamedTuple):
    """How an encoding's plane of chroma lies below that of luma: U and V in turns, or V and U.

    Attributes:
        half: Whether it has a pair for 2x2 pixels; else for each.
        u: Where U stands in a pair.
    """

    half: bool
    u: int


PLANAR = {
    'nv12': Planes(half=True, u=0),
    'nv21': Planes(half=True, u=1),
    'nv24': Planes(half=False, u=0),
    'nv42': Planes(half=False, u=1),
}
"""Encodings of two planes, as cameras' own processors give them."""


def image_to_frame(message: Any, camera: str) -> Frame:
    """Return the frame in a `sensor_msgs` `Image` or `CompressedImage`.

    `rgb8` is a view of the message's data, all else is converted. Of 16 bits the upper 8 count;
    `32FC1` goes from 0 (black) to 1 (white), and NaN is black.

    Raises:
        FrameError: The message holds no usable image; the text says why.
    """
    nanosec = message.header.stamp.nanosec
    if not 0 <= nanosec < NANOSECONDS:
        raise FrameError(
            'stamp', f'the stamp has {nanosec} nanoseconds; a second has {NANOSECONDS}'
        )
    image = _decompress(message) if hasattr(message, 'format') else _decode(message)
    return Frame(camera, stamp_of(message.header.stamp), image, message.header.frame_id)


def depth_to_metres(message: Any) -> np.ndarray:
    """Return the depth image in an `Image`: float32 (height, width) in m; NaN where unknown.

    `16UC1` and `mono16` count millimetres, and 0 means unknown (REP-118); `32FC1` holds metres.

    Raises:
        FrameError: The message holds no usable depth image.
    """
    pixels = image_view(message)
    if message.encoding in ('16UC1', 'mono16'):
        return np.where(pixels == 0, np.nan, pixels * np.float32(MILLIMETRE)).astype(np.float32)
    if message.encoding == '32FC1':
        return pixels
    raise FrameError(
        'encoding', f'depth has encoding {_quoted(message.encoding)}; it must be 16UC1 or 32FC1'
    )


def image_view(message: Any) -> np.ndarray:
    """Return the pixels of an `Image` as they lie in it: a view, unless bytes are to be swapped.

    The shape is (height, width) for one channel, else (height, width, channels).

    Raises:
        FrameError: Size, step, data or encoding do not fit.
    """
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        raise _unknown(message.encoding)
    dtype = np.dtype(encoding.dtype).newbyteorder('>' if message.is_bigendian else '<')
    pixel = dtype.itemsize * encoding.channels
    _check(message, pixel)
    view = np.ndarray(
        shape=(message.height, message.width, encoding.channels),
        dtype=dtype,
        buffer=memoryview(message.data),
        strides=(message.step, pixel, dtype.itemsize),
    )
    native = view if dtype.isnative else view.astype(dtype.newbyteorder('='))
    return native[..., 0] if encoding.channels == 1 else native


def _check(message: Any, pixel: int) -> None:
    """Refuse an image whose numbers contradict each other; `pixel` is a pixel's size in bytes."""
    height, width, step, size = message.height, message.width, message.step, len(message.data)
    if height < 1 or width < 1:
        raise FrameError('size', f'the image is {width}x{height} pixels')
    if step < width * pixel:
        raise FrameError(
            'step',
            f'step is {step} bytes; {width} pixels of {message.encoding} need {width * pixel}',
        )
    if size != step * height:
        raise FrameError(
            'data', f'data has {size} bytes; step {step} times height {height} is {step * height}'
        )


def _decode(message: Any) -> np.ndarray:
    """Return an `Image` as RGB: uint8 (height, width, 3)."""
    if message.encoding in PLANAR:
        return cv2.cvtColor(_packed(message), cv2.COLOR_YUV2RGB_YUY2)
    if message.encoding not in ENCODINGS:
        return _bridge(message)
    pixels = _to_8_bits(image_view(message))
    to_rgb = ENCODINGS[message.encoding].to_rgb
    if to_rgb is None:
        return pixels
    try:
        return cv2.cvtColor(pixels, to_rgb)
    except cv2.error:
        raise FrameError(
            'size', f'{message.encoding} cannot be {message.width}x{message.height} pixels'
        ) from None


def _packed(message: Any) -> np.ndarray:
    """Return an `Image` of two planes as YUY2: uint8 (height, width, 2)."""
    half, u = PLANAR[message.encoding]
    height, width, step = message.height, message.width, message.step
    if height < 1 or width < 1 or width % 2 or (half and height % 2):
        raise FrameError('size', f'{message.encoding} cannot be {width}x{height} pixels')
    if step < width:
        raise FrameError('step', f'step is {step} bytes; {width} pixels need {width}')
    chroma_step = step if half else 2 * step
    expected = step * height + chroma_step * (height // 2 if half else height)
    if len(message.data) != expected:
        raise FrameError(
            'data',
            f'data has {len(message.data)} bytes; {message.encoding} of step {step} and height '
            f'{height} has {expected}',
        )
    data = np.frombuffer(memoryview(message.data), np.uint8)
    packed = np.empty((height, width, 2), np.uint8)
    packed[..., 0] = data[: step * height].reshape(height, step)[:, :width]
    pairs = data[step * height :].reshape(-1, chroma_step)
    pairs = pairs[:, :width].repeat(2, axis=0) if half else pairs[:, : 2 * width]
    pairs = pairs.reshape(height, -1, 2)[:, :: 1 if half else 2]  # one for two pixels
    packed[:, ::2, 1], packed[:, 1::2, 1] = pairs[..., u], pairs[..., 1 - u]
    return packed


def _bridge(message: Any) -> np.ndarray:
    try:
        from cv_bridge import CvBridge
    except ImportError:
        raise _unknown(message.encoding) from None
    _check(message, pixel=1)
    try:
        return CvBridge().imgmsg_to_cv2(message, 'rgb8')
    except Exception as error:  # also what its compiled half raises, e.g. with another NumPy
        text = f'cv_bridge raises {type(error).__name__}: {one_line(error)}'
        raise FrameError('encoding', f'encoding {_quoted(message.encoding)}: {text}') from None


def _unknown(encoding: str) -> FrameError:
    return FrameError(
        'encoding',
        f'encoding {_quoted(encoding)} is not one of {", ".join([*ENCODINGS, *PLANAR])}; others'
        ' need cv_bridge, which is not installed',
    )


def _quoted(name: str) -> str:
    """Return what a message names, in one line whatever it is."""
    return json.dumps(name[:LONGEST_NAME], ensure_ascii=False)


def _decompress(message: Any) -> np.ndarray:
    """Return a `CompressedImage` as RGB: uint8 (height, width, 3)."""
    if 'compressedDepth' in message.format:
        raise FrameError(
            'encoding', f'format {_quoted(message.format)} is depth and no camera image'
        )
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        return decode_image(bytes(message.data), flags)
    except ImageError as error:
        raise FrameError('compressed', f'{error} (format {_quoted(message.format)})') from None


def _to_8_bits(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint16:
        return (pixels >> 8).astype(np.uint8)
    if pixels.dtype == np.float32:
        return (np.clip(np.nan_to_num(pixels), 0, 1) * 255).round().astype(np.uint8)
    return pixels
