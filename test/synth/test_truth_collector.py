"""Check how frames' truth becomes instances of what a viewer can know."""

import numpy as np
import pytest

from actloc_ros.synth import Action, ActorTruth, SynthFrame
from actloc_ros.synth.scene import frame_stamp
from actloc_ros.synth.truth_collector import TruthCollector

RATE = 10.0
S = 1_000_000_000


def _collect(visible, start, end, count=60):
    """Show one actor in some frames, who waves from start to end (ns); return the instances."""
    collector = TruthCollector(RATE)
    action = Action('waving', start, end)
    for index in range(count):
        stamp = frame_stamp(index, RATE)
        actions = (action,) if start <= stamp < end else ()
        actors = (ActorTruth(4, (1, 2, 11, 22), actions, (0.0, 0.5, 3.0), ((5.0, 6.0),)),)
        nothing = np.zeros((24, 32), np.uint8)
        image = np.zeros((24, 32, 3), np.uint8)
        shown = actors if index in visible else ()
        collector.add(SynthFrame(image, stamp, shown, nothing, None))
    video = collector.video('a.mp4', (32, 24))
    assert all(instance.actor == 4 and instance.label == 'waving' for instance in video.instances)
    return [(instance.start, instance.end) for instance in video.instances], video


def test_who_is_always_seen_keeps_the_exact_interval():
    spans, video = _collect(range(60), 1_234_567_891, 3_456_789_123)
    assert spans == [(1_234_567_891, 3_456_789_123)]
    assert (video.frames, video.width, video.height, video.fps) == (60, 32, 24, RATE)
    (tube,) = video.tracks
    assert tube.frames.tolist() == list(range(60))
    assert tube.boxes[7].tolist() == [1, 2, 11, 22]
    assert tube.distances.tolist() == [3.0] * 60
    assert tube.keypoints.tolist() == [[[5.0, 6.0]]] * 60


def test_an_instance_begins_and_ends_with_the_sight_of_its_actor():
    spans, _ = _collect(range(20, 30), 1 * S, 5 * S)
    assert spans == [(2 * S, 3 * S)]


def test_a_short_occlusion_does_not_split_an_instance():
    spans, video = _collect([*range(10, 20), *range(25, 40)], 1 * S, 4 * S)
    assert spans == [(1 * S, 4 * S)]
    assert 22 not in video.tracks[0].frames


def test_a_long_occlusion_makes_two_instances():
    spans, _ = _collect([*range(10, 15), *range(30, 35)], 500_000_000, 5 * S)
    assert spans == [(1 * S, 1.5 * S), (3 * S, 3.5 * S)]


def test_an_instance_never_outlasts_the_video():
    spans, _ = _collect(range(60), 5 * S, 9 * S)
    assert spans == [(5 * S, 6 * S)]


@pytest.mark.parametrize('visible', [[], range(40, 60)])
def test_what_nobody_saw_is_not_said(visible):
    spans, _ = _collect(visible, 1 * S, 2 * S)
    assert spans == []
