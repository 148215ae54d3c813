"""Check offline linking: actors that cross, miss frames, and act for a part of the time."""

import numpy as np
import pytest

from actloc_ros.evaluation.linking import LinkOptions, link_tubes, suppress, trim, tube_score
from actloc_ros.evaluation.overlap import tube_iou
from actloc_ros.evaluation.video_map import link_all
from actloc_ros.truth.boxes import EvaluationError, FrameBoxes, Tube, join

WHOLE = LinkOptions(trimmed=False)


def walk(frames, x, y=0.0, speed=0.0, score=0.9, video=0, label=0):
    """Return the boxes, 20 wide and 40 high, of an actor who moves by `speed` a frame."""
    frames = np.array(frames)
    left = x + speed * frames
    boxes = np.stack([left, np.full(len(left), y), left + 20, np.full(len(left), y + 40)], axis=1)
    scores = np.broadcast_to(np.asarray(score, float), frames.shape).copy()
    full = np.full(len(frames), 1)
    return FrameBoxes(full * video, frames, full * label, boxes, scores)


def tube_of(boxes):
    return Tube(0, 0, boxes.frame, boxes.boxes)


def test_crossing_actors_keep_their_own_tubes():
    right, left = walk(range(60), 0, speed=3), walk(range(60), 180, y=12, speed=-3, score=0.8)
    both = join([right, left])
    shuffled = both[np.random.default_rng(1).permutation(len(both))]
    tubes = link_tubes(shuffled, WHOLE)
    whole = 1 - np.exp(-6)  # of 60 frames
    assert [tube.score for tube in tubes] == pytest.approx([0.9 * whole, 0.8 * whole])
    assert tube_iou(tubes[0], tube_of(right), 0) == pytest.approx(1)
    assert tube_iou(tubes[1], tube_of(left), 0) == pytest.approx(1)


def test_missed_frames_are_filled_linearly_up_to_the_gap():
    frames = [*range(10), *range(15, 30)]
    (tube,) = link_tubes(walk(frames, 0, speed=1), WHOLE)
    assert tube.frames.tolist() == list(range(30))
    assert tube_iou(tube, tube_of(walk(range(30), 0, speed=1)), 0) == pytest.approx(1)
    apart = link_tubes(walk([*range(10), *range(40, 60)], 0), WHOLE)
    assert sorted(tube.frames[0] for tube in apart) == [0, 40]


def test_a_lone_surer_box_does_not_pull_a_tube_away():
    noise = walk([20], 300, score=1.0)
    tubes = link_tubes(join([walk(range(40), 0, score=0.6), noise]), WHOLE)
    assert {len(tube.frames) for tube in tubes} == {40, 1}


def test_trimming_cuts_what_is_not_the_action_and_its_absence_keeps_it():
    score = np.r_[np.full(30, 0.02), np.full(40, 0.8), np.full(30, 0.02)]
    boxes = walk(range(100), 50, score=score)
    (whole,) = link_tubes(boxes, WHOLE)
    assert (whole.frames[0], whole.frames[-1]) == (0, 99)
    (cut,) = link_tubes(boxes, LinkOptions(trimmed=True))
    assert (cut.frames[0], cut.frames[-1]) == pytest.approx((30, 69), abs=2)
    assert cut.score == pytest.approx(0.8 * (1 - np.exp(-len(cut.frames) / 10)))


def test_trimming_bridges_a_short_dip_and_splits_at_a_long_one():
    score = np.full(60, 0.6)
    score[20:22] = 0
    assert trim(score, 2.0) == [(0, 60)]
    score[20:40] = 0
    first, second = trim(score, 2.0)
    assert first == pytest.approx((0, 20), abs=2)
    assert second == pytest.approx((40, 60), abs=2)
    assert trim(np.zeros(5), 2.0) == []
    assert trim(np.array([0.3]), 0.4) == [(0, 1)]


def test_an_action_is_cut_out_however_small_its_part_of_the_time_is():
    scores = np.full(400, 0.2)
    scores[100:120] = 0.8
    (span,) = trim(scores, 1.5)
    assert span == pytest.approx((100, 120), abs=2)


def test_one_surer_frame_does_not_end_an_action():
    scores = np.full(60, 0.5)
    scores[30] = 1.0
    assert trim(scores, 1.5) == [(0, 60)]


def test_brief_tubes_are_worth_less():
    assert tube_score(np.full(1, 0.6)) < 0.1
    assert tube_score(np.full(10, 0.6)) == pytest.approx(0.6 * (1 - np.exp(-1)))
    assert tube_score(np.full(100, 0.6)) == pytest.approx(0.6, rel=1e-3)


def test_of_overlapping_tubes_the_surest_stays():
    first, second = (
        Tube(0, 0, np.arange(9), walk(range(9), x).boxes, s) for x, s in [(0, 1), (4, 2)]
    )
    assert suppress([first, second], WHOLE) == [second]
    assert suppress([first, second], LinkOptions(trimmed=False, nms=1.0)) == [second, first]


def test_videos_and_classes_are_linked_apart():
    parts = [walk(range(20), 0, video=v, label=c) for v in (0, 1) for c in (0, 3)]
    tubes = link_all(join(parts), WHOLE, [0, 3])
    assert sorted((tube.video, tube.label) for tube in tubes) == [(0, 0), (0, 3), (1, 0), (1, 3)]
    assert link_all(join([]), WHOLE, [0]) == []


def test_scores_that_are_no_probabilities_are_refused():
    with pytest.raises(EvaluationError, match=r'-3 … -3.*probabilities'):
        link_all(walk(range(3), 0, score=-3.0), WHOLE, [0])
