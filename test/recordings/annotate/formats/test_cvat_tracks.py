"""Check that CVAT's XML says what is meant, to our reader and to somebody else's."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from annotations import RATE, actor, annotation, datumaro, two_at_once
from hypothesis import given, settings
from hypothesis import strategies as st

from actloc_ros.datasets.check import check_dataset
from actloc_ros.datasets.formats.cvat import single_actions, split_actions
from actloc_ros.datasets.readers import DatasetSpec, open_dataset
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.recordings.annotate.annotation import AnnotateError, Span
from actloc_ros.recordings.annotate.formats.cvat import write_cvat
from actloc_ros.recordings.annotate.formats.written import WriteOptions

SECOND = 1_000_000_000


@pytest.fixture(scope='module')
def footage(tmp_path_factory):
    path = tmp_path_factory.mktemp('footage') / 'a.mp4'
    with VideoWriter(path, RATE) as writer:
        for index in range(30):
            writer.write(index * SECOND // RATE, np.full((48, 64, 3), 8 * index, np.uint8))
    return path


def write(tmp_path, content, **options):
    path = tmp_path / 'a.xml'
    written = write_cvat(content, path, WriteOptions(**options))
    return ElementTree.parse(path).getroot(), written


def read(tmp_path, footage):
    if not (tmp_path / 'a.mp4').exists():
        (tmp_path / 'a.mp4').symlink_to(footage)
    return open_dataset(DatasetSpec('a.xml', 'cvat'), tmp_path)


def spans(video):
    return {
        (each.label, round(each.start * RATE / SECOND), round(each.end * RATE / SECOND))
        for each in video.instances
    }


def test_tracks_come_back_as_they_are(tmp_path, footage):
    moving = two_at_once()
    _, written = write(tmp_path, annotation([moving, actor(2, 20, 29)], ['walk', 'wave', 'sit']))
    videos = read(tmp_path, footage)
    assert not check_dataset(videos).fatal
    [video] = videos.videos
    assert videos.labels == ('walk', 'wave', 'sit')
    assert video.tracks[0].frames.tolist() == moving.frames.tolist()
    assert np.abs(video.tracks[0].boxes - moving.boxes).max() <= 2
    assert video.tracks[1].frames.tolist() == list(range(20, 30))
    assert spans(video) == {('walk', 0, 10), ('wave', 4, 7), ('walk', 15, 19)}
    [note] = written.notes
    assert 'walk, wave' in note


def test_the_importer_gets_what_it_needs_and_nothing_else(tmp_path):
    root, _ = write(tmp_path, annotation([two_at_once()], ['walk', 'wave'], frames=19))
    boxes = list(root.iter('box'))
    frames = [int(box.get('frame')) for box in boxes]
    assert {box.get('keyframe') for box in boxes} == {'1'}
    assert max(frames) == 18  # beyond the last frame, the importer knows none
    assert [f for f, box in zip(frames, boxes, strict=True) if box.get('outside') == '1'] == [10]
    said = {
        int(box.get('frame')): {each.get('name'): each.text for each in box}
        for box in boxes
        if len(box)
    }
    assert said == {
        0: {'action': 'walk', 'review': 'false'},
        4: {'action': 'walk, wave', 'review': 'true'},
        7: {'action': 'walk', 'review': 'false'},
    }


def test_labels_of_the_task_lie_beside(tmp_path):
    root, written = write(tmp_path, annotation([two_at_once()], ['walk', 'wave']))
    [person] = json.loads(written.files[1].read_text())
    action, review = person['attributes']
    assert (action['input_type'], action['mutable']) == ('select', True)
    assert action['values'] == ['__undefined__', 'walk', 'wave', 'walk, wave']
    assert action['default_value'] in action['values']
    assert (review['input_type'], review['mutable']) == ('checkbox', True)
    element = root.find('meta/task/labels/label/attributes/attribute')
    assert element.findtext('values').split('\n') == action['values']
    assert element.findtext('mutable') == 'True'


def test_labels_with_commas_are_not_taken_apart(tmp_path, footage):
    talk = 'talk to (e.g., self, a person, a group)'
    spans_of = [Span(talk, 0, 9), Span('walk', 5, 9)]
    write(tmp_path, annotation([actor(1, 0, 9, spans_of)], ['walk', talk]))
    videos = read(tmp_path, footage)
    assert videos.labels == ('walk', talk)
    assert spans(videos.videos[0]) == {(talk, 0, 10), ('walk', 5, 10)}


def test_names_that_would_be_read_as_others_are_refused(tmp_path):
    for labels, said in (
        (['a', 'b', 'a, b'], "'a, b' would be read"),
        (['a\nb', 'a b'], "are both 'a b'"),
        (['__undefined__'], 'would be read'),
        ([' '], 'is empty'),
    ):
        with pytest.raises(AnnotateError, match=said):
            write(tmp_path, annotation([], labels))
        assert not (tmp_path / 'a.xml').exists()


def test_nobody_is_an_annotation_too(tmp_path, footage):
    root, _ = write(tmp_path, annotation([], ['walk']))
    assert root.find('track') is None
    assert read(tmp_path, footage).videos[0].tracks == ()


LABELS = st.lists(st.text(max_size=12), min_size=1, max_size=4, unique=True)


@settings(max_examples=60, deadline=None)
@given(LABELS, st.integers(0, 2**16))
def test_names_of_any_kind_come_back(footage, tmp_path_factory, labels, seed):
    folder = tmp_path_factory.mktemp('names')
    rng = np.random.default_rng(seed)
    spans_of = [
        Span(label, first, first + int(rng.integers(0, 10)))
        for label in labels
        for first in [int(rng.integers(0, 10))]
    ]
    people = [actor(1, 0, 25, spans_of), actor(2, 3, 22, spans_of[:1])]
    try:
        write(folder, annotation(people, labels))
    except AnnotateError:
        return
    [video] = read(folder, footage).videos
    count = sum(each.actor == 1 for each in video.instances)
    assert count == len(labels)
    for span, found in zip(
        sorted((s.first, s.last + 1) for s in spans_of),
        sorted(
            (round(each.start * RATE / SECOND), round(each.end * RATE / SECOND))
            for each in video.instances
            if each.actor == 1
        ),
        strict=True,
    ):
        assert span == found


def test_values_are_split_by_what_is_offered():
    known = single_actions(['a, b', 'a', 'c', 'a, b, c', 'c, a'])
    assert known == {'a, b', 'a', 'c'}
    assert list(split_actions('a, b,c', known)) == ['a, b', 'c']
    assert list(split_actions('new, a', known)) == ['new', 'a']
    assert list(split_actions('__undefined__', known)) == []


READER = """
import json, sys, datumaro
found = []
for item in datumaro.Dataset.import_from(sys.argv[1], 'cvat'):
    frame = int(item.id.rpartition('_')[2])
    found += [(frame, a.attributes, [a.x, a.y, a.w, a.h]) for a in item.annotations]
print(json.dumps(found))
"""


def test_datumaro_reads_the_key_frames(tmp_path):
    write(tmp_path, annotation([two_at_once()], ['walk', 'wave']))
    Path(tmp_path / 'a.labels.json').unlink()  # it takes any JSON for another format
    found = sorted(datumaro(READER, tmp_path), key=lambda row: row[0])
    assert [(frame, said['outside'], said['keyframe']) for frame, said, _ in found] == [
        *[(frame, False, True) for frame in (0, 4, 7, 9)],
        (10, True, True),
        (15, False, True),
        (18, False, True),
        (19, True, True),
    ]
    assert {said['track_id'] for _, said, _ in found} == {7}
    actions = {frame: said['action'] for frame, said, _ in found if 'action' in said}
    assert actions == {0: 'walk', 4: 'walk, wave', 7: 'walk'}
    assert found[1][1]['review'] is True
    assert found[0][2] == [4, 4, 16, 36]
