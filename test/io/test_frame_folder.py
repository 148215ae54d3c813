"""Check that frames come by their numbers, from files and folders that make it hard."""

import struct

import av
import cv2
import numpy as np
import pytest
from recordings import CLOCKWISE, colour_image, corners, write_video

from actloc_ros.io.frame_folder import FrameFolder
from actloc_ros.io.media import find_video, shape_of
from actloc_ros.io.source_video import VideoSource
from actloc_ros.io.video_reader import VideoReader
from actloc_ros.truth.annotations import AnnotationError

FRAMES = 40


def encode(path, codec, b_frames):
    """Write a video whose frames grow brighter by 6."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.gop_size = 12
        for i in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 6 * i, np.uint8), 'rgb24')
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize('b_frames', [0, 2])
@pytest.mark.parametrize('codec', ['mpeg4', 'libx264'])
@pytest.mark.parametrize('suffix', ['.avi', '.mp4', '.mkv'])
def test_frames_come_by_their_numbers(tmp_path, suffix, codec, b_frames):
    if codec not in av.codecs_available:
        pytest.skip(f'this PyAV has no {codec}')
    path = tmp_path / f'a{suffix}'
    encode(path, codec, b_frames)
    reader = VideoReader(path)
    assert len(reader) == FRAMES
    assert reader.fps == 25
    rng = np.random.default_rng(0)
    for numbers in (range(FRAMES), [39, 0, 39], rng.integers(0, FRAMES, 20).tolist()):
        found = reader.read(numbers).mean(axis=(1, 2, 3))
        assert np.abs(found - 6 * np.array(numbers)).max() < 7
    reader.close()


def test_files_cut_off_are_refused_where_they_end(tmp_path):
    encode(tmp_path / 'a.mkv', 'mpeg4', 0)
    content = (tmp_path / 'a.mkv').read_bytes()
    (tmp_path / 'a.mkv').write_bytes(content[: len(content) * 2 // 3])
    reader = VideoReader(tmp_path / 'a.mkv')
    assert 0 < len(reader) < FRAMES
    assert reader.read([0]).shape == (1, 48, 64, 3)
    with pytest.raises(AnnotationError, match=f'not .{FRAMES}.'):
        reader.read([FRAMES])
    for name, content in (('empty', b''), ('text', b'hello'), ('noise', bytes(range(256)) * 40)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(AnnotationError, match=name):
            VideoReader(tmp_path / name)


def test_real_clips_agree_with_reading_in_order(shared):
    folder = shared / 'data' / 'ut_interaction' / 'positives'
    path = min(folder.glob('*.avi'), key=lambda path: path.stat().st_size)
    in_order = [frame.image for frame in VideoSource(path, '')]
    reader = VideoReader(path)
    assert len(reader) == len(in_order)
    picked = [len(in_order) - 1, 3, 40, 39]
    assert np.array_equal(reader.read(picked), np.stack([in_order[i] for i in picked]))


def test_videos_of_phones_are_upright(tmp_path):
    path = write_video(tmp_path / 'phone.mp4', [colour_image()] * 2)
    data = bytearray(path.read_bytes())
    matrix = data.index(b'tkhd') + 44  # by ISO/IEC 14496-12, track header version 0
    data[matrix : matrix + 36] = struct.pack('>9i', *CLOCKWISE)
    path.write_bytes(data)
    [image] = VideoReader(path).read([1])
    assert image.shape == (64, 48, 3)
    assert corners(image) == [2, 0, 1, 2]
    assert shape_of(path, 0).width == 48


def images(folder, names):
    folder.mkdir()
    for i, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((48, 64, 3), (0, 0, 10 * i), np.uint8))


def test_a_folder_of_images_is_a_video(tmp_path):
    images(tmp_path / 'a', [f'{i}.png' for i in range(1, 13)])
    (tmp_path / 'a' / 'Thumbs.db').write_bytes(b'')
    folder = FrameFolder(tmp_path / 'a')
    assert len(folder) == 12
    found = folder.read([11, 1, 1])
    assert found.shape == (3, 48, 64, 3)
    assert found[:, 0, 0].tolist() == [[110, 0, 0], [10, 0, 0], [10, 0, 0]]
    assert shape_of(tmp_path / 'a', 12.5).fps == 12.5
    with pytest.raises(AnnotationError, match='frames 0 to 11, not'):
        folder.read([12])
    (tmp_path / 'a' / '3.png').write_bytes(b'')
    with pytest.raises(AnnotationError, match=r'3\.png cannot be decoded'):
        folder.read([0, 2])


def test_a_missing_image_is_named(tmp_path):
    images(tmp_path / 'a', ['00001.png', '00002.png', '00004.png'])
    with pytest.raises(AnnotationError, match=r'image number 3 is missing.*00002\.png'):
        FrameFolder(tmp_path / 'a')
    images(tmp_path / 'b', ['1.png', '01.png'])
    with pytest.raises(AnnotationError, match='there twice'):
        FrameFolder(tmp_path / 'b')
    (tmp_path / 'c').mkdir()
    with pytest.raises(AnnotationError, match='holds no images'):
        FrameFolder(tmp_path / 'c')


def test_videos_are_found_by_name(tmp_path):
    (tmp_path / 'Biking').mkdir()
    (tmp_path / 'Biking' / 'v_1.avi').touch()
    (tmp_path / 'v_2.mp4').touch()
    (tmp_path / 'v_5.MTS').touch()
    (tmp_path / '._v_6.mp4').touch()
    images(tmp_path / 'v_3', ['1.png'])
    (tmp_path / 'Biking' / 'v_4.5.mkv').touch()
    for name, file in (
        ('Biking/v_1', 'Biking/v_1.avi'),
        ('v_1', 'Biking/v_1.avi'),
        ('Other/v_2.avi', 'v_2.mp4'),
        ('x/v_3', 'v_3'),
        ('v_4.5', 'Biking/v_4.5.mkv'),
        ('x/v_5.mts', 'v_5.MTS'),
        ('v_6', 'v_6'),
        ('v_[1]', 'v_[1]'),
    ):
        assert find_video(tmp_path, name) == tmp_path / file
