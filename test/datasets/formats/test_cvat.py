"""Check what is read of CVAT's XML, and that what is odd in it is refused."""

import numpy as np
import pytest

from actloc_ros.datasets.check import check_dataset
from actloc_ros.datasets.readers import DatasetSpec, open_dataset
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.truth.annotations import AnnotationError, Annotations
from actloc_ros.truth.faults import FaultKind

SECOND = 1_000_000_000
RATE = 10
META = """<meta><task><id>5</id><name>Shift</name><size>20</size><mode>interpolation</mode>
<start_frame>0</start_frame><stop_frame>19</stop_frame><frame_filter></frame_filter>
<labels><label><name>person</name><attributes><attribute><name>action</name>
<values>walk
wave
sit</values></attribute></attributes></label><label><name>cart</name></label></labels>
<original_size><width>64</width><height>48</height></original_size><source>a.mp4</source>
</task></meta>"""


def document(tracks, meta=META):
    return f'<?xml version="1.0" encoding="utf-8"?><annotations>{meta}{tracks}</annotations>'


def box(frame, x, outside=0, action=None, extra=''):
    attribute = '' if action is None else f'<attribute name="action">{action}</attribute>'
    return (
        f'<box frame="{frame}" outside="{outside}" occluded="0" keyframe="1" xtl="{x}" ytl="4" '
        f'xbr="{x + 10}" ybr="40" z_order="0"{extra}>{attribute}</box>'
    )


def track(*boxes, label='person', more=''):
    return f'<track id="0" label="{label}" source="manual"{more}>{"".join(boxes)}</track>'


@pytest.fixture(scope='module')
def recording(tmp_path_factory):
    """Return a video whose frames grow brighter by 8."""
    path = tmp_path_factory.mktemp('cvat') / 'a.mp4'
    with VideoWriter(path, RATE) as writer:
        for i in range(20):
            writer.write(i * SECOND // RATE, np.full((48, 64, 3), 8 * i, np.uint8))
    return path


@pytest.fixture
def read(recording, tmp_path):
    """Return a function that writes an XML beside a video and opens it."""
    (tmp_path / 'a.mp4').symlink_to(recording)

    def read_text(text):
        (tmp_path / 'a.xml').write_text(text)
        return open_dataset(DatasetSpec('a.xml', 'cvat'), tmp_path)

    return read_text


def spans(annotations: Annotations, video=0):
    return {
        (each.actor, each.label, each.start * RATE / SECOND, each.end * RATE / SECOND)
        for each in annotations.videos[video].instances
    }


def test_boxes_between_key_frames_lie_on_a_line(read):
    videos = read(
        document(track(box(2, 0), box(6, 8), box(7, 8, outside=1), box(12, 20), box(13, 21)))
    )
    [tube] = videos.videos[0].tracks
    assert tube.frames.tolist() == [2, 3, 4, 5, 6, 12, 13]
    assert tube.boxes[:, 0].tolist() == [0, 2, 4, 6, 8, 20, 21]
    assert tube.boxes[1].tolist() == [2, 4, 12, 40]
    assert videos.labels == ('walk', 'wave', 'sit', 'person')
    assert spans(videos.annotations) == {(1, 'person', 2, 7), (1, 'person', 12, 14)}
    assert videos.videos[0].labelled is None
    assert not check_dataset(videos).fatal
    clip = videos.clip(0, np.array([3, 8]))
    assert clip.visible.tolist() == [[True], [False]]
    assert np.allclose(clip.images.mean(axis=(1, 2, 3)), [24, 64], atol=4)


def test_actions_are_attributes_that_change_and_may_be_several(read):
    videos = read(
        document(
            track(box(0, 0, action='walk'), box(5, 1, action='walk, wave'), box(8, 1, action=''))
            + track(box(3, 30, action='__undefined__'), box(4, 30, 1), label='cart')
            + track(box(3, 30), box(5, 30, 1), label='cart')
        )
    )
    assert videos.labels == ('walk', 'wave', 'sit', 'cart')
    assert spans(videos.annotations) == {
        (1, 'walk', 0, 8),
        (1, 'wave', 5, 8),
        (3, 'cart', 3, 5),
    }
    assert len(videos.videos[0].tracks) == 3


def test_of_every_third_frame_the_others_are_unknown(read):
    meta = META.replace('<start_frame>0', '<start_frame>3').replace(
        '<frame_filter>', '<frame_filter>step = 3'
    )
    videos = read(document(track(box(3, 0), box(9, 6)), meta))
    [video] = videos.videos
    assert video.labelled.tolist() == [3, 6, 9, 12, 15, 18]
    assert video.tracks[0].frames.tolist() == [3, 6, 9]
    assert video.tracks[0].boxes[:, 0].tolist() == [0, 3, 6]
    assert spans(videos.annotations) == {(1, 'person', 3, 12)}


def test_files_of_a_folder_are_one_set(read, tmp_path):
    read(document(track(box(0, 0), label='sitting')))
    other = document(track(box(0, 0), label='aiming'), META.replace('a.mp4', 'sub/b.mp4'))
    (tmp_path / 'b.xml').write_text(other)
    videos = open_dataset(DatasetSpec('.', 'cvat'), tmp_path)
    assert [video.path for video in videos.videos] == ['a.mp4', 'sub/b.mp4']
    assert {'sitting', 'aiming'} <= set(videos.labels)
    assert [fault.video for fault in check_dataset(videos).of(FaultKind.FILE)] == ['sub/b.mp4']
    assert videos.videos[1].frames == 20


def test_tracks_of_a_project_go_to_their_tasks(read):
    task = '<task><id>{0}</id><name>{1}</name><size>20</size><source>{1}.mp4</source></task>'
    tasks = task.format(1, 'a') + task.format(2, 'b')
    meta = f'<meta><project><tasks>{tasks}</tasks></project></meta>'
    first = track(box(0, 0), label='one', more=' task_id="1"')
    videos = read(document(first + track(box(4, 0), label='two', more=' task_id="2"'), meta))
    assert {each[1] for each in spans(videos.annotations, 0)} == {'one'}
    assert {each[1] for each in spans(videos.annotations, 1)} == {'two'}


def test_impossible_boxes_are_listed(read):
    videos = read(
        document(track(box(0, float('nan')), box(1, -4), box(2, 90), box(3, 1, 1), box(40, 1)))
    )
    findings = check_dataset(videos)
    assert [f.text.split(' has')[0] for f in findings.of(FaultKind.BOX)][:2] == [
        'actor 1 (track 0): frame 0',
        'actor 1 (track 0): frame 2',
    ]
    assert 'frame 40' in findings.of(FaultKind.BOX)[-1].text
    assert 'frame 1 has' in findings.of(FaultKind.EDGE)[0].text


LAUGHS = (
    '<!DOCTYPE annotations [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (LAUGHS + f'<annotations>{META}&c;</annotations>', 'declares a document type'),
        (
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>',
            'declares a document type',
        ),
        ('<annotations>', 'no XML in UTF-8'),
        ('', 'no XML in UTF-8'),
        ('{"format": "actloc-annotations"}', 'no XML in UTF-8'),
        ('<html/>', 'expected <annotations>'),
        ('<annotations><meta/></annotations>', 'meta has no task'),
        (document('<image id="0" name="a.png"/>'), 'CVAT for images'),
        (document(track('<polygon frame="0" points="1,2;3,4"/>')), 'shapes polygon'),
        (document(track(box(0, 0, extra=' rotation="30"'))), 'frame 0: its box is turned'),
        (document(track(box(0, 0, extra=' rotation="x"'))), "'x' is no number"),
        (document(track(box(0, 0), box(0, 1))), 'a frame has two boxes'),
        (document(track(box('x', 0))), "'x' is no whole number"),
        (document(track(box(0, 0).replace('xtl="0"', 'xtl="a"'))), "'a' is no number"),
        (document(track(box(0, 0), label='')), 'it has no label'),
        (document('', META.replace('<size>20', '<size>many').replace('19', 'last')), "'last'"),
        (document('', META.replace('</frame_filter>', 'half</frame_filter>')), "'half'"),
    ],
)
def test_what_is_not_of_cvat_is_refused(read, text, message):
    with pytest.raises(AnnotationError, match=message) as error:
        read(text)
    assert 'a.xml' in str(error.value)


