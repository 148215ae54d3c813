"""Photographs that are shaken give tracks that say what people in them do not do."""

import json
import tarfile

import cv2
import numpy as np
import pytest

from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.skeleton_n.features import JOINTS
from actloc_ros.training.people_n.pictures import Picture, parse_people
from actloc_ros.training.skeleton_n import stills
from actloc_ros.training.skeleton_n.labels import INDEX, LABELS, NO, UNKNOWN, YES

WIDTH, HEIGHT = 80, 120


def sitting_joints():
    """Return joints (17, 4) of somebody who sits, seen from the side."""
    joints = np.tile([40.0, 20.0, 1.0, 0.0], (JOINTS, 1))
    joints[[5, 6], :2], joints[[11, 12], :2] = [40, 30], [40, 60]
    joints[[13, 14], :2], joints[[15, 16], :2] = [58, 62], [58, 85]
    return joints


def person(box, joints=None, ignore=False):
    return {
        'box': box, 'ignore': ignore, 'joints': None if joints is None else joints.tolist(),
    }  # fmt: skip


class Bright:
    """Finds the bright rectangles of an image, as the people network finds people."""

    threshold = 0.5
    weakest = 0.1

    def detect(self, image, least):
        """Return the rectangles."""
        mask = (cv2.GaussianBlur(image[..., 0], (5, 5), 0) > 120).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        boxes = stats[1:, :4].astype(np.float32)
        boxes[:, 2:] += boxes[:, :2]
        joints = np.zeros((len(boxes), JOINTS, 3), np.float32)
        return FoundPeople(boxes, np.full(len(boxes), 0.9, np.float32), joints)

    def refine(self, image, found):
        """Return what was found."""
        return found


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Write photographs as shared/real/photos has them: somebody who sits, and an empty room."""
    monkeypatch.setattr(stills, 'open_people', lambda *_: Bright())
    rows = []
    with tarfile.open(tmp_path / 'teach.tar', 'w') as archive:
        for name, people in (
            ('sits.jpg', [person([20, 20, 60, 90], sitting_joints())]),
            ('empty.jpg', []),
        ):
            image = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
            image[20:90, 20:60] = 220
            cv2.imwrite(str(tmp_path / name), image)
            archive.add(tmp_path / name, name)
            rows.append({'file': name, 'set': 'voc', 'complete': True, 'people': people})
    for name in ('teach.jsonl', 'teach_labels.jsonl'):
        (tmp_path / name).write_text(''.join(json.dumps(row) + '\n' for row in rows))
    return tmp_path


def test_tracks_are_kept_and_say_what_is_known(photos, tmp_path):
    found = stills.read_stills(photos, tmp_path / 'stills.npz')
    again = stills.read_stills(tmp_path / 'lost', tmp_path / 'stills.npz')
    assert [clip.name for clip in found] == [clip.name for clip in again]
    by_name = {clip.name.split('/')[0]: clip for clip in found}
    sits, empty = (by_name[name].targets[0] for name in ('sits.jpg', 'empty.jpg'))
    assert sits[INDEX['sitting']] == YES
    assert sits[INDEX['falling']] == sits[INDEX['lying']] == sits[INDEX['standing']] == NO
    assert sits[INDEX['waving']] == UNKNOWN
    assert {LABELS[i] for i in np.flatnonzero(empty != NO)} == {'crossing'}
    clip = by_name['sits.jpg']
    assert len(clip.times) == len(clip.targets) == stills.FRAMES * stills.TURNS
    assert np.isfinite(clip.boxes[clip.found]).all()


def test_a_person_is_where_the_shaken_image_shows_them():
    people = parse_people([person([10, 10, 30, 60]), person([50, 10, 70, 60], ignore=True)])
    photo = Picture('x', 'voc', b'', people, complete=True)
    matrix = np.array([[2.0, 0, 5], [0, 2.0, 0]])
    boxes = np.array([[25, 20, 65, 120], [105, 20, 145, 120], [0, 200, 9, 230], [60, 20, 100, 120]])
    who = stills.match_people(photo, matrix, boxes)
    assert who == [0, stills.DOUBTFUL, stills.NOBODY_THERE, stills.NOBODY_THERE]


def test_shaking_keeps_the_image_full():
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    for moved, _ in stills.shaken(image, np.random.default_rng(0)):
        assert moved.shape == image.shape
        assert moved.mean() > 150


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        ({}, 'sitting'),
        ({13: [40, 85], 14: [40, 85], 15: [40, 110], 16: [40, 110]}, 'upright'),
        (
            {13: [42, 70], 14: [38, 70], 15: [42, 95], 16: [38, 95]},
            'sitting',
        ),  # seen from the front
        ({5: [80, 60], 6: [80, 60]}, None),  # lies
    ],
)
def test_postures_follow_from_joints(change, expected):
    joints = sitting_joints()
    for index, place in change.items():
        joints[index, :2] = place
    assert stills.posture_of(joints[:, :3]) == expected
    joints[11, 2] = 0.1
    assert stills.posture_of(joints[:, :3]) is None
