"""Check that few key frames say where actors are, and that actions stand where they change."""

import numpy as np
import pytest
from annotations import actor, annotation, two_at_once
from hypothesis import given, settings
from hypothesis import strategies as st

from actloc_ros.recordings.annotate.annotation import Span
from actloc_ros.recordings.annotate.key_frames import key_frames, thin
from actloc_ros.recordings.annotate.review import (
    doubtful,
    review_first,
    review_stretches,
    uncertainty,
)


def interpolated(keys, frame):
    """Return the box of a frame as a tool that knows key frames alone shows it."""
    shown = [key for key in keys if not key.outside]
    frames = [key.frame for key in shown]
    return [np.interp(frame, frames, [key.box[side] for key in shown]) for side in range(4)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.5, 2.0, 8.0]), st.integers(1, 60))
def test_boxes_that_are_left_out_lie_within_the_bound_of_the_line(seed, within, count):
    rng = np.random.default_rng(seed)
    frames = np.cumsum(rng.integers(1, 4, count))
    boxes = np.cumsum(rng.normal(0, 2, (count, 4)), axis=0)
    kept = thin(frames, boxes, within)
    assert kept[0] == 0
    assert kept[-1] == count - 1
    line = [np.interp(frames, frames[kept], side) for side in boxes[kept].T]
    assert np.abs(np.array(line).T - boxes).max() <= within + 1e-9


def test_a_straight_way_needs_two_key_frames():
    frames, boxes = np.arange(1000), np.linspace(0, 99, 1000)[:, None] + np.arange(4)
    assert thin(frames, boxes, 0.01).tolist() == [0, 999]
    assert thin(frames[:0], boxes[:0]).tolist() == []


def test_actions_stand_where_they_change_and_nowhere_else():
    keys = key_frames(two_at_once(), 30)
    assert [(key.frame, key.actions, key.outside) for key in keys] == [
        (0, ('walk',), False),
        (4, ('walk', 'wave'), False),
        (7, ('walk',), False),
        (9, None, False),
        (10, None, True),
        (15, None, False),  # it walks as before it was out of sight
        (18, None, False),
        (19, None, True),
    ]
    assert interpolated(keys[:4], 5) == [9, 4, 25, 40]


def test_who_is_visible_to_the_end_is_not_closed_beyond_it():
    keys = key_frames(actor(1, 10, 29), 30)
    assert [(key.frame, key.outside) for key in keys] == [(10, False), (29, False)]


def test_the_least_certain_come_first_and_are_marked():
    sure = actor(1, 0, 9, [Span('walk', 0, 9, 0.95)], score=0.99)
    unsure = actor(2, 0, 9, [Span('walk', 0, 4, 0.9), Span('wave', 5, 9, 0.3)])
    idle = actor(3, 0, 9)
    both = annotation([sure, unsure, idle], ['walk', 'wave'])
    assert [each.track for each in review_first(both).actors] == [2, 3, 1]
    assert uncertainty(unsure) == pytest.approx(0.7)
    [marked] = doubtful(both, 0.6)
    assert (marked.actor.track, marked.first, marked.last, marked.actions) == (2, 5, 9, ('wave',))
    [alone] = review_stretches(idle)
    assert (alone.actions, alone.confidence) == ((), pytest.approx(0.9))