def test_other_encodings_hide_nothing(read, tmp_path):
    read(document(track(box(0, 0))))
    (tmp_path / 'a.xml').write_bytes(f'{LAUGHS}<annotations/>'.encode('utf-16'))
    with pytest.raises(AnnotationError, match='no XML in UTF-8'):
        open_dataset(DatasetSpec('a.xml', 'cvat'), tmp_path)


def test_a_track_that_goes_on_for_ever_is_bounded(read):
    with pytest.raises(AnnotationError, match='frame 9999999999'):
        read(document(track(box(0, 0), box(9_999_999_999, 1))))


def test_a_video_of_another_size_is_found(read):
    meta = META.replace('<width>64</width><height>48', '<width>128</width><height>96')
    videos = read(document(track(box(0, 0), box(5, 1)), meta))
    [fault] = check_dataset(videos).of(FaultKind.SHAPE)
    assert fault.fatal
    assert str(fault) == 'a.mp4: 64x48 pixels; the annotation says 128x96'


def test_a_video_that_was_cut_is_found(read):
    videos = read(document(track(box(0, 0), box(5, 1)), META.replace('>19<', '>29<')))
    [fault] = check_dataset(videos).of(FaultKind.SHAPE)
    assert str(fault) == 'a.mp4: 20 frames; the annotation says 30'


def test_a_task_that_says_no_size_has_that_of_its_video(read):
    start, end = META.index('<original_size>'), META.index('<source>')
    videos = read(document(track(box(0, 0), box(5, 1)), META[:start] + META[end:]))
    assert (videos.videos[0].width, videos.videos[0].height) == (64, 48)
    assert not check_dataset(videos).fatal


@pytest.mark.parametrize('frame', [20, 9_000_000])
def test_a_key_frame_beyond_the_end_is_named_and_not_reached(read, frame):
    videos = read(document(track(box(18, 0), box(frame, 8), box(frame + 1, 0, 1))))
    [tube] = videos.videos[0].tracks
    assert tube.frames.tolist() == [18, 19, frame]
    [fault] = check_dataset(videos).of(FaultKind.BOX)
    assert f'actor 1 (track 0): frame {frame} has box' in fault.text
    assert 'a frame below 20' in fault.text


def test_of_a_missing_video_only_drawn_boxes_are_there(read, tmp_path):
    (tmp_path / 'a.mp4').unlink()
    videos = read(document(track(box(0, 0), box(9, 8)), META.replace('>19<', '>9000000<')))
    assert videos.videos[0].tracks[0].frames.tolist() == [0, 9]
    assert [f.kind for f in check_dataset(videos).faults if f.fatal] == [FaultKind.FILE]
    with pytest.raises(AnnotationError, match='no video is that long'):
        read(document(track(box(0, 0)), META.replace('>19<', '>9000000000000<')))


def test_hidden_files_are_no_annotations(read, tmp_path):
    read(document(track(box(0, 0))))
    (tmp_path / '._a.xml').write_bytes(bytes(100))
    assert len(open_dataset(DatasetSpec('.', 'cvat'), tmp_path).videos) == 1
