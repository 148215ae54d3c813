"""Check that frame i is the i-th that a player shows, for recordings and data sets alike."""

import os
import random
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from numbered import number_of, numbered_image, remux, shown, write_numbered
from recordings import colour_image, corners, write_video

from actloc_ros.io import video_file, video_index
from actloc_ros.io.media import open_frames
from actloc_ros.io.source import SourceError
from actloc_ros.io.sources import open_source
from actloc_ros.io.video_reader import VideoReader
from actloc_ros.truth.annotations import AnnotationError

EVEN = [round(1000 * i / 30) for i in range(60)]
BFRAMES = {'x264-params': 'bframes=2:b-adapt=0'}
OPEN_GOPS = {'x264-params': 'open-gop=1:bframes=3:b-adapt=0'}


def check(path, expected):
    """Check that all readers show these numbers, in whatever order they are asked for."""
    assert shown(path) == expected
    assert [number_of(frame.image) for frame in open_source(path)] == expected
    frames = open_frames(path)
    assert len(frames) == len(expected)
    order = list(range(len(frames)))
    random.Random(0).shuffle(order)
    assert [number_of(frames.read([i])[0]) for i in order] == [expected[i] for i in order]
    assert [number_of(image) for image in frames.read(order)] == [expected[i] for i in order]
    frames.close()
    length = open_source(path).length
    assert length is None or length >= len(expected)


def begin_later(packet, seconds):
    """Shift a packet's times, so that an edit list hides what comes before 0."""
    late = round(seconds / packet.time_base)
    packet.pts, packet.dts = packet.pts - late, packet.dts - late
    return True


@pytest.mark.parametrize('codec', ['libx264', 'libx265', 'mpeg4'])
def test_frames_that_an_edit_list_hides_are_none(tmp_path, codec):
    if codec not in av.codecs_available:
        pytest.skip(f'this PyAV has no {codec}')
    whole = write_numbered(tmp_path / 'whole.mp4', EVEN, codec)
    path = remux(whole, tmp_path / 'a.mp4', lambda _, packet: begin_later(packet, 0.3))
    with av.open(str(path)) as container:
        assert any(packet.is_discard for packet in container.demux(video=0))
    expected = list(range(9, 60))
    check(path, expected)
    assert open_source(path).length == len(expected)
    times = VideoReader(path).times
    assert np.abs(times - np.arange(51) * 1e9 / 30).max() < 1e6


@pytest.mark.parametrize(
    ('suffix', 'codec', 'options'),
    [
        ('.ts', 'libx264', BFRAMES),
        ('.mkv', 'libx264', BFRAMES),
        ('.mkv', 'libx264', OPEN_GOPS),
        ('.mp4', 'libx264', OPEN_GOPS),
        ('.ts', 'mpeg2video', {}),
        ('.mkv', 'mpeg2video', {}),
        ('.mpg', 'mpeg2video', {}),
    ],
)
def test_frames_without_their_key_frame_are_none(tmp_path, suffix, codec, options):
    if codec not in av.codecs_available:
        pytest.skip(f'this PyAV has no {codec}')
    whole = write_numbered(tmp_path / 'whole.mkv', EVEN, codec, clock=30, **options)
    path = remux(whole, tmp_path / f'a{suffix}', lambda number, _: number >= 5)
    expected = shown(path)
    assert 0 < len(expected) < 55
    check(path, expected)


