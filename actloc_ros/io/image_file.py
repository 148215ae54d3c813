"""Decode images, and refuse those that are cut off, or larger in memory than they may be."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from actloc_ros.io.source import MAX_PIXELS

PNG_START = b'\x89PNG'
JPEG_START, JPEG_END = b'\xff\xd8', b'\xff\xd9'


class ImageError(ValueError):
    """An image that cannot be used; the text says why."""


def read_image(file: Path) -> np.ndarray:
    """Return an image file as uint8 (H, W, 3) RGB, whatever its depth, upright.

    Raises:
        ImageError: It is no image, is cut off, or has more than `MAX_PIXELS`.
        OSError: It cannot be read.
    """
    if not file.is_file():
        raise ImageError(f'{file} is no file')
    data = file.read_bytes()
    try:
        return decode_image(data)
    except ImageError as error:
        raise ImageError(f'{file}: {error}') from None


def decode_image(data: bytes, flags: int = cv2.IMREAD_COLOR) -> np.ndarray:
    """Return an encoded image as uint8 (H, W, 3) RGB.

    Args:
        data: The bytes of a file.
        flags: OpenCV's, of `imread`.

    Raises:
        ImageError: It is no image, is cut off, or has more than `MAX_PIXELS`.
    """
    # OpenCV before 4.14 fills what is missing with grey.
    if data[:2] == JPEG_START and not _jpeg_is_whole(data):
        raise ImageError(f'the JPEG of {len(data)} bytes has no end: it is truncated')
    # OpenCV makes room for whatever length a part claims.
    if data[:4] == PNG_START and not _png_is_whole(data):
        raise ImageError(f'the PNG of {len(data)} bytes has no end: it is truncated')
    size = image_size(data)
    if size is None:
        raise ImageError(f'data of {len(data)} bytes is no image of a known kind')
    if size[0] * size[1] > MAX_PIXELS:
        raise ImageError(f'{size[0]}x{size[1]} pixels are more than {MAX_PIXELS}')
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # too large for OpenCV
        image = None
    if image is None:
        raise ImageError(f'data of {len(data)} bytes is no image that OpenCV reads')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)


def image_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height by an image's header alone; None where the header is not known."""
    try:
        for start, size in _SIZES.items():
            if data.startswith(start):
                return size(data)
        if data[4:12] in _BOXED:
            return _BOXED[data[4:12]](data)
    except (IndexError, ValueError, struct.error):
        return None
    return None


def _jpeg_is_whole(data: bytes) -> bool:
    """Say whether the end marker follows the image's own pixels: a thumbnail has one of its own."""
    return data.find(JPEG_END, _jpeg_frame(data)) >= 0


def _png_is_whole(data: bytes) -> bool:
    """Say whether all parts lie within the data, up to the one that ends an image."""
    at = 8
    while at + 12 <= len(data):
        kind = data[at + 4 : at + 8]
        at += 12 + int.from_bytes(data[at : at + 4], 'big')
        if kind == b'IEND':
            return at <= len(data)
    return False


def _jpeg_frame(data: bytes) -> int:
    """Return where a JPEG's frame header begins; its length where there is none."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return at
        if marker == 0xFF:  # a fill byte
            at += 1
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], 'big')
    return len(data)


def _jpeg(data: bytes) -> tuple[int, int]:
    height, width = struct.unpack_from('>HH', data, _jpeg_frame(data) + 5)
    return width, height


def _png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from('>II', data, 16)
    return width, height


def _bmp(data: bytes) -> tuple[int, int]:
    if struct.unpack_from('<I', data, 14)[0] == 12:  # of OS/2
        width, height = struct.unpack_from('<HH', data, 18)
    else:
        width, height = struct.unpack_from('<ii', data, 18)
    return abs(width), abs(height)


def _pnm(data: bytes) -> tuple[int, int]:
    lines = data[:4096].split(b'\n')
    words = b' '.join(line.split(b'#')[0] for line in lines).split()
    return int(words[1]), int(words[2])


def _webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b'VP8X':
        across, down = data[24:27], data[27:30]
        return 1 + int.from_bytes(across, 'little'), 1 + int.from_bytes(down, 'little')
    if kind == b'VP8L':
        bits = struct.unpack_from('<I', data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from('<HH', data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from('<HH', data, 6)
    return width, height


def _jpeg_2000(data: bytes) -> tuple[int, int]:
    """Return the larger of the sizes that the box and the stream within say."""
    height, width = struct.unpack_from('>II', data, data.index(b'ihdr') + 4)
    across, down = struct.unpack_from('>II', data, data.index(b'\xff\x4f\xff\x51') + 8)
    return max(width, across), max(height, down)


def _avif(data: bytes) -> tuple[int, int]:
    """Return the largest size of the images within, of which some are parts."""
    boxes = [match.end() for match in re.finditer(rb'ispe\0{4}', data)]
    sides = [struct.unpack_from('>II', data, at) for at in boxes]
    return max(width for width, _ in sides), max(height for _, height in sides)


def _tiff(data: bytes) -> tuple[int, int]:
    order = '<' if data[:2] == b'II' else '>'
    start = struct.unpack_from(order + 'I', data, 4)[0]
    sides = {}
    for entry in range(struct.unpack_from(order + 'H', data, start)[0]):
        at = start + 2 + 12 * entry
        tag, kind = struct.unpack_from(order + 'HH', data, at)
        sides[tag] = struct.unpack_from(order + ('H' if kind == 3 else 'I'), data, at + 8)[0]
    return sides.get(256, 0), sides.get(257, 0)


_SIZES: dict[bytes, Callable[[bytes], tuple[int, int]]] = {
    JPEG_START: _jpeg,
    PNG_START: _png,
    b'BM': _bmp,
    **{b'P%d' % kind: _pnm for kind in range(1, 7)},
    b'GIF8': _gif,
    b'RIFF': _webp,
    b'II*\0': _tiff,
    b'MM\0*': _tiff,
}
_BOXED = {b'jP  \r\n\x87\n': _jpeg_2000, b'ftypavif': _avif}
