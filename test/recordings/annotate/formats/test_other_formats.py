"""Check every other format by somebody else's reader where one installs, and by ours."""

import csv
import json

import numpy as np
import pympi
import pytest
import webvtt
from annotations import actor, annotation, datumaro, two_at_once
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from actloc_ros.datasets.readers import DatasetSpec, open_dataset
from actloc_ros.io.box_files import read_mot
from actloc_ros.recordings.annotate.annotation import AnnotateError, Span
from actloc_ros.recordings.annotate.formats.ava import write_ava
from actloc_ros.recordings.annotate.formats.text import one_line
from actloc_ros.recordings.annotate.formats.writers import WRITERS
from actloc_ros.recordings.annotate.formats.written import WriteOptions
from actloc_ros.recordings.web_vtt import cue_text
from actloc_ros.truth.plain_json import read_annotations

LABELS = ('walk', 'wave', 'sit')
ODD = 'a "b" <c> & --> d\n{é} 走る 🙂 \\'
NAMES = {'mot': 'out', 'ava': 'out', 'webvtt': 'a.vtt', 'elan': 'a.eaf'}


def write(kind, tmp_path, content):
    path = tmp_path / NAMES.get(kind, 'a.json')
    return path, WRITERS[kind].write(content, path, WriteOptions())


@pytest.fixture
def content():
    """Return two actors; one of them does two things at once."""
    return annotation([two_at_once(), actor(2, 20, 29)], LABELS)


def test_mot_has_every_frame_and_no_actions(tmp_path, content):
    path, written = write('mot', tmp_path, content)
    rows = read_mot(path / 'gt/gt.txt', 'person')
    moving = content.actors[0]
    assert sorted(rows) == [*moving.frames, *range(20, 30)]
    [(box, _, _, track)] = rows[18]
    assert (box, track) == ([22, 4, 38, 40], 7)
    assert 'no actions' in written.notes[0]
    assert 'seqLength=30' in (path / 'seqinfo.ini').read_text()


MOT_READER = """
import json, sys, datumaro
data = datumaro.Dataset.import_from(sys.argv[1], 'mot_seq')
found = [
    (item.id, each.attributes['track_id'], [each.x, each.y, each.w, each.h], each.label)
    for item in data for each in item.annotations
]
names = [each.name for each in data.categories()[datumaro.AnnotationType.label]]
print(json.dumps([found, names]))
"""


def test_datumaro_reads_mot(tmp_path, content):
    path, _ = write('mot', tmp_path, content)
    found, names = datumaro(MOT_READER, path)
    assert len(found) == len(content.actors[0].frames) + 10
    assert {names[row[3]] for row in found} == {'person'}
    assert next(row[2] for row in found if row[1] == 7) == [4, 4, 16, 36]


def test_coco_is_read_with_the_numbers_of_tracks(tmp_path, content, capsys):
    path, _ = write('coco-video', tmp_path, content)
    coco = COCO(str(path))
    assert coco.dataset['videos'][0]['length'] == 30
    assert [image['frame_id'] for image in coco.dataset['images']] == list(range(30))
    [fifth] = [image['id'] for image in coco.dataset['images'] if image['frame_id'] == 5]
    found = coco.loadAnns(coco.getAnnIds(imgIds=[fifth]))
    names = {each['id']: each['name'] for each in coco.dataset['categories']}
    assert {(names[each['category_id']], each['track_id']) for each in found} == {
        ('walk', 7),
        ('wave', 7),
    }
    assert found[0]['bbox'] == [9, 4, 16, 36]
    [idle] = coco.loadAnns(coco.getAnnIds(imgIds=[26]))
    assert names[idle['category_id']] == 'person'


def test_images_of_a_folder_keep_their_names(tmp_path):
    images = tuple(f'{index}.png' for index in range(30))
    path, _ = write('coco-video', tmp_path, annotation([], LABELS, media='cam', images=images))
    assert json.loads(path.read_text())['images'][11]['file_name'] == 'cam/11.png'


def test_ava_says_what_is_done_at_whole_seconds(tmp_path, content):
    path, written = write('ava', tmp_path, content)
    [left_out] = written.notes
    assert '1 at key frames' in left_out
    rows = list(csv.reader((path / 'annotations/ava_train_v2.2.csv').open()))
    assert [(row[0], row[1], row[6], row[7]) for row in rows] == [('a', '0', '1', '7')]
    assert [float(value) for value in rows[0][2:6]] == pytest.approx(
        [4 / 64, 4 / 48, 20 / 64, 40 / 48], abs=1e-4
    )
    spec = DatasetSpec(str(path / 'annotations'), 'ava')
    [video] = open_dataset(spec, tmp_path).annotations.videos
    assert [each.label for each in video.instances] == ['walk']


AVA_READER = """
import json, sys, datumaro
data = datumaro.Dataset.import_from(sys.argv[1], 'ava')
names = [each.name for each in data.categories()[datumaro.AnnotationType.label]]
print(json.dumps([
    (item.id, names[each.label], each.attributes['track_id'])
    for item in data for each in item.annotations
]))
"""


