"""Test `actloc search`: the table, JSON, playlists, chapters, clips, bags, examples, faults."""

import json

import av
import cv2
import footage
import numpy as np
import pytest
import webvtt
from footage import BLUE, GREEN, RED
from mcap.reader import make_reader
from recordings import SECOND, Act, make_index, write_video
from rosbags.highlevel import AnyReader
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from actloc_ros.cli.main import main
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.recordings.index.open import open_index
from actloc_ros.recordings.search.engine import Searcher
from actloc_ros.recordings.search.similar import Example, search_like

TYPES = get_typestore(Stores.ROS2_HUMBLE)
VIDEO = "it's <a> & b, [1]\n東京.mp4"
STAMP = 1_700_000_000 * SECOND
LOG_DELAY = 40_000_000  # ns from a header's stamp to when it is recorded
ACTS = [
    Act('walking', 1, 1, 3),
    Act('falling', 1, 3.5, 4.2, score=0.7),
    Act('lying', 1, 4.3, 9),
    Act('walking', 2, 1, 6, zone='door'),
]
LATCHED = Qos(
    QosHistory.KEEP_LAST,
    1,
    QosReliability.RELIABLE,
    QosDurability.TRANSIENT_LOCAL,
    *[QosTime(0, 0)] * 2,
    QosLiveliness.AUTOMATIC,
    QosTime(0, 0),
    False,
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Return a folder with a video, two bags, and the index of what they are said to show."""
    folder = tmp_path_factory.mktemp('search')
    with VideoWriter(folder / VIDEO, 10.0) as video:
        for step in range(100):
            video.write(step * SECOND // 10, np.full((48, 64, 3), 2 * step, np.uint8))
    write_bag(folder / 'mcap', StoragePlugin.MCAP, ('/hall', '/yard'))
    write_bag(folder / 'sqlite', StoragePlugin.SQLITE3, ('/hall',))
    make_index(folder / 'index', {folder / VIDEO: ACTS}, length=9.9)
    bags = {
        folder / 'mcap': [
            Act('falling', 1, 2, 3, camera='/hall'),
            Act('lying', 1, 7, 8, camera='/hall'),
            Act('falling', 4, 6, 6.5, camera='/yard'),
        ],
        folder / 'sqlite': [Act('falling', 3, 5, 6, camera='/hall')],
    }
    make_index(folder / 'index', bags, zero=STAMP, length=9.9)
    return folder


def write_bag(path, plugin, topics):
    """Write images at 10 Hz, a counter beside them, and a latched text at the beginning."""
    image, text, header = (
        TYPES.types[name]
        for name in ('sensor_msgs/msg/Image', 'std_msgs/msg/String', 'std_msgs/msg/Header')
    )
    time = TYPES.types['builtin_interfaces/msg/Time']
    with Writer(path, version=8, storage_plugin=plugin) as writer:
        cameras = [writer.add_connection(t, image.__msgtype__, typestore=TYPES) for t in topics]
        count = writer.add_connection('/count', text.__msgtype__, typestore=TYPES)
        latched = writer.add_connection(
            '/map', text.__msgtype__, typestore=TYPES, offered_qos_profiles=[LATCHED]
        )
        data = TYPES.serialize_cdr(text('map'), text.__msgtype__)
        writer.write(latched, STAMP, data)
        for step in range(100):
            stamp = STAMP + step * SECOND // 10
            head = header(time(stamp // SECOND, stamp % SECOND), 'optical')
            pixels = np.full(8 * 8 * 3, step, np.uint8)
            message = image(head, 8, 8, 'rgb8', 0, 24, pixels)
            for camera in cameras:
                data = TYPES.serialize_cdr(message, image.__msgtype__)
                writer.write(camera, stamp + LOG_DELAY, data)
            data = TYPES.serialize_cdr(text(str(step)), text.__msgtype__)
            writer.write(count, stamp + LOG_DELAY + 1, data)


@pytest.fixture
def search(folder, capsys):
    def run(*arguments):
        code = main(['search', str(folder / 'index'), *map(str, arguments)])
        return code, capsys.readouterr()

    return run


def test_a_table_says_who_did_what_when(search):
    code, said = search('fell then lying', '--timezone', 'UTC')
    assert code == 0
    lines = said.out.splitlines()
    assert lines[0].split() == [
        *('recording', 'camera', 'from', 'to', 'action', 'track', 'score', 'when'),
    ]
    assert len(lines) == 3
    assert r"it's <a> & b, [1]\n東京.mp4" in said.out
    assert '0:00:02.0  0:00:08.0  falling, lying' in said.out
    assert '2023-11-14T22:13:22.000+00:00' in said.out
    assert "'fell' is taken as falling (inflection)" in said.err
    assert '2 hits' in said.err


def test_json_lines_have_times_in_seconds(search, folder):
    code, said = search('walking then falling within 1 s', '--json')
    assert code == 0
    assert [json.loads(line) for line in said.out.splitlines()] == [
        {
            'recording': str(folder / VIDEO),
            'camera': '',
            'label': 'walking, falling',
            'track': 1,
            'start': 1.0,
            'end': 4.2,
            'score': 0.7,
            'model': 'pose_n',
            'parts': [
                {'label': 'walking', 'track': 1, 'start': 1.0, 'end': 3.0, 'score': 0.9},
                {'label': 'falling', 'track': 1, 'start': 3.5, 'end': 4.2, 'score': 0.7},
            ],
        }
    ]


def test_nothing_found_and_limits_are_said(search):
    code, said = search('walking score > 0.95')
    assert (code, said.out) == (0, '')
    assert 'no hits' in said.err
    code, said = search('anything', '--limit', 2)
    assert '2 hits, and there are more' in said.err


def test_playlists_name_times_for_vlc_and_mpv(search, folder, tmp_path):
    code, said = search('falling', '--m3u', tmp_path / 'hits.m3u')
    assert code == 0
    lines = (tmp_path / 'hits.m3u').read_text().splitlines()
    assert lines[:4] == [
        *('#EXTM3U', '#EXTINF:1,falling (track 1)'),
        *('#EXTVLCOPT:start-time=3.500', '#EXTVLCOPT:stop-time=4.200'),
    ]
    assert lines[4] == (folder / VIDEO).as_uri()
    name = str(folder / VIDEO)
    edl = (tmp_path / 'hits.edl').read_text()
    assert edl == f'# mpv EDL v0\n%{len(name.encode())}%{name},3.500,0.700\n'
    assert '3 hits are in no videos' in said.err


@pytest.mark.parametrize('name', [VIDEO, 'hits.edl', 'hits'])
def test_a_playlist_takes_the_place_of_nothing_else(search, folder, tmp_path, name):
    path = folder / VIDEO if name == VIDEO else tmp_path / name
    before = path.read_bytes() if path.exists() else None
    code, said = search('falling', '--m3u', path)
    assert (code, said.out) == (2, '')
    assert f'{path} is no name of a playlist; end it with .m3u' in said.err
    assert (path.read_bytes() if path.exists() else None) == before


def test_chapters_are_read_by_another_reader(search, tmp_path):
    code, _ = search('recording mcap or walking', '--webvtt', tmp_path)
    assert code == 0
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3  # the video, and two cameras of a bag
    [walks] = [webvtt.read(file) for file in files if '東京' in file.name]
    assert [(c.start, c.end, c.text) for c in walks] == [
        ('00:00:01.000', '00:00:03.000', 'walking (track 1)'),
        ('00:00:01.000', '00:00:06.000', 'walking (track 2)'),
    ]


def test_clips_are_copied_from_a_key_frame_or_cut_to_the_frame(search, tmp_path):
    code, _ = search('lying and recording it*', '--clips', tmp_path / 'copied')
    assert code == 0
    [copied] = (tmp_path / 'copied').iterdir()
    assert copied.suffix == '.mkv'
    levels = shown(copied)
    assert levels[0] <= 2 * 43  # from the key frame before
    assert np.allclose(levels, 2 * np.arange(len(levels)) + levels[0], atol=3)  # none is missing
    assert 2 * 90 - 3 <= levels[-1] < 2 * 99
    code, _ = search(
        'lying and recording it*', '--clips', tmp_path / 'exact', '--exact', '--margin', 0.1
    )
    assert code == 0
    [exact] = (tmp_path / 'exact').iterdir()
    assert exact.suffix == '.mp4'
    assert np.allclose(shown(exact), [2 * step for step in range(42, 92)], atol=2)


def shown(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format='rgb24').mean() for frame in container.decode(video=0)]


def test_a_copied_clip_begins_at_a_key_frame_before_it_where_seeking_comes_out_late(
    tmp_path,
):
    """Streams such as MPEG-TS have no index: FFmpeg seeks them to a frame of any kind."""
    path = tmp_path / 'a.ts'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg2video', rate=30, options={'g': '15'})
        stream.height, stream.width, stream.pix_fmt = 48, 64, 'yuv420p'
        for step in range(120):
            image = np.full((48, 64, 3), step, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode())
    spans = [(0.1, 0.4), (0.9, 1.2), (1.45, 2.3), (3.4, 3.9)]
    acts = [Act('falling', track, *span) for track, span in enumerate(spans, 1)]
    make_index(tmp_path / 'index', {path: acts}, length=4)
    clips = str(tmp_path / 'clips')
    assert main(['search', str(tmp_path / 'index'), 'falling', '--clips', clips]) == 0
    for clip, (start, end) in zip(sorted((tmp_path / 'clips').iterdir()), spans, strict=True):
        levels = shown(clip)
        assert 30 * start - 15 - 3 < levels[0] <= 30 * start + 3
        assert levels[-1] >= 30 * end - 3.5


def test_clips_of_images_show_them_at_the_rate_by_which_they_were_indexed(tmp_path):
    images = footage.folder(tmp_path / 'images', colours=[RED, GREEN])
    words = ['index', str(images), '--into', str(tmp_path / 'index'), '--rate', '10']
    model = 'colour_localizer:ColourLocalizer'
    assert main([*words, '--max-rate', '5', '--model', model, '--processes', '1']) == 0
    clips = str(tmp_path / 'clips')
    assert main(['search', str(tmp_path / 'index'), 'green', '--clips', clips]) == 0
    [clip] = (tmp_path / 'clips').iterdir()
    with av.open(str(clip)) as container:
        frames = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]
    assert 12 <= len(frames) <= 15
    assert all(frame[..., 1].max() > 200 > 100 > frame[..., 0].max() for frame in frames)


def test_names_of_clips_tell_cameras_and_labels_apart(tmp_path):
    topics = {'/left/image': 1, '/right/image': 2}
    bag = footage.bag(tmp_path / 'bag', topics)
    acts = [Act('run/jog', 1, 0, 2, camera=topic) for topic in topics]
    make_index(tmp_path / 'index', {bag: acts}, zero=STAMP, length=2.9)
    words = ['search', str(tmp_path / 'index'), 'anything', '--clips', str(tmp_path / 'clips')]
    assert main([*words, '--webvtt', str(tmp_path / 'chapters')]) == 0
    names = sorted(path.name for path in (tmp_path / 'clips').iterdir())
    assert names == ['1_bag_left_image_run_jog.mp4', '2_bag_right_image_run_jog.mp4']
    names = sorted(path.name for path in (tmp_path / 'chapters').iterdir())
    assert names == ['bag_left_image.vtt', 'bag_right_image.vtt']


def test_clips_of_a_camera_of_a_bag(search, tmp_path):
    code, _ = search('lying camera /hall', '--clips', tmp_path)
    assert code == 0
    [clip] = tmp_path.iterdir()
    assert np.allclose(shown(clip), range(70, 81), atol=2)


def test_bags_hold_the_original_messages_of_these_times(search, folder, tmp_path):
    code, _ = search('falling', '--bag', tmp_path)
    assert code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ['mcap', 'sqlite']
    assert list((tmp_path / 'sqlite').glob('*.db3'))
    for name, steps in (
        ('mcap', [*range(20, 31), *range(60, 66)]),
        ('sqlite', [*range(50, 61)]),
    ):
        original, kept = bag_content(folder / name), bag_content(tmp_path / name)
        assert set(kept) == set(original)
        for topic, messages in kept.items():
            assert set(messages) <= set(original[topic])
        # Of the last step, the counter was recorded after the image.
        assert len(kept['/hall']) == len(steps)
        assert [time for time, _ in kept['/hall']] == [
            STAMP + step * SECOND // 10 + LOG_DELAY for step in steps
        ]
        assert kept['/map'] == original['/map']
    [file] = (tmp_path / 'mcap').glob('*.mcap')
    with file.open('rb') as opened:
        topics = {channel.topic for _, channel, _ in make_reader(opened).iter_messages()}
    assert topics == {'/hall', '/yard', '/count', '/map'}
    code, said = search('falling', '--bag', tmp_path)
    assert code == 2
    assert 'exists already' in said.err


def bag_content(path):
    found = {}
    with AnyReader([path], default_typestore=TYPES) as reader:
        for connection, time, data in reader.messages():
            found.setdefault(connection.topic, []).append((time, bytes(data)))
    return found


def test_examples_find_the_nearest_vectors(search, folder):
    code, said = search('--like', f'{VIDEO}@5s#1', '--json', '--limit', 3)
    assert code == 0
    hits = [json.loads(line) for line in said.out.splitlines()]
    with open_index(folder / 'index') as index:
        model = index.models()[0]
        vectors = index.vectors(*model)
        rows = index.connection.execute(
            'SELECT g.vector, g.start, g.track, r.path FROM segments g JOIN views v USING (view) '
            'JOIN recordings r USING (recording) ORDER BY g.vector'
        ).fetchall()
        every = vectors.rows(np.arange(len(rows)))
        [own] = [
            row[0]
            for row in rows
            if row[3] == str(folder / VIDEO) and row[2] == 1 and row[1] == 4 * SECOND
        ]
        cosines = every @ every[own]
        order = [row for row in np.argsort(-cosines) if row != own][:3]
    assert [hit['score'] for hit in hits] == pytest.approx(cosines[order].tolist(), abs=1e-3)
    assert [hit['recording'] for hit in hits] == [rows[row][3] for row in order]


def test_a_moment_is_named_by_the_way_to_its_recording_from_here(search, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    here = f'{folder.name}/{VIDEO}@5s#1'
    found = [search('--like', words, '--json') for words in (here, f'{VIDEO}@5s#1')]
    assert [code for code, _ in found] == [0, 0]
    assert found[0][1].out == found[1][1].out


def test_examples_fulfil_a_query_too(search):
    code, said = search('lying', '--like', f'{VIDEO}@2s', '--json')
    assert code == 0
    hits = [json.loads(line) for line in said.out.splitlines()]
    assert hits
    assert all(hit['label'] == 'lying' or hit['start'] < 9 for hit in hits)
    assert [hit['score'] for hit in hits] == sorted((h['score'] for h in hits), reverse=True)


@pytest.fixture(scope='module')
def coloured(tmp_path_factory):
    """Return a folder with footage of a rectangle, and its index by a model with features."""
    folder = tmp_path_factory.mktemp('coloured')
    for name, colours in (('red', [RED]), ('green', [GREEN]), ('blue', [BLUE])):
        footage.video(folder / 'tree' / f'{name}.mkv', colours=colours)
    model = 'colour_localizer:FeaturedColourLocalizer'
    into = str(folder / 'index')
    tree = str(folder / 'tree')
    assert main(['index', tree, '--into', into, '--model', model, '--processes', '1']) == 0
    return folder


def test_files_are_examples_by_the_model_of_the_index(coloured, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'green.png'), footage.images(7, colours=[GREEN])[3][..., ::-1])
    clip = footage.video(tmp_path / 'clip.mkv', 5, colours=[BLUE], length=20)
    for path, colour in ((tmp_path / 'green.png', 'green'), (clip, 'blue')):
        capsys.readouterr()
        code = main(['search', str(coloured / 'index'), '--like', str(path), '--json'])
        said = capsys.readouterr()
        assert code == 0, said.err
        hits = [json.loads(line) for line in said.out.splitlines()]
        assert hits[0]['label'] == colour
        assert hits[0]['score'] > 0.99
        assert hits[-1]['score'] < 0.9
    write_video(tmp_path / 'dark.mkv', [np.zeros((48, 64, 3), np.uint8)] * 5)
    code = main(['search', str(coloured / 'index'), '--like', str(tmp_path / 'dark.mkv')])
    assert code == 2
    assert 'shows nobody' in capsys.readouterr().err


def test_an_index_without_its_model_takes_no_files(folder, search, tmp_path):
    code, said = search('--like', folder / VIDEO)
    assert code == 2
    assert 'other weights here' in said.err


def test_vectors_of_another_length_are_refused(folder):
    with open_index(folder / 'index') as index:
        searcher = Searcher(index.connection)
        example = Example(*index.models()[0], np.ones((1, 7), np.float32))
        with pytest.raises(ValueError, match='numbers'):
            search_like(index, searcher, [example])


@pytest.mark.parametrize('option', ['--clips', '--bag', '--webvtt'])
def test_a_file_is_no_folder_to_write_to(search, folder, option):
    before = (folder / VIDEO).read_bytes()
    code, said = search('falling', option, folder / VIDEO)
    assert code == 2
    assert f'{folder / VIDEO} is a file; name a folder' in said.err
    assert (folder / VIDEO).read_bytes() == before


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        ((), 'name what to find'),
        (('wlking',), 'is walking meant?'),
        (('falling', '--limit', 0), '--limit is 0'),
        (('falling', '--margin', -1), '--margin is -1.0'),
        (('falling', '--exact'), 'give --clips too'),
        (('falling', '--timezone', 'Mars/Here'), "'Mars/Here' is no time zone"),
        (('--like', 'nowhere.mp4@3s'), "no recording 'nowhere.mp4'"),
        (('--like', f'{VIDEO}@300s'), 'nobody with a vector at 300 s'),
        (('--like', f'{VIDEO}@5s#9'), 'no track 9 with a vector at 5 s'),
        (('--like', 'nowhere.png'), 'nowhere.png is neither a moment'),
        (('--text', 'a red hat'), 'was indexed with a network of images and words'),
    ],
)
def test_faults_are_said_in_a_line(search, arguments, text):
    code, said = search(*arguments)
    assert code == 2
    assert text in said.err.splitlines()[-1]


def test_the_place_of_a_fault_is_shown(search):
    code, said = search('falling in zone dor')
    assert code == 2
    assert said.err.splitlines()[:2] == ['  falling in zone dor', '                  ^']


def test_recordings_that_are_gone_are_named(tmp_path, capsys):
    make_index(tmp_path / 'index', {tmp_path / 'gone.mp4': ACTS})
    for option in ('--clips', '--bag'):
        code = main(['search', str(tmp_path / 'index'), 'falling', option, str(tmp_path / 'out')])
        assert code == 2
        assert 'gone.mp4 is not there any more' in capsys.readouterr().err


def test_a_folder_without_an_index_is_refused(tmp_path, capsys):
    assert main(['search', str(tmp_path), 'falling']) == 2
    assert 'holds no index' in capsys.readouterr().err
