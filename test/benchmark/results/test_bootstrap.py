"""Check intervals of frame-mAP over scenes, and what the part `weak` makes of them."""

import numpy as np
import pytest

from actloc_ros.evaluation.frame_map import frame_map
from actloc_ros.evaluation.protocols import find_protocol
from actloc_ros.truth.boxes import FrameBoxes, GroundTruth
from benchmark.results import bootstrap, weak

PROTOCOL = find_protocol('ucf24-act')
SCENES, FRAMES, LABELS = 6, 10, 3


def boxes(keep, random) -> FrameBoxes:
    """Return a box a scene, frame and label; the share `keep` of them in its place."""
    video, frame, label = (each.ravel() for each in np.indices((SCENES, FRAMES, LABELS)))
    left = 100.0 * label + np.where(random.random(len(label)) < keep, 0.0, 50.0)
    corners = np.stack([left, 0 * left, left + 40.0, 0 * left + 80.0], axis=1)
    return FrameBoxes(video, frame, label, corners, random.random(len(label)))


def ground_truth() -> GroundTruth:
    true = boxes(1.0, np.random.default_rng(0))
    true = true[(true.label < 2) | (true.video == 0)]  # the last label is in one scene alone
    names = dict(enumerate(f'label{number}' for number in range(LABELS)))
    videos = tuple(f'scene{number}' for number in range(SCENES))
    return GroundTruth('truth.json', videos, names, true, None, true.keys)


@pytest.fixture
def found() -> dict[str, FrameBoxes]:
    random = np.random.default_rng(1)
    return {'boxes': boxes(0.9, random), 'time': boxes(0.5, random)}


def test_the_value_is_that_of_the_protocol(found):
    truth = ground_truth()
    figures = bootstrap.resampled(truth, found, PROTOCOL)
    for name, each in found.items():
        assert figures[name].value == pytest.approx(frame_map(truth, each, PROTOCOL).value)
        low, high = bootstrap.interval(figures[name].drawn)
        assert low < figures[name].value < high


def test_models_are_compared_on_the_same_draws(found):
    figures = bootstrap.resampled(ground_truth(), {**found, 'again': found['time']}, PROTOCOL)
    assert np.array_equal(figures['again'].drawn, figures['time'].drawn)
    shares = {row: bootstrap.interval(figures[row].drawn / figures['boxes'].drawn) for row in found}
    assert shares['boxes'] == [1.0, 1.0]
    assert shares['time'][1] < 1.0


def test_the_part_states_shares_with_their_intervals(found):
    found['video'] = found['time']
    rows = weak.compared(ground_truth(), found)
    first, second, _ = rows
    assert (first['of_boxes'], first['of_boxes_interval']) == (1.0, [1.0, 1.0])
    low, high = second['of_boxes_interval']
    assert low < second['of_boxes'] < high
    for name, row, waving in zip(found, rows, (0.4, 0.4, 0.1), strict=True):
        row |= {'name': name, 'frame_map': 0.5, 'training_seconds': 3.0}
        row['classes'] = {'new_walking': 0.5, 'new_waving': waving, 'new_running': 0.0}
    scenes = {'first_seed': 1, 'scenes': 3, 'seconds': 6.0}
    often = {'new_walking': 0.5, 'new_waving': 0.6, 'new_running': 0.7, 'new_lying': 0.1}
    text = weak.section(
        {'train': scenes, 'test': scenes, 'happens_in': often, 'rows': rows}
        | {'protocol': 'ucf24-act', 'iterations': 60, 'machine': 'a machine'}
    )
    own, share = bootstrap.span(second['interval']), bootstrap.span([low, high])
    assert f'| time | 0.500 | {own} | {second["of_boxes"]:.3f} | {share} | ≥ 0.75 | 3 |' in text
    assert '| 1.000 | – | – | 3 |' in text
    assert '`time` falls short of its goal.' in text
    assert 'of the 1 labels that happen in at most half' in text
    assert '`video` has 1.00 of what `boxes` has; of the other 2, 0.25.' in text


@pytest.mark.parametrize(
    ('interval', 'says'),
    [
        ([0.76, 0.9], '`time` reaches its goal.'),
        ([0.7, 0.8], '`time` may reach its goal or not: it lies within the interval.'),
        ([0.5, 0.7], '`time` falls short of its goal.'),
    ],
)
def test_a_goal_is_reached_by_the_whole_interval(interval, says):
    assert weak.verdict({'name': 'time', 'of_boxes_interval': interval}) == says
