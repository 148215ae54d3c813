"""Check that image messages become the frames they mean, and that broken ones are refused."""

import sys
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image

from actloc_ros.io.conversions import FrameError, depth_to_metres, image_to_frame, image_view

RGB = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)


def image(pixels: np.ndarray, encoding: str, padding: int = 0, bigendian: bool = False) -> Image:
    """Return a message with `padding` bytes after each row."""
    height, width = pixels.shape[:2]
    if bigendian:
        pixels = pixels.astype(pixels.dtype.newbyteorder('>'))
    rows = np.ascontiguousarray(pixels).reshape(height, -1).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    message = Image(height=height, width=width, encoding=encoding, step=rows.shape[1])
    message.is_bigendian = int(bigendian)
    message.data = rows.tobytes()
    message.header.stamp.sec, message.header.stamp.nanosec = 7, 5
    message.header.frame_id = 'optical'
    return message


def alpha(pixels: np.ndarray) -> np.ndarray:
    return np.dstack([pixels, np.full(pixels.shape[:2], 9, np.uint8)])


@pytest.mark.parametrize('padding', [0, 3])
@pytest.mark.parametrize(
    ('encoding', 'pixels'),
    [
        ('rgb8', RGB),
        ('bgr8', RGB[..., ::-1]),
        ('8UC3', RGB[..., ::-1]),
        ('rgba8', alpha(RGB)),
        ('bgra8', alpha(RGB[..., ::-1])),
        ('8UC4', alpha(RGB[..., ::-1])),
    ],
)
def test_colour_encodings_give_the_same_frame(
    encoding: str, pixels: np.ndarray, padding: int
) -> None:
    frame = image_to_frame(image(pixels, encoding, padding), 'front')
    assert np.array_equal(frame.image, RGB)
    assert (frame.camera, frame.stamp, frame.frame_id) == ('front', 7_000_000_005, 'optical')
    assert (frame.width, frame.height) == (5, 6)


def test_rgb8_is_a_view() -> None:
    message = image(RGB, 'rgb8', padding=3)
    assert np.shares_memory(image_to_frame(message, '').image, np.frombuffer(message.data, 'u1'))


