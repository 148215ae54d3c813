"""Check how figures on real footage are counted, and that the parts on it run on a few frames."""

import argparse

import numpy as np
import pytest

from actloc_ros.training.skeleton_n.labels import INDEX, LABELS, NO, UNKNOWN, YES
from benchmark.results import learning, real
from benchmark.results.real.footage import ClipReport, FrameReport
from benchmark.results.real.home import posture_shares
from benchmark.results.real.models import OURS
from benchmark.results.real.people import NOBODY, STREETS, grown
from benchmark.results.real.photos import JOINTS, PEOPLE

BOX = np.array([[10.0, 20, 40, 90]])


def clip(*actions) -> ClipReport:
    frames = tuple(FrameReport(number, BOX, each) for number, each in enumerate(actions))
    return ClipReport(frames, (), float(len(frames)), (100, 100))


def test_postures_are_counted_where_they_are_known():
    targets = np.full((5, len(LABELS)), NO, np.uint8)
    targets[:4, INDEX['sitting']] = YES
    targets[:, INDEX['bending']] = YES  # no posture
    targets[3, INDEX['falling']] = UNKNOWN
    report = clip(
        (('sitting', 0.6), ('standing', 0.5)),
        (('sitting', 0.6), ('standing', 0.7), ('bending', 0.9)),
        (('bending', 0.9),),
        (('falling', 0.8),),
        (('standing', 0.9),),  # its posture is not known
    )
    said, right = posture_shares([(report, targets)])
    assert said == pytest.approx(3 / 4)
    assert right == pytest.approx(1 / 2)
    assert posture_shares([(clip((), ()), targets)]) == (0.0, None)


def test_boxes_grow_about_their_middle():
    assert grown(BOX).tolist() == [pytest.approx([7, 13, 43, 97])]
    assert grown(np.zeros((0, 4))).shape == (0, 4)


def test_stretches_of_a_mask():
    assert learning.runs(np.array([1, 1, 0, 0, 1], bool)) == [(0, 2), (4, 5)]
    assert learning.runs(np.zeros(3, bool)) == []


@pytest.fixture
def arguments(shared, tmp_path) -> argparse.Namespace:
    return argparse.Namespace(
        shared=shared, work=tmp_path, frames=2, beside=['motion'], real_scenes=1, seconds=1.0,
        seed=9_000_000, fall_clips=1,
    )  # fmt: skip


@pytest.mark.timeout(600)
def test_the_default_is_measured_beside_others(arguments):
    numbers = real.measure(arguments)
    ours, motion = numbers['models']
    assert ours['name'] == OURS
    assert set(ours['files']) >= {'people_n', 'skeleton_n'}
    assert {PEOPLE, JOINTS, STREETS, NOBODY, real.SCENES} <= set(ours['tables'])
    assert PEOPLE not in motion['tables']
    assert all(
        value is None or value >= 0
        for model in numbers['models']
        for rows in model['tables'].values()
        for _, _, value in rows
    )
    text = real.section(numbers)
    assert '| set | measure | `pose_n` | `motion` | goal |' in text
    assert text.index('### Photographs') < text.index('### Synthetic scenes')


@pytest.mark.timeout(600)
def test_training_on_is_measured_with_one_subject_left_out(arguments):
    arguments.frames = 20
    numbers = learning.measure(arguments)
    assert [row['name'] for row in numbers['rows']] == ['as shipped', 'trained on']
    assert [fold['test'] for fold in numbers['folds']] == [2, 3]
    assert '| trained on |' in learning.section(numbers)
