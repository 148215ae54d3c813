"""Check that actors keep their identity: through gaps, crossings, any frame rate and resets."""

from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actloc_ros.frames import NANOSECONDS, nanoseconds
from actloc_ros.tracks import TrackLinker, TrackOptions, TrackUpdate


def detect(
    boxes: list[list[float]], scores: list[float] | None = None, ids: list[int] | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return what `TrackLinker.update` takes beside the stamp."""
    return (
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([0.9] * len(boxes) if scores is None else scores, np.float32),
        None if ids is None else np.array(ids, np.int64),
    )


def person(x: float, y: float = 200, height: float = 100) -> list[float]:
    return [x - 0.2 * height, y - height / 2, x + 0.2 * height, y + height / 2]


def ids(linked: TrackUpdate) -> list[int]:
    """Return the ids of the detections that have a track, rising."""
    assert linked.ids.dtype == np.int64
    return [track_id for track_id, _ in linked.rows()]


def moves_at(linker: TrackLinker, stamp: int, x: float, speed: float, tolerance: float) -> bool:
    """Return whether track 1, at `x` px at `stamp`, has a speed in px/s, right within `tolerance`.

    It has if a box is linked a second later where that speed would have it. Both boxes, 40 px wide,
    are grown by half their height of 100 px on each side then.
    """
    linker = deepcopy(linker)
    linker.options = TrackOptions(iou_min=(140 - tolerance) / (140 + tolerance))
    return ids(linker.update(stamp + NANOSECONDS, *detect([person(x + speed)]))) == [1]


@pytest.mark.parametrize('rate', [2, 5, 15, 30, 60])
def test_a_walker_is_one_track_at_any_rate(rate: int) -> None:
    """A walker covers 0.9 lengths a second: at 2 Hz its boxes do not even touch."""
    linker = TrackLinker()
    for frame in range(3 * rate + 1):
        linked = linker.update(frame * NANOSECONDS // rate, *detect([person(90 * frame / rate)]))
        assert ids(linked) == [1]
        assert linked.first_stamps == {1: 0}
    assert moves_at(linker, 3 * NANOSECONDS, 270, speed=90, tolerance=3)
    assert not moves_at(linker, 3 * NANOSECONDS, 270, speed=90 - 6, tolerance=3)


def test_a_walker_who_turns_back_is_one_track_and_its_velocity_turns_too() -> None:
    linker = TrackLinker()
    for frame in range(81):
        t = frame / 10
        x = 90 * min(t, 8 - t)
        assert ids(linker.update(nanoseconds(t), *detect([person(x)]))) == [1]
        if t in (4.0, 5.0):
            expected = 90 if t == 4 else -90
            assert moves_at(linker, nanoseconds(t), x, expected, tolerance=25)
            assert not moves_at(linker, nanoseconds(t), x, -expected, tolerance=25)


def test_an_actor_detected_once_is_expected_where_it_was() -> None:
    linker = TrackLinker()
    linker.update(0, *detect([person(100)]))
    assert moves_at(linker, 0, 100, speed=0, tolerance=1)
    linker.update(nanoseconds(0.1), *detect([person(120)]))
    assert not moves_at(linker, nanoseconds(0.1), 120, speed=0, tolerance=20)


def test_prediction_goes_by_time_and_not_by_frame() -> None:
    linker = TrackLinker(TrackOptions(iou_min=0.8))
    times = [0.0, 0.03, 0.06, 0.09, 0.13, 0.4, 0.42, 0.9]
    for t in times:
        assert ids(linker.update(nanoseconds(t), *detect([person(150 * t)]))) == [1]


@pytest.mark.parametrize('rate', [10, 30])
def test_an_occluded_walker_keeps_its_id_and_a_lost_one_does_not(rate: int) -> None:
    linker = TrackLinker(TrackOptions(max_gap=1.0))
    lost: list[tuple[int, tuple[int, ...]]] = []
    for frame in range(6 * rate):
        t = frame / rate
        hidden = 1 < t < 1.9 or 3 < t < 4.3
        linked = linker.update(
            frame * NANOSECONDS // rate, *detect([] if hidden else [person(100 * t)])
        )
        if linked.lost:
            lost.append((frame, linked.lost))
        if not hidden:
            assert ids(linked) == ([1] if t < 4 else [2])
    (frame, gone), *others = lost
    assert gone == (1,)
    assert not others
    assert frame == 4 * rate + 1, 'a track is given up once more than max_gap has passed'


@pytest.mark.parametrize('merged', [False, True])
@pytest.mark.parametrize('speeds', [(80, -80), (120, 30), (60, 0)])
def test_crossing_walkers_keep_their_ids(speeds: tuple[int, int], merged: bool) -> None:
    """Where they overlap, the detector may see only the one in front."""
    rng, linker, rate = np.random.default_rng(1), TrackLinker(), 15
    meeting = 2.0
    for frame in range(4 * rate + 1):
        t = frame / rate
        xs = [300 + v * (t - meeting) for v in speeds]
        if merged and abs(xs[0] - xs[1]) < 15:
            xs = xs[1:]
        boxes = [person(x + rng.normal(0, 1.5), 200 + rng.normal(0, 1.5)) for x in xs]
        linked = linker.update(frame * NANOSECONDS // rate, *detect(boxes))
        assert set(ids(linked)) <= {1, 2}
    end = {track_id: float(boxes[row][0] + boxes[row][2]) / 2 for track_id, row in linked.rows()}
    np.testing.assert_allclose([end[1], end[2]], xs, atol=8)


def test_missed_detections() -> None:
    """Three walkers at 20 Hz, each box missed with 40 % probability, with noise of 3 pixels."""
    rng, linker = np.random.default_rng(2), TrackLinker()
    seen: dict[int, set[int]] = {}
    for frame in range(200):
        t = frame / 20
        truth = [(50 + 40 * t, 100), (500 - 40 * t, 250), (300, 400)]
        shown = [k for k in range(3) if rng.random() > 0.4]
        boxes = [person(*(rng.normal(truth[k], 3))) for k in shown]
        linked = linker.update(frame * NANOSECONDS // 20, *detect(boxes))
        for track_id, row in linked.rows():
            centre = (np.array(boxes[row][:2]) + boxes[row][2:]) / 2
            nearest = int(np.argmin(np.linalg.norm(np.array(truth) - centre, axis=1)))
            seen.setdefault(nearest, set()).add(track_id)
    assert {k: len(v) for k, v in seen.items()} == {0: 1, 1: 1, 2: 1}
    assert len(set.union(*seen.values())) == 3


def test_the_track_in_front_takes_the_only_box() -> None:
    linker = TrackLinker()
    for frame in range(4):
        linker.update(frame * NANOSECONDS // 10, *detect([person(100), person(104, 202)]))
    linker.update(nanoseconds(0.5), *detect([person(104, 202)]))
    assert ids(linker.update(nanoseconds(0.9), *detect([person(102, 201)]))) == [2]


def test_a_weak_box_continues_a_track_but_starts_none() -> None:
    linker = TrackLinker(TrackOptions(min_score=0.5))
    assert ids(linker.update(0, *detect([person(100), person(300)], [0.9, 0.4]))) == [1]
    assert ids(linker.update(10**8, *detect([person(100), person(300)], [0.2, 0.2]))) == [1]
    assert ids(linker.update(2 * 10**8, *detect([person(300), person(99)], [0.5, 0.2]))) == [1, 2]


def test_a_strong_box_is_linked_before_a_weak_one_that_fits_better() -> None:
    linker = TrackLinker(TrackOptions(min_score=0.5))
    linker.update(0, *detect([person(100)]))
    linked = linker.update(10**8, *detect([person(100), person(110)], [0.3, 0.9]))
    assert linked.ids.tolist() == [0, 1]


def test_a_pause_of_the_camera_does_not_lose_a_track() -> None:
    linker = TrackLinker(TrackOptions(max_gap=0.5))
    linker.update(0, *detect([person(100)]))
    assert ids(linker.update(3 * NANOSECONDS, *detect([person(101)]))) == [1]
    assert linker.update(4 * NANOSECONDS, *detect([])).lost == (1,)
    assert ids(linker.update(5 * NANOSECONDS, *detect([person(100)]))) == [2]


def test_ids_of_the_localizer_are_kept_and_made_unique_after_a_reset() -> None:
    linker = TrackLinker(TrackOptions(max_gap=0.5))
    boxes = [person(100), person(100)]
    assert ids(linker.update(0, *detect(boxes, ids=[7, 3]))) == [3, 7]
    linked = linker.update(10**8, *detect([person(400)], ids=[3]))
    assert ids(linked) == [3]
    assert linked.first_stamps == {3: 0}
    assert linker.update(NANOSECONDS, *detect([], ids=[])).lost == (3, 7)
    linker.reset()
    assert ids(linker.update(0, *detect(boxes, ids=[1, 2]))) == [8, 9]


@pytest.mark.parametrize('stamp', [5, 10])
def test_a_stamp_that_does_not_rise_is_refused(stamp: int) -> None:
    linker = TrackLinker()
    linker.update(10, *detect([person(1)]))
    with pytest.raises(ValueError, match='not after 10'):
        linker.update(stamp, *detect([]))
    linker.reset()
    assert ids(linker.update(stamp, *detect([person(1)]))) == [2]


@pytest.mark.parametrize(
    'options',
    ['iou_min=0', 'iou_min=1.1', 'max_gap=-1', 'max_gap=inf', 'max_gap=nan', 'min_score=2'],
)
def test_impossible_options_are_refused(options: str) -> None:
    name, value = options.split('=')
    with pytest.raises(ValueError, match=name):
        TrackOptions(**{name: float(value)})


boxes = st.tuples(*[st.floats(0, 500), st.floats(0, 500), st.floats(0, 200), st.floats(0, 200)])
keyframes = st.lists(
    st.tuples(st.integers(1, 2 * 10**9), st.lists(st.tuples(boxes, st.floats(0, 1)), max_size=5)),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(keyframes, st.floats(0, 1), st.floats(0, 2))
def test_random_detections(stream: list, min_score: float, max_gap: float) -> None:
    linker = TrackLinker(TrackOptions(min_score=min_score, max_gap=max_gap))
    stamp, alive, gone = 0, {}, set()
    for step, found in stream:
        stamp += step
        corners = [[x, y, x + w, y + h] for (x, y, w, h), _ in found]
        offered, scores, _ = detect(corners, [score for _, score in found])
        linked = linker.update(stamp, offered, scores)
        assert ids(linked) == sorted(set(ids(linked))), 'each track once'
        assert set(linked.lost) <= set(alive), 'only what was there is lost, once'
        gone |= {alive.pop(k) and k for k in linked.lost}
        assert not gone & set(ids(linked)), 'what is lost does not come back'
        assert len(linked.ids) == len(offered), 'each box has an answer'
        strong = np.flatnonzero(scores >= min_score)
        assert linked.ids[strong].all(), 'every strong box is in a track'
        fresh = [k for k in ids(linked) if k not in alive]
        known = len(alive) + len(gone)
        assert fresh == list(range(known + 1, known + 1 + len(fresh))), 'no id is left out'
        for track_id in ids(linked):
            alive.setdefault(track_id, stamp)
            assert linked.first_stamps[track_id] == alive[track_id]
