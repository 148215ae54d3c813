"""Check that actors keep their identity: through gaps, crossings, any frame rate and resets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actloc_ros.frames import NANOSECONDS, nanoseconds
from actloc_ros.localizer import ClipInfo, Detections
from actloc_ros.tracks import TrackLinker, TrackOptions, TrackUpdate


def detect(
    boxes: list[list[float]], scores: list[float] | None = None, ids: list[int] | None = None
) -> Detections:
    count = len(boxes)
    return Detections(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.array([0.9] * count if scores is None else scores, np.float32),
        actions=np.zeros((count, 2), np.float32),
        clip=ClipInfo(0, 0),
        track_ids=None if ids is None else np.array(ids, np.int64),
    )


def person(x: float, y: float = 200, height: float = 100) -> list[float]:
    return [x - 0.2 * height, y - height / 2, x + 0.2 * height, y + height / 2]


def ids(linked: TrackUpdate) -> list[int]:
    return [actor.track_id for actor in linked.actors]


@pytest.mark.parametrize('rate', [2, 5, 15, 30, 60])
def test_a_walker_is_one_track_at_any_rate(rate: int) -> None:
    """A walker covers 0.9 lengths a second: at 2 Hz its boxes do not even touch."""
    linker = TrackLinker()
    for frame in range(3 * rate + 1):
        linked = linker.update(frame * NANOSECONDS // rate, detect([person(90 * frame / rate)]))
        assert ids(linked) == [1]
        assert linked.actors[0].first_stamp == 0
    np.testing.assert_allclose(linked.actors[0].velocity, [90, 0], atol=3)


def test_a_walker_who_turns_back_is_one_track_and_its_velocity_turns_too() -> None:
    linker = TrackLinker()
    for frame in range(81):
        t = frame / 10
        linked = linker.update(nanoseconds(t), detect([person(90 * min(t, 8 - t))]))
        assert ids(linked) == [1]
        if t in (4.0, 5.0):
            expected = 90 if t == 4 else -90
            np.testing.assert_allclose(linked.actors[0].velocity, [expected, 0], atol=25)


def test_velocity_is_unknown_at_first_sight() -> None:
    linker = TrackLinker()
    assert linker.update(0, detect([person(100)])).actors[0].velocity is None
    assert linker.update(10, detect([person(100)])).actors[0].velocity is not None


def test_prediction_goes_by_time_and_not_by_frame() -> None:
    linker = TrackLinker(TrackOptions(iou_min=0.8))
    times = [0.0, 0.03, 0.06, 0.09, 0.13, 0.4, 0.42, 0.9]
    for t in times:
        assert ids(linker.update(nanoseconds(t), detect([person(150 * t)]))) == [1]


@pytest.mark.parametrize('rate', [10, 30])
def test_an_occluded_walker_keeps_its_id_and_a_lost_one_does_not(rate: int) -> None:
    linker = TrackLinker(TrackOptions(max_gap=1.0))
    lost: list[tuple[int, tuple[int, ...]]] = []
    for frame in range(6 * rate):
        t = frame / rate
        hidden = 1 < t < 1.9 or 3 < t < 4.3
        linked = linker.update(
            frame * NANOSECONDS // rate, detect([] if hidden else [person(100 * t)])
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
        linked = linker.update(frame * NANOSECONDS // rate, detect(boxes))
        assert set(ids(linked)) <= {1, 2}
    end = {a.track_id: float(a.box[0] + a.box[2]) / 2 for a in linked.actors}
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
        linked = linker.update(frame * NANOSECONDS // 20, detect(boxes))
        for actor in linked.actors:
            centre = (actor.box[:2] + actor.box[2:]) / 2
            nearest = int(np.argmin(np.linalg.norm(np.array(truth) - centre, axis=1)))
            seen.setdefault(nearest, set()).add(actor.track_id)
    assert {k: len(v) for k, v in seen.items()} == {0: 1, 1: 1, 2: 1}
    assert len(set.union(*seen.values())) == 3


def test_the_track_in_front_takes_the_only_box() -> None:
    linker = TrackLinker()
    for frame in range(4):
        linker.update(frame * NANOSECONDS // 10, detect([person(100), person(104, 202)]))
    linker.update(nanoseconds(0.5), detect([person(104, 202)]))
    assert ids(linker.update(nanoseconds(0.9), detect([person(102, 201)]))) == [2]


def test_a_weak_box_continues_a_track_but_starts_none() -> None:
    linker = TrackLinker(TrackOptions(min_score=0.5))
    assert ids(linker.update(0, detect([person(100), person(300)], [0.9, 0.4]))) == [1]
    assert ids(linker.update(10**8, detect([person(100), person(300)], [0.2, 0.2]))) == [1]
    assert ids(linker.update(2 * 10**8, detect([person(300), person(99)], [0.5, 0.2]))) == [1, 2]


def test_a_strong_box_is_linked_before_a_weak_one_that_fits_better() -> None:
    linker = TrackLinker(TrackOptions(min_score=0.5))
    linker.update(0, detect([person(100)]))
    linked = linker.update(10**8, detect([person(100), person(110)], [0.3, 0.9]))
    assert [(a.track_id, round(a.score, 1)) for a in linked.actors] == [(1, 0.9)]


def test_a_pause_of_the_camera_does_not_lose_a_track() -> None:
    linker = TrackLinker(TrackOptions(max_gap=0.5))
    linker.update(0, detect([person(100)]))
    assert ids(linker.update(3 * NANOSECONDS, detect([person(101)]))) == [1]
    assert linker.update(4 * NANOSECONDS, detect([])).lost == (1,)
    assert ids(linker.update(5 * NANOSECONDS, detect([person(100)]))) == [2]


def test_ids_of_the_localizer_are_kept_and_made_unique_after_a_reset() -> None:
    linker = TrackLinker(TrackOptions(max_gap=0.5))
    boxes = [person(100), person(100)]
    assert ids(linker.update(0, detect(boxes, ids=[7, 3]))) == [3, 7]
    linked = linker.update(10**8, detect([person(400)], ids=[3]))
    assert ids(linked) == [3]
    assert linked.actors[0].first_stamp == 0
    assert linker.update(NANOSECONDS, detect([], ids=[])).lost == (3, 7)
    linker.reset()
    assert ids(linker.update(0, detect(boxes, ids=[1, 2]))) == [8, 9]


@pytest.mark.parametrize('stamp', [5, 10])
def test_a_stamp_that_does_not_rise_is_refused(stamp: int) -> None:
    linker = TrackLinker()
    linker.update(10, detect([person(1)]))
    with pytest.raises(ValueError, match='not after 10'):
        linker.update(stamp, detect([]))
    linker.reset()
    assert ids(linker.update(stamp, detect([person(1)]))) == [2]


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
        detections = detect(corners, [score for _, score in found])
        linked = linker.update(stamp, detections)
        assert ids(linked) == sorted(set(ids(linked))), 'each track once'
        assert set(linked.lost) <= set(alive), 'only what was there is lost, once'
        gone |= {alive.pop(k) and k for k in linked.lost}
        assert not gone & set(ids(linked)), 'what is lost does not come back'
        used = sorted(a.box.tolist() for a in linked.actors)
        offered = sorted(box.tolist() for box in detections.boxes)
        for box in used:
            offered.remove(box)
        strong = int((detections.scores >= min_score).sum())
        assert len(used) >= strong, 'every strong box is in a track'
        fresh = [k for k in ids(linked) if k not in alive]
        known = len(alive) + len(gone)
        assert fresh == list(range(known + 1, known + 1 + len(fresh))), 'no id is left out'
        for actor in linked.actors:
            alive.setdefault(actor.track_id, stamp)
            assert actor.first_stamp == alive[actor.track_id]
