"""Test that boxes of vehicles are read, followed, and measured beside the people."""

from types import SimpleNamespace

import numpy as np
import pytest

from actloc_ros.io.box_files import detection_row, read_mot
from actloc_ros.rules.boxes import FIRST_ID, FrameBoxes, StampedBoxes, kind_boxes

SECOND = 10**9


def rows_of(frame):
    """Return a car that goes to the right and a bus that stands."""
    return [
        ([10.0 + 4 * frame, 50.0, 50.0 + 4 * frame, 80.0], 0.9, 'car', 0),
        ([200.0, 40.0, 280.0, 90.0], 0.8, 'bus', 0),
    ]


def test_boxes_of_frames_are_followed_with_ids_of_their_own():
    source = FrameBoxes({frame: kind_boxes(rows_of(frame)) for frame in range(20)})
    found = [source.actors(frame, frame * SECOND // 10) for frame in range(20)]
    assert {len(actors) for actors in found} == {2}
    assert {(a.track_id > FIRST_ID, a.kind) for actors in found for a in actors} == {
        (True, 'car'),
        (True, 'bus'),
    }
    assert len({a.track_id for actors in found for a in actors}) == 2
    assert source.actors(20, 2 * SECOND) == []


def test_boxes_by_stamp_belong_to_key_frames_for_half_a_second():
    found = ((i * SECOND // 10, kind_boxes(rows_of(i))) for i in range(10))
    source = StampedBoxes(found)
    now = source.actors(0, SECOND // 4)
    assert [actor.stamp for actor in now] == [SECOND // 5] * 2
    assert len(source.actors(1, SECOND)) == 2
    assert source.actors(2, 3 * SECOND) == []


def test_a_csv_as_of_mot_is_read(tmp_path):
    path = tmp_path / 'boxes.csv'
    path.write_text(
        'frame,id,x,y,w,h,conf\n1,7,10,20,30,40,0.5\n\n1,-1,0,0,5,5,1,bus\n3,7,1,2,3,4\n'
    )
    assert read_mot(path, 'car') == {
        0: [([10, 20, 40, 60], 0.5, 'car', 7), ([0, 0, 5, 5], 1.0, 'bus', 0)],
        2: [([1, 2, 4, 6], 1.0, 'car', 7)],
    }
    own = kind_boxes([([1, 2, 4, 6], 1.0, 'car', 7)])
    assert own.ids.tolist() == [7]


@pytest.mark.parametrize(
    'row', ['1,1,2,3', '0,1,1,1,5,5', '1,1,1,1,-5,5', '1,1,a,1,5,5', '1,1,nan,1,5,5']
)
def test_a_row_that_is_none_is_named(tmp_path, row):
    path = tmp_path / 'boxes.csv'
    path.write_text(f'1,1,1,1,5,5\n{row}\n')
    with pytest.raises(ValueError, match=r'boxes\.csv, line 2: .*a row is frame, id'):
        read_mot(path, 'car')


@pytest.mark.parametrize('nested', [True, False])
def test_a_detection_of_vision_msgs_is_read_in_both_layouts(nested):
    point = SimpleNamespace(x=50.0, y=40.0)
    centre = SimpleNamespace(position=point, theta=0.0) if nested else point
    results = [
        SimpleNamespace(hypothesis=SimpleNamespace(class_id=name, score=score))
        for name, score in (('truck', 0.3), ('bus', 0.6))
    ]
    detection = SimpleNamespace(
        bbox=SimpleNamespace(center=centre, size_x=20.0, size_y=10.0), results=results
    )
    assert detection_row(detection, 'car') == ([40, 35, 60, 45], 0.6, 'bus', 0)
    detection.results = []
    box, score, kind, _ = detection_row(detection, 'car')
    assert (score, kind) == (1.0, 'car')
    assert np.allclose(box, [40, 35, 60, 45])
