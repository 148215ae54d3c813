"""Test localizers of a people network and graph networks, live: clips, steps, fusion, refusals."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.joints import COCO_JOINTS
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.errors import ModelError
from actloc_ros.models.graphs.actions import GraphActions, from_coco, fuse
from actloc_ros.models.graphs.history import JointHistory
from actloc_ros.models.graphs.layouts import OPENPOSE18
from actloc_ros.models.loading import open_network
from actloc_ros.models.open import open_localizer
from actloc_ros.models.people.open import PeopleNetwork
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.pose.localizer import PoseLocalizer

IMAGE = np.zeros((240, 320, 3), np.uint8)
PLUS = 'stgcnpp_ntu60_hrnet_j'
RANDOM = LocalizerOptions(random_weights=True, device='cpu')


class Walker:
    """Reports people who move evenly; `now` is the time in s."""

    def __init__(self, people=1):
        rest = np.random.default_rng(0).uniform(0, 90, (people, 17, 2))
        self.rest, self.now = rest + 120 * np.arange(people)[:, None, None], 0.0

    def find(self, image, least):
        """Report the people."""
        count = len(self.rest)
        places = self.rest + 10 + np.arange(17)[:, None] * self.now
        joints = np.concatenate([places, np.full((count, 17, 1), 0.9)], -1).astype(np.float32)
        boxes = np.array([[120 * i, 0, 120 * i + 110, 200] for i in range(count)], np.float32)
        return FoundPeople(boxes, np.full(count, 0.9, np.float32), joints)


def localizer(walker, *names, frames=None, classify_rate=2.0):
    opened = [open_network(name, random_weights=True) for name in names]
    if frames:
        opened = [replace(o, entry=replace(o.entry, frames=frames)) for o in opened]
        for one in opened:
            one.network.set_frames(frames)
    people = PeopleNetwork('people', walker.find, 0.5, has_joints=True)
    return PoseLocalizer('test', people, GraphActions(opened, 'cpu', classify_rate))


def watch(found_by, walker, rate, seconds):
    """Return the detections of each frame."""
    results = []
    for index in range(round(rate * seconds) + 1):
        walker.now = index / rate
        results += found_by.step([Frame('', nanoseconds(1 + walker.now), IMAGE)])
    return results


def test_scores_do_not_depend_on_the_cameras_rate():
    last = []
    for rate in (30, 10):
        walker = Walker()
        last.append(watch(localizer(walker, PLUS), walker, rate, 2)[-1])
    assert last[0].actions.shape == (1, 60)
    assert last[0].actions.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(last[0].actions, last[1].actions, atol=1e-4)
    assert last[0].joints.shape == (1, 17, 3)


def test_a_clip_is_classified_at_its_rate_and_each_person_for_himself():
    walker = Walker(people=2)
    found = watch(localizer(walker, PLUS, classify_rate=1.0), walker, 10, 2.2)
    changes = [not np.array_equal(a.actions, b.actions) for a, b in pairwise(found[3:])]
    assert sum(changes) == 2
    assert not np.allclose(found[-1].actions[0], found[-1].actions[1], atol=1e-6)


def test_streams_are_fused_two_to_one():
    walker = Walker()
    names = PLUS, 'stgcnpp_ntu60_hrnet_jm'
    one, other = (watch(localizer(walker, name), walker, 10, 1)[-1].actions for name in names)
    both = watch(localizer(walker, *names), walker, 10, 1)[-1].actions
    np.testing.assert_allclose(both, (2 * one + other) / 3, atol=1e-5)
    logits = {'j': torch.tensor([[2.0, 0.0]]), 'bm': torch.tensor([[0.0, 1.0]])}
    j, bm = (torch.softmax(x, -1) for x in logits.values())
    torch.testing.assert_close(fuse(logits, False), (2 * j + bm) / 3)
    wanted = torch.softmax(0.6 * logits['j'] + 0.4 * logits['bm'], -1)
    torch.testing.assert_close(fuse(logits, True), wanted)


def test_a_continual_network_answers_once_it_has_seen_its_frames():
    walker = Walker()
    found = watch(localizer(walker, 'costgcn_mod_kinetics_j', frames=84), walker, 15, 3)
    # 84 frames at 30 Hz are 43 at 15 Hz.
    silent = [not f.actions.any() for f in found[3:]]
    assert silent.index(False) + 3 in (42, 43)
    assert found[-1].actions.sum() == pytest.approx(1, abs=1e-5)


def test_a_continual_network_equals_its_clips():
    walker = Walker()
    found_by = localizer(walker, 'costgcn_mod_kinetics_j', frames=84)
    found = watch(found_by, walker, 30, 85 / 30)[-1]
    bodies = []
    for index in range(86):
        walker.now = index / 30
        bodies.append(walker.find(IMAGE, 0).joints)
    joints = from_coco(np.stack(bodies, 1), OPENPOSE18)
    network = found_by._skeleton
    wanted = network.classify([joints[0]], (320, 240))
    np.testing.assert_allclose(found.actions, wanted, atol=1e-4)


def test_opens_by_name_and_runs_on_an_image():
    opened = open_localizer('people_n+stgcnpp_ntu60_hrnet', RANDOM)
    assert opened.labels[42] == 'falling'
    assert opened.joint_names == COCO_JOINTS
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    found = opened.step([Frame('', i * 50_000_000 + 1, noise) for i in range(1)])
    assert found[0].actions.shape == (len(found[0]), 60)
    opened.close()


@pytest.mark.parametrize(
    ('model', 'weights', 'message'),
    [
        ('people_n+stgcnpp_ntu60_3dkp_j', '', '25 joints in m; images give pixels'),
        (f'people_n+{PLUS},{PLUS}', '', 'take the stream j twice'),
        (f'people_n+{PLUS},stgcnpp_ntu120_hrnet_b', '', 'cannot be fused'),
        (f'people_n+{PLUS}', 'a.pth,b.pth', 'weights are 2 files for 1 networks'),
        (f'hog+{PLUS}', '', 'no people network "hog"'),
        ('people_n+nogcn', '', 'there is no model "nogcn"'),
        (PLUS, '', f'ask for people_n\\+{PLUS}'),
    ],
)
def test_what_does_not_fit_is_refused(model, weights, message):
    with pytest.raises(ModelError, match=message):
        open_localizer(model, replace(RANDOM, weights=weights))


def test_a_rate_of_zero_is_refused():
    with pytest.raises(ModelError, match='classify_rate is 0'):
        localizer(Walker(), PLUS, classify_rate=0)


def test_openposes_neck_is_between_the_shoulders():
    joints = np.random.default_rng(1).uniform(0, 1, (2, 17, 3)).astype(np.float32)
    found = from_coco(joints, OPENPOSE18)
    left, right = joints[:, 5], joints[:, 6]
    np.testing.assert_allclose(found[:, 1, :2], (left + right)[:, :2] / 2)
    np.testing.assert_allclose(found[:, 1, 2], np.minimum(left, right)[:, 2])
    np.testing.assert_array_equal(found[:, 14], joints[:, 2])  # the right eye
    np.testing.assert_array_equal(found[:, 4], joints[:, 10])  # the right wrist


def test_a_history_takes_a_joint_from_the_frame_that_knows_it():
    history = JointHistory(nanoseconds(1), confident=True)
    history.add(0, np.array([[10, 20, 0.9], [1, 1, 0.8]]))
    history.add(100, np.array([[0, 0, 0.0], [3, 1, 0.6]]))
    found = history.at(np.array([-5, 20, 50, 500]))
    assert found[:, 0].tolist() == [[10, 20, pytest.approx(0.9)]] * 2 + [[0, 0, 0]] * 2
    np.testing.assert_allclose(found[1, 1], [1.4, 1, 0.76], rtol=1e-6)
