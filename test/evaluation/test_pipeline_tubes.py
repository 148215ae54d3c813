"""Check which frames the tubes of the pipeline's own instances and tracks cover."""

import numpy as np
import pytest

from actloc_ros.evaluation.linking import LinkOptions, tube_score
from actloc_ros.evaluation.pipeline_tubes import PipelineTubes
from actloc_ros.frames import nanoseconds
from actloc_ros.instances import InstanceOptions, InstanceTracker, TrackedActor

RATE = 10.0  # Hz


def watched(classes, scores, seen=()):
    """Return what is gathered of one actor with these scores (frames, classes)."""
    tracker = InstanceTracker(InstanceOptions(0.5, 0.4, 0.3, 0.5), ('sit', 'wave'), 0.5)
    tubes = PipelineTubes(classes)
    for frame, row in enumerate(np.asarray(scores, np.float32)):
        stamp = nanoseconds(frame / RATE)
        box = np.array([frame, 0, frame + 10, 20], np.float32)
        there = not len(seen) or seen[frame]
        actors = [TrackedActor(1, box, 0.9, row, 0)] if there else []
        tubes.add(tracker.update(stamp, actors), 0, stamp, frame + 1, np.full(4, 2.0))
    return tubes


def gathered(*how):
    return watched(*how).tubes()


def waving(start, end, length=30):
    scores = np.zeros((length, 2))
    scores[start:end, 1] = 0.8
    return scores


def test_a_tube_is_as_long_as_its_instance_says_not_as_long_as_it_is_told():
    (tube,) = gathered(np.array([4, 7]), waving(5, 20))
    assert tube.label == 7
    # frames count from 1 here; reported from the 4th of its frames on, until 0.5 s after its last
    assert tube.frames.tolist() == list(range(6, 21))
    assert tube.boxes[0].tolist() == [10, 0, 30, 40]
    assert tube.box_scores == pytest.approx(np.full(15, 0.8))
    assert tube.score == pytest.approx(tube_score(tube.box_scores))


def test_frames_without_the_actor_are_not_in_its_tube():
    seen = np.ones(30, bool)
    seen[10:12] = False
    (tube,) = gathered(None, waving(5, 20), seen)
    assert tube.label == 0
    assert tube.frames.tolist() == [*range(6, 11), *range(13, 21)]


def test_two_actions_at_once_are_two_tubes_and_unknown_classes_none():
    both = waving(5, 20)
    both[:, 0] = 0.6
    assert [len(tube.frames) for tube in gathered(np.array([0, 1]), both)] == [30, 15]
    (tube,) = gathered(np.array([0, -1]), both)
    assert tube.label == 0


def test_a_track_is_cut_to_the_time_of_each_action_also_below_the_score_that_starts_one():
    scores = waving(8, 22) / 2  # 0.4: no instance
    scores[14, 1] = 0.0  # what one frame says decides nothing
    scores[:, 0] = 0.6
    seen = np.ones(30, bool)
    seen[10:12] = False
    found = watched(np.array([4, 7]), scores, seen)
    sitting, wave = sorted(found.tracks(LinkOptions(trimmed=True)), key=lambda tube: tube.label)
    assert (sitting.label, wave.label) == (4, 7)
    assert sitting.frames.tolist() == list(range(1, 31))
    assert wave.frames[0] == pytest.approx(9, abs=1)
    assert wave.frames[-1] == pytest.approx(22, abs=1)
    middle = wave.frames.tolist().index(11)  # the actor was not seen there
    assert wave.boxes[middle].tolist() == [20, 0, 40, 40]
    assert wave.score == pytest.approx(tube_score(wave.box_scores))
    assert [tube.label for tube in found.tubes()] == [4]  # online the wave is too unsure


def test_tracks_have_one_tube_for_the_actions_of_a_class_and_none_for_unknown_ones():
    scores = np.zeros((30, 2))
    scores[:15, 0] = scores[15:, 1] = 0.8
    both = watched(None, scores).tracks(LinkOptions(trimmed=True))
    assert [(tube.label, len(tube.frames)) for tube in both] == [(0, 30)]
    unknown = watched(np.array([-1, -1]), scores).tracks(LinkOptions(trimmed=True))
    assert unknown == ()