@pytest.mark.parametrize('bigendian', [False, True])
@pytest.mark.parametrize('encoding', ['mono16', '16UC1'])
def test_of_16_bits_the_upper_8_count(encoding: str, bigendian: bool) -> None:
    grey = np.random.default_rng(1).integers(0, 2**16, (6, 5), np.uint16)
    frame = image_to_frame(image(grey, encoding, padding=4, bigendian=bigendian), '')
    assert np.array_equal(frame.image, np.dstack([grey // 256] * 3))


@pytest.mark.parametrize('bigendian', [False, True])
def test_16_bit_colour(bigendian: bool) -> None:
    colour = np.random.default_rng(1).integers(0, 2**16, (6, 5, 3), np.uint16)
    frame = image_to_frame(image(colour, 'bgr16', bigendian=bigendian), '')
    assert np.array_equal(frame.image, colour[..., ::-1] // 256)


@pytest.mark.parametrize(('encoding', 'order'), [('rgba16', [0, 1, 2]), ('bgra16', [2, 1, 0])])
def test_16_bit_colour_with_alpha(encoding: str, order: list[int]) -> None:
    colour = np.random.default_rng(1).integers(0, 2**16, (6, 5, 4), np.uint16)
    frame = image_to_frame(image(colour, encoding), '')
    assert np.array_equal(frame.image, colour[..., order] // 256)


@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_grey_gives_three_equal_channels(encoding: str) -> None:
    frame = image_to_frame(image(RGB[..., 0], encoding, padding=1), '')
    assert np.array_equal(frame.image, np.dstack([RGB[..., 0]] * 3))


def test_float_images_go_from_black_to_white_and_nan_is_black() -> None:
    grey = np.array([[0, 0.5, 1], [-1, 2, np.nan]], np.float32)
    frame = image_to_frame(image(grey, '32FC1'), '')
    assert frame.image[..., 0].tolist() == [[0, 128, 255], [0, 255, 0]]


@pytest.mark.parametrize('bigendian', [False, True])
def test_depth_is_in_metres_and_nan_where_unknown(bigendian: bool) -> None:
    millimetres = np.array([[0, 1500], [1, 65535]], np.uint16)
    depth = depth_to_metres(image(millimetres, '16UC1', 2, bigendian))
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, [[np.nan, 1.5], [0.001, 65.535]], rtol=1e-6)
    metres = np.array([[np.nan, 1.5], [0, np.inf]], np.float32)
    np.testing.assert_array_equal(depth_to_metres(image(metres, '32FC1', 4, bigendian)), metres)


def test_depth_of_another_encoding_is_refused() -> None:
    with pytest.raises(FrameError, match='rgb8'):
        depth_to_metres(image(RGB, 'rgb8'))


def compressed(extension: str, text: str) -> CompressedImage:
    message = CompressedImage(format=text)
    smooth = cv2.resize(RGB, (64, 48), interpolation=cv2.INTER_LINEAR)
    _, data = cv2.imencode(extension, smooth[..., ::-1])
    message.data = data.tobytes()
    message.header.stamp.sec = 3
    return message


@pytest.mark.parametrize('text', ['jpg', 'jpeg', 'rgb8; jpeg compressed bgr8', ''])
def test_jpeg(text: str) -> None:
    frame = image_to_frame(compressed('.jpg', text), '')
    smooth = cv2.resize(RGB, (64, 48), interpolation=cv2.INTER_LINEAR)
    assert np.abs(frame.image.astype(int) - smooth).mean() < 12
    assert frame.stamp == 3_000_000_000


@pytest.mark.parametrize('text', ['png', 'bgr8; png compressed bgr8'])
def test_png_is_exact(text: str) -> None:
    smooth = cv2.resize(RGB, (64, 48), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(image_to_frame(compressed('.png', text), '').image, smooth)


def test_8k_is_an_image_like_any_other() -> None:
    message = image(np.zeros((4320, 7680, 3), np.uint8), 'rgb8')
    assert image_to_frame(message, '').image.shape == (4320, 7680, 3)


def changed(**fields: Any) -> Image:
    message = image(RGB, 'rgb8', padding=1)
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def cut(message: CompressedImage, size: int) -> CompressedImage:
    message.data = message.data[:size]
    return message


@dataclass
class Broken:
    """A message that holds no image, and what is to be said of it."""

    kind: str
    text: str
    message: Any = field(repr=False)


BROKEN = [
    Broken('step', 'step is 3 bytes; 5 pixels of rgb8 need 15', changed(step=3)),
    Broken('step', 'step is 0 bytes', changed(step=0)),
    Broken('data', 'data has 96 bytes; step 17 times height 6 is 102', changed(step=17)),
    Broken('data', 'data has 90 bytes', changed(data=bytes(90))),
    Broken('data', 'data has 0 bytes', changed(data=b'')),
    Broken('size', 'the image is 0x6 pixels', changed(width=0)),
    Broken('size', 'the image is 5x0 pixels', changed(height=0)),
    Broken('size', 'the image is 0x0 pixels', Image(encoding='rgb8')),
    Broken('step', '4294967295 pixels', changed(width=2**32 - 1)),
    Broken('data', 'step 16 times height 4294967295', changed(height=2**32 - 1)),
    Broken('encoding', 'encoding "klingon8"', changed(encoding='klingon8')),
    Broken('encoding', 'encoding ""', changed(encoding='')),
    Broken('encoding', r'encoding "a\\nb"', changed(encoding='a\nb')),
    Broken('compressed', '0 bytes', CompressedImage(format='jpeg')),
    Broken('compressed', '100 bytes is no image', CompressedImage(format='jpg', data=bytes(100))),
    Broken('compressed', 'truncated', cut(compressed('.jpg', 'jpeg'), 700)),
    Broken('compressed', 'truncated', cut(compressed('.jpg', 'jpeg'), 20)),
    Broken('compressed', 'truncated', cut(compressed('.png', 'png'), 20)),
    Broken('encoding', 'is depth', compressed('.png', '16UC1; compressedDepth png')),
]


@pytest.mark.parametrize('broken', BROKEN, ids=str)
def test_broken_images_are_refused_with_the_value(broken: Broken) -> None:
    with pytest.raises(FrameError, match=broken.text) as caught:
        image_to_frame(broken.message, '')
    assert caught.value.kind == broken.kind


def test_without_cv_bridge_the_text_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'cv_bridge', None)
    with pytest.raises(FrameError, match=r'64FC1.*cv_bridge, which is not installed'):
        image_to_frame(image(RGB[..., 0], '64FC1'), '')


LUMA = np.random.default_rng(2).integers(16, 236, (6, 8), np.uint8)
GREY = ((LUMA.astype(float) - 16) * 255 / 219).round().astype(int)  # by ITU-R BT.601


def packed(luma_first: bool, pair: tuple[int, int] = (128, 128)) -> np.ndarray:
    """Return the picture of `LUMA` as (6, 8, 2), each two pixels with one `pair` of chroma."""
    chroma = np.tile(np.array(pair, np.uint8), (6, 4))
    return np.dstack([LUMA, chroma] if luma_first else [chroma, LUMA])


def planar(encoding: str, pair: tuple[int, int] = (128, 128), padding: int = 0) -> Image:
    """Return the picture of `LUMA` with a plane of chroma below it."""
    rows = LUMA.reshape(6, 8)
    half = encoding in ('nv12', 'nv21')
    below = np.tile(np.array(pair, np.uint8), (3, 4) if half else (6, 8))
    message = image(rows, encoding, padding)
    step = padding * (1 if half else 2)
    message.data = message.data.tobytes() + np.pad(below, ((0, 0), (0, step))).tobytes()
    return message


YUV = {
    'yuv422': lambda pair: image(packed(False, pair), 'yuv422'),
    'uyvy': lambda pair: image(packed(False, pair), 'uyvy', padding=3),
    'yuv422_yuy2': lambda pair: image(packed(True, pair), 'yuv422_yuy2', padding=3),
    'yuyv': lambda pair: image(packed(True, pair), 'yuyv'),
    'nv12': lambda pair: planar('nv12', pair),
    'nv12, padded': lambda pair: planar('nv12', pair, padding=3),
    'nv21': lambda pair: planar('nv21', pair[::-1]),
    'nv24': lambda pair: planar('nv24', pair),
    'nv24, padded': lambda pair: planar('nv24', pair, padding=3),
    'nv42': lambda pair: planar('nv42', pair[::-1]),
}


@pytest.mark.parametrize('kind', YUV)
def test_yuv_keeps_luma_and_colour(kind: str) -> None:
    grey = image_to_frame(YUV[kind]((128, 128)), '').image
    assert np.abs(grey - GREY[..., None]).max() <= 1
    blue = image_to_frame(YUV[kind]((200, 128)), '').image.astype(int)
    red = image_to_frame(YUV[kind]((128, 200)), '').image.astype(int)
    assert ((blue[..., 2] > blue[..., 0]) & (red[..., 0] > red[..., 2])).all()


@pytest.mark.parametrize('encoding', ['nv12', 'nv24', 'yuyv', 'uyvy', 'nv21'])
def test_yuv_of_a_size_that_cannot_be_is_refused(encoding: str) -> None:
    message = planar(encoding) if encoding.startswith('nv') else image(packed(True), encoding)
    message.width = 7
    with pytest.raises(FrameError, match=f'{encoding} cannot be 7x6 pixels') as caught:
        image_to_frame(message, '')
    assert caught.value.kind == 'size'


def test_planes_that_are_cut_off_are_refused() -> None:
    message = planar('nv12')
    message.data = message.data[:-1]
    with pytest.raises(FrameError, match='data has 71 bytes; nv12 of step 8 and height 6 has 72'):
        image_to_frame(message, '')
    message.step = 7
    with pytest.raises(FrameError, match='step is 7 bytes; 8 pixels need 8'):
        image_to_frame(message, '')


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('order', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_bayer_patterns_give_their_colours(order: str, bits: int) -> None:
    """Of one colour everywhere, the filter of each pixel lets its own channel through."""
    colour = {'r': 200, 'g': 100, 'b': 50}
    tile = np.array([[colour[order[0]], colour[order[1]]], [colour[order[2]], colour[order[3]]]])
    mosaic = np.tile(tile, (4, 4)).astype(f'u{bits // 8}') << (bits - 8)
    frame = image_to_frame(image(mosaic, f'bayer_{order}{bits}', padding=2), '')
    assert (frame.image[2:-2, 2:-2] == (200, 100, 50)).all()


def test_messages_of_rosbags_serve_as_well() -> None:
    stamp = SimpleNamespace(sec=1, nanosec=2)
    message = SimpleNamespace(
        header=SimpleNamespace(stamp=stamp, frame_id=''),
        height=6,
        width=5,
        encoding='rgb8',
        is_bigendian=0,
        step=15,
        data=RGB.ravel(),
    )
    assert np.array_equal(image_to_frame(message, '').image, RGB)
    assert np.shares_memory(image_view(message), message.data)


def test_a_cv_bridge_whose_compiled_half_does_not_load_is_a_fault_of_the_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class CvBridge:
        def imgmsg_to_cv2(self, *_: object) -> None:
            raise ImportError('numpy.core.multiarray failed to import')

    monkeypatch.setitem(sys.modules, 'cv_bridge', SimpleNamespace(CvBridge=CvBridge))
    message = image(RGB[..., 0], 'mono8')
    message.encoding = '8SC3'
    with pytest.raises(FrameError, match='cv_bridge raises ImportError: numpy') as caught:
        image_to_frame(message, '')
    assert caught.value.kind == 'encoding'


def test_a_stamp_with_too_many_nanoseconds_is_refused() -> None:
    message = image(RGB, 'rgb8')
    message.header.stamp.nanosec = 10**9
    with pytest.raises(FrameError, match='1000000000 nanoseconds') as caught:
        image_to_frame(message, '')
    assert caught.value.kind == 'stamp'
