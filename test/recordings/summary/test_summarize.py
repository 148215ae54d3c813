"""Use `actloc summarize` as people do."""

import json
from datetime import datetime, timezone
from xml.etree import ElementTree

import av
import cv2
import footage
import numpy as np
import pytest
from recordings import SECOND, Act, make_index, write_video
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from actloc_ros.cli.main import main
from actloc_ros.recordings.summary.figure import Box, Figure, Text, figure_image, shortened
from actloc_ros.recordings.summary.unusual import dispersion, tail

MARCH = 1_772_323_200 * 10**9  # 2026-03-01T00:00Z
DAY = 86_400 * 10**9
LENGTH = 20  # s of the video; its shade says which second it shows


def shade(second):
    return 20 + 10 * second


def shaded(second):
    return np.full((96, 128, 3), shade(second), np.uint8)


@pytest.fixture(scope='module')
def days(tmp_path_factory):
    """Return an index of six days; on the last people fall, nobody waves, and one lies for long."""
    folder = tmp_path_factory.mktemp('days') / 'index'
    rng = np.random.default_rng(4)
    for day in range(6):
        acts = [Act('walking', n, 60.0 * n, 60.0 * n + 10, 0.9, 'hall') for n in range(50)]
        acts += [
            Act('lying', 100 + n, 70.0 * n, 70.0 * n + float(rng.uniform(2, 8)), 0.9, 'hall')
            for n in range(5)
        ]
        if day < 5:
            waves = rng.poisson(12)
            acts += [Act('waving', 60, 50.0 * n, 50.0 * n + 2, 0.9, 'hall') for n in range(waves)]
        else:
            acts += [Act('falling', 70, 500.0 * n, 500.0 * n + 1, 0.9, 'hall') for n in range(1, 7)]
            acts += [Act('lying', 70, 3000.0, 3120.0, 0.9, 'hall', alarm='person_down')]
        make_index(folder, {f'day{day}.mcap': acts}, zero=MARCH + day * DAY + 8 * DAY // 24)
    return folder


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    """Return an index of a video that exists."""
    folder = tmp_path_factory.mktemp('video')
    images = [shaded(n // 10) for n in range(LENGTH * 10)]
    acts = [Act('walking', n, 2.0 * n, 2.0 * n + 1.5, 0.9) for n in range(9)]
    acts += [Act('falling', 30, 13.2, 14.0, 0.9, alarm='fall')]
    recordings = {write_video(folder / 'shades.mp4', images): acts}
    return make_index(folder / 'index', recordings, length=LENGTH - 0.1)


def summarize(capsys, *arguments):
    assert main(['summarize', *map(str, arguments), '--timezone', 'UTC']) == 0
    return capsys.readouterr().out


def test_text_says_who_did_what(days, capsys):
    text = summarize(capsys, days)
    assert '6 recordings by 6 camera views, 6:00:00 h in all' in text
    walking = next(line for line in text.splitlines() if line.startswith('| walking |'))
    assert walking == (
        '| walking | 300 | 300 | 50:00 min | 10.0 s | 10.0 s | 2026-03-01 08:00:00 hall '
        '| 2026-03-06 08:49:00 hall |'
    )
    assert '| person\\_down | alert | 2026-03-06 08:50:00 hall | 2:00 min | #70 |' in text


def test_unusual_things_are_named_and_nothing_else(days, capsys):
    unusual = json.loads(summarize(capsys, days, '--json'))['unusual']
    found = {(each['kind'], each['period'], each['label']) for each in unusual}
    assert found == {
        ('new', '2026-03-06', 'falling'),
        ('less', '2026-03-06', 'waving'),
        ('long', '2026-03-06', 'lying'),
    }
    assert all(each['probability'] is None or each['probability'] < 0.05 for each in unusual)


def test_json_has_the_numbers_of_the_text(days, capsys):
    values = json.loads(summarize(capsys, days, '--json', '--from', '2026-03-06'))
    assert [view['recording'] for view in values['cameras']] == ['day5.mcap']
    labels = {each['label']: each for each in values['labels']}
    assert set(labels) == {'walking', 'falling', 'lying'}
    assert labels['falling'] == {
        'label': 'falling',
        'count': 6,
        'actors': 1,
        'total': 6.0,
        'median': 1.0,
        'longest': 1.0,
        'first': {
            'recording': 'day5.mcap',
            'camera': 'hall',
            'start': 500.0,
            'time': '2026-03-06T08:08:20.000+00:00',
        },
        'last': {
            'recording': 'day5.mcap',
            'camera': 'hall',
            'start': 3000.0,
            'time': '2026-03-06T08:50:00.000+00:00',
        },
    }
    assert values['most_severe_alarms'][0]['rule'] == 'person_down'
    assert values['unusual'] == []
    [actor] = [each for each in values['most_interesting_actors'] if each['track'] == 70]
    assert {each['label'] for each in actor['actions']} == {'falling', 'lying'}


def test_half_an_hour_has_the_rate_that_it_has():
    # 20 in 10 h before: two are usual in an hour, ten are not, and in five hours ten are.
    assert tail(2, 20, 10, 1, more=True) > 0.5
    assert tail(10, 20, 10, 1, more=True) < 1e-3
    assert tail(10, 20, 10, 5, more=True) > 0.4
    assert tail(0, 20, 10, 1, more=False) == pytest.approx(0.142, abs=0.01)


def test_days_that_differ_more_than_by_chance_make_less_unusual():
    steady, wild = np.array([10, 11, 9, 10]), np.array([1, 30, 2, 7])
    assert dispersion(steady, np.ones(4)) == 1
    assert dispersion(wild, np.ones(4)) > 10


def test_pictures_are_pictures(days, tmp_path, capsys):
    for suffix in ('svg', 'png'):
        summarize(
            *(capsys, days, '--timeline', tmp_path / f't.{suffix}'),
            *('--heat-map', tmp_path / f'h.{suffix}'),
        )
    for name in 'th':
        root = ElementTree.parse(tmp_path / f'{name}.svg').getroot()
        words = [each.text for each in root.iter('{http://www.w3.org/2000/svg}text')]
        assert 'walking' in words
        assert 'hall' in words
        picture = cv2.imread(str(tmp_path / f'{name}.png'))
        assert abs(picture.shape[1] - 2 * float(root.get('width'))) <= 1
        assert abs(picture.shape[0] - 2 * float(root.get('height'))) <= 2
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10


def test_names_of_any_width_stay_within_their_room_in_png(tmp_path):
    for letters in ('W', 'hall/', 'i'):
        name = shortened(letters * 40, 170, 12)
        figure = Figure('', 200, 40, texts=[Text(190, 25, name, 12, anchor='end')])
        ink = np.flatnonzero((figure_image(figure) < 128).any(axis=(0, 2)))
        assert 2 * (190 - 170) - 4 <= ink[0] < ink[-1] <= 2 * 190 + 4, letters


def test_cells_beside_each_other_leave_no_gap_in_png():
    down = 150 / 18
    for row in range(18):
        boxes = [Box(0, 9 + n * down, 10, down, '#000000') for n in (row, row + 1)]
        column = figure_image(Figure('', 20, 180, boxes))[:, 0, 0]
        assert (np.diff(np.flatnonzero(column == 0)) == 1).all()


def test_names_are_escaped_in_pictures_and_text(tmp_path, capsys):
    acts = [Act('<b>&_', 1, 1.0, 2.0, 0.9, 'a|b</text><script/>\n# c')]
    index = make_index(tmp_path / 'index', {'x.mp4': acts})
    text = summarize(capsys, index, '--timeline', tmp_path / 't.svg')
    assert 'a\\|b\\</text\\>\\<script/\\> \\# c' in text
    assert '\n# c' not in text
    root = ElementTree.parse(tmp_path / 't.svg').getroot()
    assert not list(root.iter('{http://www.w3.org/2000/svg}script'))


def read_shades(path):
    """Return when each frame of a video is shown in s, and which second it was taken from."""
    with av.open(str(path)) as container:
        return [
            (frame.time, (int(frame.to_ndarray(format='rgb24')[3, -3, 1]) - 20) / 10)
            for frame in container.decode(video=0)
        ]


def test_reel_shows_what_was_chosen_in_the_length_that_was_asked(video, tmp_path, capsys):
    out = tmp_path / 'reel.mp4'
    values = json.loads(summarize(capsys, video, '--seconds', 6, '--out', out, '--json'))
    moments = values['highlights']['moments']
    assert 'alarm fall' in moments[-1]['what'] + moments[0]['what']
    assert 0.3 < values['highlights']['bound'] <= 1
    total = sum(moment['duration'] for moment in moments)
    frames = read_shades(out)
    assert total - 0.5 < frames[-1][0] < total <= 6
    begin = 0.0
    for moment in moments:
        own = [(t, s) for t, s in frames if begin + 0.1 < t < begin + moment['duration'] - 0.2]
        assert own
        for time, second in own:
            assert abs(moment['start'] + time - begin - 0.5 - second) < 0.8
        begin += moment['duration']


def test_reel_has_captions(video, tmp_path, capsys):
    out = tmp_path / 'reel.mp4'
    summarize(capsys, video, '--seconds', 4, '--out', out)
    with av.open(str(out)) as container:
        image = next(container.decode(video=0)).to_ndarray(format='rgb24')
    below = image[image.shape[0] * 9 // 10 :]
    assert below.max() > 180
    assert np.median(below) < 60


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (['--out', 'reel.mp4'], '--out needs the length of the video'),
        (['--seconds', '0'], '--seconds is 0'),
        (['--timeline', 'when.pdf'], 'when.pdf names no kind of picture'),
        (['--seconds', '30', '--out', 'reel.mp4'], '.mcap is not where it was'),
        (['--from', 'yesterday'], '"yesterday" is no time'),
        (['--from', '2027-01-01'], 'the index reaches from 2026-03-01 08:00:00 to'),
        (['--least-score', '2'], '--least-score is 2.0; expected 0 to 1'),
    ],
)
def test_what_cannot_be_is_refused(days, options, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(['summarize', str(days), '--timezone', 'UTC', *options]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_results_of_two_models_are_not_mixed(tmp_path, capsys):
    for name in ('pose_n', 'motion'):
        acts = [Act(f'by {name}', 1, 1.0, 2.0)]
        make_index(tmp_path / 'index', {f'{name}.mp4': acts}, name=name)
    assert main(['summarize', str(tmp_path / 'index')]) == 2
    assert 'motion (00000000), pose_n (00000000), which do not mix' in capsys.readouterr().err
    text = summarize(capsys, tmp_path / 'index', '--model', 'motion')
    assert 'by motion' in text
    assert 'pose' not in text


def test_times_are_those_of_the_zone_that_is_asked_for(days, capsys):
    assert main(['summarize', str(days), '--timezone', 'Asia/Tokyo', '--json']) == 0
    values = json.loads(capsys.readouterr().out)
    first = datetime.fromisoformat(values['cameras'][0]['time'])
    assert first == datetime(2026, 3, 1, 8, tzinfo=timezone.utc)
    assert first.hour == 17


def test_recordings_in_which_nobody_is_are_summed_up_too(tmp_path, capsys):
    index = make_index(tmp_path / 'index', {'x.mp4': [], 'y.mp4': []})
    text = summarize(
        *(capsys, index, '--seconds', 10, '--timeline', tmp_path / 't.svg'),
        *('--heat-map', tmp_path / 'h.png'),
    )
    assert 'Nobody did anything.' in text
    assert main(['summarize', str(index), '--seconds', '10', '--out', str(tmp_path / 'r.mp4')]) == 2
    assert 'nothing happens that could be shown' in capsys.readouterr().err


def test_reel_is_cut_from_folders_of_images_too(tmp_path, capsys):
    folder = tmp_path / 'images'
    folder.mkdir()
    for number in range(80):
        cv2.imwrite(str(folder / f'{number}.png'), shaded(number // 10))
    acts = {folder: [Act('falling', 1, 4.0, 5.0)]}
    index = make_index(tmp_path / 'index', acts, length=7.9, settings='{"rate": 10.0}')
    summarize(capsys, index, '--seconds', 3, '--out', tmp_path / 'reel.mp4')
    for time, second in read_shades(tmp_path / 'reel.mp4'):
        assert abs(3.0 + time - 0.5 - second) < 0.8


def test_reel_and_page_show_images_at_the_rate_by_which_they_were_indexed(tmp_path, capsys):
    """Also where fewer were used."""
    folder = tmp_path / 'images'
    footage.folder(folder, colours=[footage.RED, footage.GREEN], length=40)
    words = ['index', str(folder), '--into', str(tmp_path / 'index'), '--rate', '10']
    model = 'colour_localizer:ColourLocalizer'
    assert main([*words, '--max-rate', '2', '--model', model, '--processes', '1']) == 0
    out = tmp_path / 'reel.mp4'
    summarize(capsys, tmp_path / 'index', '--seconds', 4, '--out', out)
    report = ['report', str(tmp_path / 'index'), '--out', str(tmp_path / 'page.html')]
    assert main([*report, '--clips', 'beside']) == 0
    [clip] = (tmp_path / 'page_clips').iterdir()
    for path in (out, clip):
        with av.open(str(path)) as container:
            last = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)][-1]
        picture = last[:48].reshape(-1, 3).max(axis=0)
        assert picture[1] > 200, f'{path} ends with what is shown last'


def test_reel_is_cut_from_bags_of_several_cameras_too(tmp_path, capsys):
    bag = write_bag(tmp_path / 'bag', {'/dark': 0, '/hall': 0, '/late': 3})
    acts = [Act('falling', 1, 6.0, 7.0, camera='/hall'), Act('x', 2, 1, 2, 0.1, camera='/late')]
    index = make_index(tmp_path / 'index', {bag: acts}, zero=MARCH, length=9.9)
    out = tmp_path / 'reel.mp4'
    values = json.loads(summarize(capsys, index, '--seconds', 4, '--out', out, '--json'))
    [moment] = values['highlights']['moments']
    assert (moment['camera'], moment['time']) == ('/hall', '2026-03-01T00:00:05.000+00:00')
    for time, second in read_shades(out):
        assert abs(5.0 + time - 0.5 - second) < 0.8


def write_bag(path, cameras):
    """Write images at 10 Hz, shaded by the second; cameras are ahead by so many s."""
    types = get_typestore(Stores.ROS2_HUMBLE)
    image, time = types.types['sensor_msgs/msg/Image'], types.types['builtin_interfaces/msg/Time']
    header = types.types['std_msgs/msg/Header']
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        topics = [writer.add_connection(c, image.__msgtype__, typestore=types) for c in cameras]
        for step in range(100):
            stamp = MARCH + step * SECOND // 10
            head = header(time(stamp // SECOND, stamp % SECOND), 'optical')
            for topic, ahead in zip(topics, cameras.values(), strict=True):
                pixels = shaded(step // 10 + ahead).reshape(-1)
                message = image(head, 96, 128, 'rgb8', 0, 384, pixels)
                data = types.serialize_cdr(message, image.__msgtype__)
                writer.write(topic, stamp + SECOND, data)
    return path
