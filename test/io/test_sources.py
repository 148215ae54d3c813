"""Test that recordings of every kind are read by their own times, and bad ones are refused."""

import struct
from pathlib import Path

import av
import cv2
import footage
import numpy as np
import pytest
from recordings import CLOCKWISE, colour_image, corners, write_video
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from actloc_ros.io.media import open_frames
from actloc_ros.io.source import SourceError
from actloc_ros.io.sources import open_source
from actloc_ros.io.video_writer import VideoWriter

TYPES = get_typestore(Stores.ROS2_HUMBLE)


def compressed(image, stamp, quality_format='jpeg'):
    encoded = cv2.imencode('.jpg', image[..., ::-1])[1].ravel()
    kind = TYPES.types['sensor_msgs/msg/CompressedImage']
    return kind(header=header(stamp), format=quality_format, data=encoded)


def raw(image, stamp):
    height, width = image.shape[:2]
    kind = TYPES.types['sensor_msgs/msg/Image']
    return kind(
        header=header(stamp),
        height=height,
        width=width,
        encoding='rgb8',
        is_bigendian=0,
        step=3 * width,
        data=image.ravel(),
    )


def header(stamp):
    time = TYPES.types['builtin_interfaces/msg/Time'](sec=stamp // 10**9, nanosec=stamp % 10**9)
    return TYPES.types['std_msgs/msg/Header'](stamp=time, frame_id='optical')


def write_bag(path, messages, plugin=StoragePlugin.MCAP):
    """Write `messages`, a list of topic, log time in ns and message."""
    connections = {}
    with Writer(path, version=8, storage_plugin=plugin) as writer:
        for topic, log_time, message in messages:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=TYPES)
            writer.write(connections[topic], log_time, TYPES.serialize_cdr(message, kind))
    return path


def test_video_has_its_own_times(tmp_path):
    pts = [0, 40, 200, 1000]
    path = write_video(tmp_path / 'a.mp4', [colour_image()] * 4, pts=pts)
    source = open_source(path, camera='front')
    frames = list(source)
    assert [f.stamp for f in frames] == [1_000_000 * p for p in pts]
    assert {f.camera for f in frames} == {'front'}
    assert source.length == 4
    assert [f.stamp for f in source] == [f.stamp for f in frames]
    assert corners(frames[0].image) == [0, 1, 2, 2]


