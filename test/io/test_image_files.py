"""Check that folders of images are read in order, and that no image hurts the others."""

import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from numbered import number_of, numbered_image, write_images

from actloc_ros.io.image_file import ImageError, decode_image, image_size
from actloc_ros.io.media import open_frames
from actloc_ros.io.source import sorted_naturally
from actloc_ros.io.sources import open_source


def check(folder, expected):
    """Check that recordings and data sets show these numbers, from 0 s on."""
    frames = list(open_source(folder, rate=10))
    assert [number_of(frame.image) for frame in frames] == expected
    assert [frame.stamp for frame in frames] == [10**8 * i for i in range(len(expected))]
    assert [
        number_of(image) for image in open_frames(folder).read(range(len(expected)))
    ] == expected


def test_hidden_files_and_folders_are_no_images(tmp_path):
    names = [f'{i}.jpg' for i in range(4)]
    folder = write_images(tmp_path / 'a', names)
    for name in names:
        (folder / f'._{name}').write_bytes(b'\0\5\26\7' + bytes(100))
    (folder / '.hidden.png').write_bytes((folder / '0.jpg').read_bytes())
    (folder / 'more.png').mkdir()
    check(folder, [0, 1, 2, 3])
    assert open_source(folder).length == 4


def test_only_digits_count_as_numbers(tmp_path):
    check(write_images(tmp_path / 'a', ['1²1.png', '1²2.png', '1²10.png']), [0, 1, 2])
    check(write_images(tmp_path / 'b', ['①1.png', '①9.png', '①10.png']), [0, 1, 2])
    check(write_images(tmp_path / 'c', ['٨.png', '٩.png', '١٠.png']), [0, 1, 2])


def test_order_does_not_depend_on_the_file_system(tmp_path):
    paths = [tmp_path / name for name in ('01.png', '1.png', '001.png', '2.png')]
    assert sorted_naturally(iter(paths)) == sorted_naturally(iter(paths[::-1]))


def png_of_zeros(side):
    """Return a PNG of black pixels, which is small as a file."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))

    packer = zlib.compressobj(9)
    row = bytes(1 + side)
    data = b''.join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack('>IIBBBBB', side, side, 8, 0, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', data) + chunk(b'IEND', b'')


def test_an_image_that_is_huge_in_memory_is_refused_unread(tmp_path, monkeypatch):
    folder = write_images(tmp_path / 'a', ['0.png', '1.png', '2.png'])
    (folder / '1.png').write_bytes(png_of_zeros(11_000))
    sizes = []
    decode = cv2.imdecode
    monkeypatch.setattr(
        cv2, 'imdecode', lambda data, how: sizes.append(data.size) or decode(data, how)
    )
    source = open_source(folder)
    assert [number_of(frame.image) for frame in source] == [0, 2]
    assert (source.broken, len(sizes)) == (1, 2)
    assert '1.png: 11000x11000 pixels are more than 50000000' in source.fault


SUFFIXES = ['.bmp', '.jpg', '.pgm', '.png', '.ppm', '.tif', '.webp', '.gif', '.jp2', '.avif']


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_sizes_are_read_from_headers(suffix):
    channels = 1 if suffix == '.pgm' else 3
    image = np.full((37, 53, channels), 90, np.uint8)
    for options in ([], [cv2.IMWRITE_WEBP_QUALITY, 50] if suffix == '.webp' else []):
        try:
            data = cv2.imencode(suffix, image, options)[1].tobytes()
        except cv2.error:
            pytest.skip(f'this OpenCV has no {suffix}')
        assert image_size(data) == (53, 37)
        assert decode_image(data).shape == (37, 53, 3)
        for cut in range(0, 60):
            image_size(data[:cut])
    assert image_size(b'P6 # made by hand\n53\n37 255\n') == (53, 37)
    assert image_size(b'') is None


def test_a_png_whose_parts_claim_more_than_there_is_is_refused():
    data = bytearray(cv2.imencode('.png', numbered_image(1))[1].tobytes())
    at = data.index(b'IDAT') - 4
    data[at : at + 4] = (0x7FFFFFFF).to_bytes(4, 'big')
    for broken in (bytes(data), bytes(data[: at + 50])):
        with pytest.raises(ImageError, match='has no end: it is truncated'):
            decode_image(broken)


def test_a_gif_that_grows_and_what_is_unknown_are_refused():
    with pytest.raises(ImageError, match='60000x60000 pixels are more than'):
        decode_image(b'GIF89a' + struct.pack('<HH', 60000, 60000) + bytes(99))
    for data in (b'', b'#?RADIANCE\n', bytes(99)):
        with pytest.raises(ImageError, match='is no image of a known kind'):
            decode_image(data)


def with_thumbnail(jpeg):
    """Return a JPEG with a smaller one, which has an end marker of its own, in its header."""
    small = cv2.imencode('.jpg', np.zeros((16, 16, 3), np.uint8))[1].tobytes()
    head = b'Exif\0\0' + small
    return jpeg[:2] + b'\xff\xe1' + struct.pack('>H', 2 + len(head)) + head + jpeg[2:]


@pytest.mark.parametrize('thumbnail', [False, True])
@pytest.mark.parametrize('progressive', [0, 1])
def test_a_jpeg_that_was_cut_off_is_broken(tmp_path, thumbnail, progressive):
    folder = write_images(tmp_path / 'a', ['0.jpg', '1.jpg', '2.jpg'])
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
    jpeg = cv2.imencode('.jpg', numbered_image(1), options)[1].tobytes()
    jpeg = with_thumbnail(jpeg) if thumbnail else jpeg
    assert number_of(decode_image(jpeg)) == 1
    for part in (0.5, 0.9):
        cut = jpeg[: int(part * len(jpeg))]
        with pytest.raises(ImageError, match='has no end: it is truncated'):
            decode_image(cut)
    (folder / '1.jpg').write_bytes(cut)
    source = open_source(folder)
    assert [number_of(frame.image) for frame in source] == [0, 2]
    assert '1.jpg: the JPEG' in source.fault


def test_a_pipe_or_a_lost_link_among_images_is_broken(tmp_path):
    folder = write_images(tmp_path / 'a', ['0.png', '3.png'])
    os.mkfifo(folder / '1.png')
    (folder / '2.png').symlink_to('gone.png')
    source = open_source(folder)
    assert [number_of(frame.image) for frame in source] == [0, 1]
    assert (source.length, source.broken) == (4, 2)
    assert '1.png is no file' in source.fault