def test_a_fragment_that_was_cut_off_shows_what_it_holds(tmp_path):
    options = {'movflags': 'frag_keyframe+empty_moov'}
    whole = write_numbered(tmp_path / 'whole.mkv', EVEN)
    path = tmp_path / 'a.mp4'
    with av.open(str(whole)) as old, av.open(str(path), 'w', options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    content = path.read_bytes()
    last = content.rindex(b'mdat')
    path.write_bytes(content[: last + (len(content) - last) // 2])
    expected = shown(path)
    assert 48 < len(expected) < 60
    check(path, expected)
    source = open_source(path)
    assert len(list(source)) == len(expected)
    assert source.broken == 1
    assert 'a.mp4' in source.fault


@pytest.mark.parametrize('codec', ['mjpeg', 'libx264'])
def test_frames_of_equal_times_are_all_there(tmp_path, codec):
    whole = write_numbered(tmp_path / 'whole.mkv', EVEN)
    if codec == 'mjpeg':
        with av.open(str(whole := tmp_path / 'mjpeg.mkv'), 'w') as container:
            stream = container.add_stream('mjpeg', rate=30)
            stream.width, stream.height, stream.pix_fmt = 128, 96, 'yuvj420p'
            for number in range(60):
                frame = av.VideoFrame.from_ndarray(numbered_image(number), 'rgb24')
                container.mux(stream.encode(frame))
            container.mux(stream.encode())

    def stall(number, packet):
        packet.pts = packet.dts = number // 2 * 2200
        return True

    path = remux(whole, tmp_path / 'a.mkv', stall)
    expected = shown(path)
    assert len(expected) == 60
    check(path, expected)


@pytest.fixture
def long(monkeypatch, tmp_path):
    """Take videos for long ones, with a cache of their own."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setattr(video_index, 'LONG', 10)
    return tmp_path / 'cache' / 'actloc_ros' / 'videos'


def forget():
    video_index._index.cache_clear()


def test_what_a_long_video_shows_is_kept_until_the_file_changes(tmp_path, monkeypatch, long):
    path = write_numbered(tmp_path / 'a.mp4', EVEN, **OPEN_GOPS)
    check(path, list(range(60)))
    assert np.abs(VideoReader(path).times - 1e6 * np.array(EVEN)).max() < 1e6
    forget()
    with monkeypatch.context() as patch:
        patch.setattr(video_index, '_decode', None)
        check(path, list(range(60)))
    [kept] = long.iterdir()
    kept.write_bytes(b'PK\3\4 broken')
    forget()
    check(path, list(range(60)))
    write_numbered(path, EVEN[:30])
    assert len(VideoReader(path)) == 30


def test_a_long_video_is_read_where_nothing_can_be_kept(tmp_path, monkeypatch, long):
    monkeypatch.setenv('XDG_CACHE_HOME', str(write_numbered(tmp_path / 'file.mkv', EVEN[:2])))
    check(write_numbered(tmp_path / 'a.mkv', EVEN), list(range(60)))


def spoil_packet(path, number):
    """Fill a packet with zeros, so that it cannot be decoded."""
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][number]
        at, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[at : at + size] = bytes(size)
    path.write_bytes(data)


@pytest.mark.parametrize('codec', ['mjpeg', 'libx264', 'libvpx'])
def test_a_long_video_that_is_damaged_in_the_middle_has_fewer_frames(tmp_path, codec, long):
    if codec not in av.codecs_available:
        pytest.skip(f'this PyAV has no {codec}')
    path = tmp_path / f'a{".webm" if codec == "libvpx" else ".mov"}'
    write_numbered(path, EVEN, codec)
    spoil_packet(path, 29)
    frames = [number_of(frame.image) for frame in open_source(path)]
    assert len(frames) < 60
    if codec == 'mjpeg':
        assert frames == [*range(29), *range(30, 60)]
    read = VideoReader(path)
    assert [number_of(read.read([number])[0]) for number in range(len(read))] == frames


def test_a_long_video_with_a_broken_end_is_read(tmp_path, long):
    path = write_numbered(tmp_path / 'a.mkv', EVEN, 'mpeg4')
    path.write_bytes(path.read_bytes()[:-3000])
    check(path, shown(path))


def test_a_video_that_ends_early_by_an_edit_list_says_how_long_it_is(tmp_path):
    path = write_numbered(tmp_path / 'a.mp4', EVEN)
    data = bytearray(path.read_bytes())
    entry = data.index(b'elst') + 12  # by ISO/IEC 14496-12, version 0: duration comes first
    [duration] = struct.unpack_from('>I', data, entry)
    struct.pack_into('>I', data, entry, duration // 2)
    path.write_bytes(data)
    check(path, list(range(30)))
    assert open_source(path).length == 30


def test_a_file_is_read_again_after_it_changed(tmp_path):
    path = write_numbered(tmp_path / 'a.mkv', EVEN[:20])
    assert len(VideoReader(path)) == 20
    write_numbered(path, EVEN[:30])
    assert len(VideoReader(path)) == 30


TURNS = {
    'mirrored': ((-1, 0, 0, 1), [1, 0, 2, 2]),
    'on its head': ((-1, 0, 0, -1), [2, 2, 0, 1]),
    'upside down': ((1, 0, 0, -1), [2, 2, 1, 0]),
    'clockwise': ((0, 1, -1, 0), [2, 0, 1, 2]),
    'counter-clockwise': ((0, -1, 1, 0), [1, 2, 2, 0]),
    'transposed': ((0, 1, 1, 0), [0, 2, 2, 1]),
    'transverse': ((0, -1, -1, 0), [2, 1, 0, 2]),
    'nothing': ((0, 0, 0, 0), [0, 1, 2, 2]),
}


@pytest.mark.parametrize('turn', TURNS)
def test_frames_are_turned_and_mirrored_as_their_flag_says(tmp_path, turn):
    (a, b, c, d), expected = TURNS[turn]
    path = write_video(tmp_path / 'phone.mp4', [colour_image()] * 2)
    data = bytearray(path.read_bytes())
    matrix = data.index(b'tkhd') + 44  # by ISO/IEC 14496-12, track header version 0
    unit = 0x10000
    data[matrix : matrix + 36] = struct.pack(
        '>9i', a * unit, b * unit, 0, c * unit, d * unit, 0, 0, 0, 0x40000000
    )
    path.write_bytes(data)
    [image, _] = [frame.image for frame in open_source(path)]
    assert corners(image) == expected
    assert np.array_equal(VideoReader(path).read([0])[0], image)


def two_streams(path, first_disposition=None):
    """Write a video whose first stream is a small still."""
    with av.open(str(path), 'w') as container:
        still = container.add_stream('mjpeg', rate=30)
        still.width = still.height = 64
        still.pix_fmt = 'yuvj420p'
        if first_disposition is not None:
            still.disposition = first_disposition
        main = container.add_stream('mpeg4', rate=30)
        main.width, main.height, main.pix_fmt = 128, 96, 'yuv420p'
        frame = av.VideoFrame.from_ndarray(numbered_image(255, 64, 64), 'rgb24')
        container.mux(still.encode(frame))
        container.mux(still.encode())
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(numbered_image(number), 'rgb24')
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(main.encode(frame))
        container.mux(main.encode())
    return path


@pytest.mark.parametrize('suffix', ['.mkv', '.mp4'])
@pytest.mark.parametrize('disposition', [None, av.stream.Disposition.attached_pic])
def test_the_main_stream_is_taken_and_not_the_first(tmp_path, suffix, disposition):
    path = two_streams(tmp_path / f'a{suffix}', disposition)
    assert [number_of(frame.image) for frame in open_source(path)] == list(range(20))
    assert [number_of(image) for image in open_frames(path).read(range(20))] == list(range(20))


@pytest.mark.parametrize('opening', [open_source, open_frames])
def test_a_pipe_is_refused(tmp_path, opening):
    path = tmp_path / 'pipe.mp4'
    os.mkfifo(path)
    with pytest.raises((SourceError, AnnotationError), match='cannot be read twice'):
        opening(path)


def test_frames_that_turn_too_large_are_broken(tmp_path, monkeypatch):
    small = write_numbered(tmp_path / 'small.ts', EVEN[:12]).read_bytes()
    large = write_numbered(tmp_path / 'large.ts', EVEN[:12], size=(512, 384)).read_bytes()
    path = tmp_path / 'a.ts'
    path.write_bytes(small + large)
    assert len(list(open_source(path))) == 24
    monkeypatch.setattr(video_file, 'MAX_PIXELS', 128 * 96)
    source = open_source(path)
    assert [number_of(frame.image) for frame in source] == list(range(12))
    assert source.broken
    assert len(VideoReader(path)) == 12


def test_names_that_look_like_addresses_are_files(tmp_path, monkeypatch):
    path = write_numbered(tmp_path / 'a:b?c#1.mkv', EVEN[:9])
    monkeypatch.chdir(tmp_path)
    assert len(list(open_source(path.name))) == 9
    assert len(open_frames(path)) == 9


@pytest.mark.parametrize('keep', [20, 200, 2000])
def test_a_video_cut_off_in_its_header_is_refused(tmp_path, keep):
    path = write_numbered(tmp_path / 'a.mp4', EVEN)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SourceError, match=r'a\.mp4 cannot be read as a video'):
        open_source(path)
    with pytest.raises(AnnotationError, match=r'a\.mp4 cannot be read as a video'):
        open_frames(path)