@pytest.mark.parametrize('frames_between', ['0', '2'])
def test_stamps_of_avi_rise_frame_by_frame(tmp_path, frames_between):
    path = tmp_path / 'old.avi'
    rng = np.random.default_rng(0)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=10, options={'bf': frames_between})
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for index in range(12):
            image = rng.integers(0, 255, (48, 64, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, 'rgb24')
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    stamps = [frame.stamp for frame in open_source(path)]
    assert np.diff(stamps).tolist() == [100_000_000] * 11


def test_video_with_rotation_flag_is_turned_upright(tmp_path):
    path = write_video(tmp_path / 'phone.mp4', [colour_image()] * 2)
    data = bytearray(path.read_bytes())
    matrix = data.index(b'tkhd') + 44  # by ISO/IEC 14496-12, track header version 0
    data[matrix : matrix + 36] = struct.pack('>9i', *CLOCKWISE)
    path.write_bytes(data)
    image = next(iter(open_source(path))).image
    assert image.shape == (64, 48, 3)
    assert corners(image) == [2, 0, 1, 2]
    assert image.flags.c_contiguous


def test_grey_and_16_bit_video_become_8_bit_rgb(tmp_path):
    ramp = np.linspace(0, 255, 64).astype(np.uint8)[None].repeat(48, 0)
    wide = ramp.astype(np.uint16) * 257
    for name, images, layout in (('grey', ramp, 'gray'), ('wide', wide, 'gray16le')):
        path = write_video(
            tmp_path / f'{name}.mkv', [images] * 2, layout, codec='ffv1', layout=layout
        )
        image = next(iter(open_source(path))).image
        assert image.dtype == np.uint8
        assert image.shape == (48, 64, 3)
        assert np.abs(image.astype(int) - ramp[..., None]).max() <= 1


def test_folder_is_sorted_by_number_and_keeps_the_time_of_a_broken_image(tmp_path):
    for number, value in ((2, 20), (10, 100), (9, 90)):
        cv2.imwrite(str(tmp_path / f'{number}.png'), np.full((8, 9), value * 256, np.uint16))
    (tmp_path / '3.png').write_bytes(b'no image')
    (tmp_path / 'notes.txt').write_text('ignored')
    source = open_source(tmp_path, rate=4)
    frames = list(source)
    assert [int(f.image[0, 0, 0]) for f in frames] == [20, 90, 100]
    assert [f.stamp for f in frames] == [0, 500_000_000, 750_000_000]
    assert source.broken == 1
    assert frames[0].image.shape == (8, 9, 3)


@pytest.mark.parametrize('plugin', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_bag_gives_header_stamps_whatever_the_log_time(tmp_path, plugin):
    stamps = [5_000_000_000, 5_100_000_000, 5_200_000_000]
    broken = compressed(colour_image(), stamps[1])
    broken.data = broken.data[:40]
    messages = [
        ('/cam/compressed', 10**18, compressed(colour_image(), stamps[0])),
        ('/cam/compressed', 10**18 + 1, broken),
        ('/cam/compressed', 10**18 + 2, compressed(colour_image(), stamps[2])),
    ]
    path = write_bag(tmp_path / 'bag', messages, plugin)
    source = open_source(path, camera='c')
    frames = list(source)
    assert [f.stamp for f in frames] == [stamps[0], stamps[2]]
    assert {f.frame_id for f in frames} == {'optical'}
    assert (source.broken, source.length) == (1, 3)
    assert corners(frames[0].image) == [0, 1, 2, 2]
    [file] = [p for p in path.iterdir() if p.name != 'metadata.yaml']
    assert [f.stamp for f in open_source(file)] == [stamps[0], stamps[2]]


def test_bag_with_several_image_topics_asks_which(tmp_path):
    messages = [
        ('/left/image', 1, raw(colour_image(), 1)),
        ('/right/image', 2, raw(colour_image()[:, ::-1], 2)),
    ]
    path = write_bag(tmp_path / 'bag', messages)
    with pytest.raises(SourceError, match=r'choose one of /left/image, /right/image'):
        open_source(path)
    with pytest.raises(SourceError, match=r'no image topic /rear.*are /left/image, /right/image'):
        open_source(path, topic='rear')
    [frame] = open_source(path, topic='right/image')
    assert corners(frame.image) == [1, 0, 2, 2]


def test_bag_without_image_topic_lists_its_topics(tmp_path):
    text = TYPES.types['std_msgs/msg/String'](data='hello')
    path = write_bag(tmp_path / 'bag', [('/chatter', 1, text)])
    with pytest.raises(SourceError, match=r'no image topic.*/chatter \(std_msgs/msg/String\)'):
        open_source(path)


def test_empty_and_unreadable_bags_are_refused(tmp_path):
    empty = write_bag(tmp_path / 'empty', [])
    with pytest.raises(SourceError, match='empty bag'):
        open_source(empty)
    for name, content in (('zero.mcap', b''), ('zero.db3', b''), ('junk.mcap', b'x' * 999)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=f'{name}.*cannot be read as a bag'):
            open_source(tmp_path / name)


def test_bag_that_was_cut_off_is_refused(tmp_path):
    messages = [('/cam', k, raw(colour_image(), k)) for k in range(9)]
    path = write_bag(tmp_path / 'bag', messages)
    [file] = path.glob('*.mcap')
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(SourceError, match=r'ros2 bag reindex'):
        list(open_source(path))


def test_bag_all_of_whose_images_are_broken_says_the_first_fault(tmp_path):
    message = raw(colour_image(), 1)
    message.encoding = 'nonsense'
    path = write_bag(tmp_path / 'bag', [('/cam', 1, message)])
    with pytest.raises(SourceError, match=r'none of the 1 images on /cam.*nonsense'):
        list(open_source(path))


def test_other_bad_paths_say_what_to_do(tmp_path):
    (tmp_path / 'text.mp4').write_text('not a video')
    (tmp_path / 'nothing.mp4').touch()
    (tmp_path / 'old.bag').touch()
    (tmp_path / 'folder').mkdir()
    for name, reason in (
        ('absent.mp4', 'does not exist'),
        ('text.mp4', 'cannot be read as a video'),
        ('nothing.mp4', 'cannot be read as a video'),
        ('old.bag', 'ROS 1'),
        ('folder', 'holds neither images'),
    ):
        with pytest.raises(SourceError, match=f'{name}.*{reason}'):
            open_source(tmp_path / name)
    with pytest.raises(SourceError, match='it has no topic'):
        open_source(write_video(tmp_path / 'a.mp4', [colour_image()]), topic='/image')


@pytest.mark.parametrize('folder', ['ros2_mcap', 'ros2_sqlite3'])
def test_real_bags(shared: Path, folder):
    """Stamps lie hours before the receive time, the format is `jpg`, infos outnumber images."""
    for name in ('aruco_images', 'aruco_marker'):
        source = open_source(shared / 'data' / 'bags' / folder / name)
        [frame] = source
        assert source.topic == '/raspicam_node/image/compressed'
        assert frame.frame_id == 'raspicam'
        assert frame.image.std() > 10
        assert frame.stamp > 10**18


def test_a_colon_in_a_name_is_no_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(Path('plain.mp4'), [colour_image()] * 3)
    for name in ('12:30:15.mp4', 'http:a.mp4', '50%d.mp4', '-a.mp4', 'a b#?.mp4'):
        Path(name).write_bytes(Path('plain.mp4').read_bytes())
        assert len(list(open_source(name))) == 3
        assert open_frames(Path(name)).read([2]) is not None
    with VideoWriter('09:15:00.mp4') as writer:
        writer.write(0, colour_image())
    assert len(list(open_source('09:15:00.mp4'))) == 1


STAMPS = [5_000_000_000, 5_100_000_000, 5_200_000_000]


def image_bag(path, plugin=StoragePlugin.MCAP):
    messages = [('/cam', stamp, raw(colour_image(), stamp)) for stamp in STAMPS]
    return write_bag(path, messages, plugin)


def stamps_of(path):
    return [frame.stamp for frame in open_source(path)]


@pytest.mark.parametrize('plugin', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize('name', ['ROBOT{}', '12:30:15{}', '50% #1?{}', 'renamed.bin'])
def test_a_bag_file_is_known_whatever_its_name(tmp_path, name, plugin):
    folder = image_bag(tmp_path / 'bag', plugin)
    [file] = [p for p in folder.iterdir() if p.name != 'metadata.yaml']
    moved = file.rename(tmp_path / name.format(file.suffix.upper()))
    assert stamps_of(moved) == STAMPS


@pytest.mark.parametrize('plugin', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize(
    'edit',
    [
        lambda text: '',
        lambda text: 'rosbag2_bagfile_information: 3',
        lambda text: 'no: [yaml',
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('message_count: 3', 'message_count: 0'),
        lambda text: text.replace('message_count: 3', 'message_count: 7'),
        lambda text: text.replace('/cam', '/renamed'),
        lambda text: text.replace('/bag.', '/other.').replace(' bag.', ' other.'),
        lambda text: text.replace('version: 8', 'version: 99'),
        lambda text: text.replace('serialization_format: cdr', 'serialization_format: json'),
    ],
)
def test_where_metadata_disagrees_the_file_counts(tmp_path, plugin, edit, caplog):
    path = image_bag(tmp_path / 'bag', plugin)
    assert stamps_of(path) == STAMPS
    assert not caplog.records
    metadata = path / 'metadata.yaml'
    edited = edit(metadata.read_text())
    assert edited != metadata.read_text()
    metadata.write_text(edited)
    assert stamps_of(path) == STAMPS
    assert 'metadata.yaml is not as its bag file' in caplog.text


def test_a_bag_that_lacks_one_of_its_files_says_so(tmp_path, caplog):
    path = image_bag(tmp_path / 'bag')
    metadata = path / 'metadata.yaml'
    text = metadata.read_text()
    named = '- bag.mcap\n'
    assert named in text
    metadata.write_text(text.replace(named, f'{named}  - bag_1.mcap\n', 1))
    assert stamps_of(path) == STAMPS
    assert 'is not whole: bag_1.mcap, which metadata.yaml names, is missing' in caplog.text


@pytest.mark.parametrize('plugin', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_compressed_messages_are_read_without_the_metadata_that_says_so(tmp_path, plugin):
    writer = Writer(tmp_path / 'bag', version=8, storage_plugin=plugin)
    writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
    kind = 'sensor_msgs/msg/Image'
    with writer:
        connection = writer.add_connection('/cam', kind, typestore=TYPES)
        for stamp in STAMPS:
            data = TYPES.serialize_cdr(raw(colour_image(), stamp), kind)
            writer.write(connection, stamp, data)
    assert stamps_of(tmp_path / 'bag') == STAMPS
    (tmp_path / 'bag' / 'metadata.yaml').unlink()
    assert stamps_of(tmp_path / 'bag') == STAMPS


def test_channels_that_are_not_ros_do_not_matter(tmp_path):
    """Two bytes in a schema's encoding are enough; the same type in JSON is no image."""
    string = TYPES.types['std_msgs/msg/String'](data='a')
    messages = [('/status', 1, string), ('/cam', STAMPS[0], raw(colour_image(), STAMPS[0]))]
    path = write_bag(tmp_path / 'bag', messages)
    [file] = path.glob('*.mcap')
    content = file.read_bytes()
    for encoding in (b'jsonmsg', b'protobf', b'ros1msg'):
        name = b'std_msgs/msg/String' + len(encoding).to_bytes(4, 'little')
        assert content.count(name + b'ros2msg') >= 1
        file.write_bytes(content.replace(name + b'ros2msg', name + encoding))
        assert stamps_of(file) == STAMPS[:1]
    definition = content.index(b'string data')
    binary = bytearray(content)
    while definition > 0:
        binary[definition : definition + 6] = b'\xff\xfe\x80\x81\xc0\xf5'
        definition = bytes(binary).find(b'string data')
    file.write_bytes(bytes(binary))
    assert stamps_of(file) == STAMPS[:1]


def test_an_mcap_file_of_ros_1_says_so(tmp_path):
    [file] = image_bag(tmp_path / 'bag').glob('*.mcap')
    file.write_bytes(file.read_bytes().replace(b'ros2', b'ros1', 1))
    with pytest.raises(SourceError, match=r'is of ROS 1.*rosbags-convert') as caught:
        open_source(file)
    assert 'reindex' not in str(caught.value)


@pytest.mark.parametrize('suffix', ['.zstd', '.zst', '.gz', '.XZ', '.lz4'])
def test_what_is_compressed_as_a_whole_says_how_to_unpack_it(tmp_path, suffix):
    file = tmp_path / f'robot.mcap{suffix}'
    file.write_bytes(b'compressed')
    for path in (file, tmp_path):
        with pytest.raises(SourceError, match=f'robot.mcap{suffix} is compressed.*unpack it first'):
            open_source(path)


@pytest.mark.parametrize('kind', ['video', 'folder', 'bag'])
def test_frames_beyond_a_rate_are_left_out(tmp_path, kind):
    path = {'video': footage.video, 'folder': footage.folder}.get(kind, lambda p: p)(
        tmp_path / ('a.mkv' if kind == 'video' else kind)
    )
    if kind == 'bag':
        footage.bag(path, {'/image': 0})
    source = open_source(path, rate=10.0)
    source.max_rate = 3.0
    stamps = [frame.stamp for frame in source]
    assert [stamp - stamps[0] for stamp in stamps[:4]] == [0, 4 * 10**8, 7 * 10**8, 10**9]
    assert len(stamps) + source.left_out == 30
    source.max_rate = 0.0
    assert len(list(source)) == 30
    assert source.left_out == 0