def test_datumaro_reads_ava(tmp_path):
    people = [actor(3, 0, 29, [Span('walk', 0, 29), Span(ODD, 10, 20)])]
    path, _ = write('ava', tmp_path, annotation(people, ['walk', ODD]))
    odd = "a 'b' <c> & --> d (é) 走る 🙂 /"
    assert sorted(datumaro(AVA_READER, path)) == [
        ['a/0', 'walk', 3],
        ['a/1', odd, 3],
        ['a/1', 'walk', 3],
        ['a/2', odd, 3],
        ['a/2', 'walk', 3],
    ]


def test_activitynet_has_what_its_checker_demands(tmp_path, content):
    _path, written = write('activitynet', tmp_path, content)
    truth, predictions = (json.loads(file.read_text()) for file in written.files)
    assert set(truth) == {'version', 'taxonomy', 'database'}
    assert set(predictions) == {'version', 'external_data', 'results'}
    video = truth['database']['a']
    assert video['duration'] == 3.0
    assert [(each['label'], each['segment']) for each in video['annotations']] == [
        ('walk', [0, 1]),
        ('wave', [0.4, 0.7]),
        ('walk', [1.5, 1.9]),
    ]
    assert [each['score'] for each in predictions['results']['a']] == [0.9, 0.4, 0.8]
    assert {each['nodeName'] for each in truth['taxonomy']} == {'Root', *LABELS}


def test_chapters_are_read_as_they_were_written(tmp_path, content):
    path, _ = write('webvtt', tmp_path, content)
    cues = [(cue.start, cue.end, cue.text) for cue in webvtt.read(path)]
    assert cues == [
        ('00:00:00.000', '00:00:01.000', 'track 7: walk'),
        ('00:00:00.400', '00:00:00.700', 'track 7: wave'),
        ('00:00:01.500', '00:00:01.900', 'track 7: walk'),
    ]


def test_elan_has_a_tier_for_what_is_done_at_once(tmp_path, content):
    path, _ = write('elan', tmp_path, content)
    document = pympi.Eaf(str(path))
    tiers = {name: document.get_annotation_data_for_tier(name) for name in document.tiers}
    assert {name: sorted(rows) for name, rows in tiers.items()} == {
        'actor 7': [(0, 1000, 'walk'), (1500, 1900, 'walk')],
        'actor 7 (2)': [(400, 700, 'wave')],
        'actor 2': [],
    }
    [media] = document.get_linked_files()
    assert media['RELATIVE_MEDIA_URL'].endswith('a.mp4')
    assert media['MIME_TYPE'] == 'video/mp4'
    assert set(document.get_cv_entries('actions')) == {'cve0', 'cve1', 'cve2'}


def test_our_own_format_comes_back_complete(tmp_path, content):
    path, _ = write('actloc', tmp_path, content)
    [video] = read_annotations(path).videos
    assert [track.frames.tolist() for track in video.tracks] == [
        each.frames.tolist() for each in content.actors
    ]
    assert [(each.actor, each.label) for each in video.instances] == [
        (7, 'walk'),
        (7, 'wave'),
        (7, 'walk'),
    ]


@pytest.mark.parametrize('kind', WRITERS)
def test_nobody_and_odd_names_are_annotations_too(tmp_path, kind):
    for people in ([], [actor(1, 0, 29, [Span(ODD, 0, 19)])]):
        content = annotation(people, [ODD, 'walk'], media=f'{ODD[:9]}\ud800.mp4', model=ODD)
        _, written = write(kind, tmp_path, content)
        assert all(file.exists() for file in written.files)
    path = written.files[0]
    if kind == 'webvtt':
        [cue] = webvtt.read(path)
        assert cue.text == 'track 1: a "b" &lt;c&gt; &amp; --&gt; d {é} 走る 🙂 \\'
    if kind == 'elan':
        [(_, _, value)] = pympi.Eaf(str(path)).get_annotation_data_for_tier('actor 1')
        assert value == ' '.join(ODD.split())
    if kind == 'coco-video':
        assert ' '.join(ODD.split()) in {c['name'] for c in COCO(str(path)).dataset['categories']}


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30))
def test_no_text_becomes_a_cue_of_its_own(text):
    chapters = webvtt.WebVTT()
    chapters.captions.append(
        webvtt.Caption('00:00.000', '00:01.000', f'x {cue_text(one_line(text))}')
    )
    [cue] = webvtt.from_string(chapters.content)
    assert cue.text == f'x {cue_text(one_line(text))}'


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=10), min_size=1, max_size=3, unique=True), st.integers(0, 99))
def test_ava_reads_back_the_labels_it_was_given(tmp_path_factory, labels, seed):
    folder = tmp_path_factory.mktemp('ava')
    chosen = np.random.default_rng(seed).choice(np.array(labels, object))
    content = annotation([actor(1, 0, 29, [Span(chosen, 0, 29)])], labels)
    try:
        write_ava(content, folder, WriteOptions())
    except AnnotateError:
        return
    found = open_dataset(DatasetSpec(str(folder / 'annotations'), 'ava'), folder).annotations
    assert len(found.labels) == len(labels)
    [said] = {each.label for each in found.videos[0].instances}
    assert found.labels.index(said) == labels.index(chosen)
