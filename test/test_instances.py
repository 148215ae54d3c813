"""Check when action instances start, go on and end, on examples and on random streams."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instance_checks import Instance, Rule, check_life, expected_intervals, finished

from actloc_ros.frames import NANOSECONDS
from actloc_ros.instances import (
    InstanceOptions,
    InstanceState,
    InstanceTracker,
    InstanceUpdate,
    LabelOptions,
    TrackedActor,
    parse_overrides,
)

LABELS = ('walk', 'wave', 'fall')
MS = NANOSECONDS // 1000
S, E, U = InstanceState.STARTED, InstanceState.ENDED, InstanceState.UNKNOWN
O = InstanceState.ONGOING  # noqa: E741


def linked(
    scores: dict[int, tuple[float, ...]], lost: tuple[int, ...] = (), at: int = 0
) -> tuple[list[TrackedActor], tuple[int, ...]]:
    """Return what `InstanceTracker.update` takes beside the stamp."""
    box = np.array([at, 0, at + 5, 9], np.float32)
    actors = [TrackedActor(k, box, 0.5, np.array(row, np.float32), 0) for k, row in scores.items()]
    return actors, lost


def follow(
    tracker: InstanceTracker, stream: list[tuple[int, float | None]]
) -> list[list[InstanceUpdate]]:
    """Give the scores of `walk` of one actor at times in ms; None: not seen."""
    return [
        list(tracker.update(t * MS, *linked({} if score is None else {1: (score, 0, 0)})))
        for t, score in stream
    ]


def reported(updates: list[list[InstanceUpdate]]) -> list[list[tuple[InstanceState, int, int]]]:
    return [[(a.state, a.start // MS, a.end // MS) for a in actions] for actions in updates]


def tracker_of(**options: float) -> InstanceTracker:
    return InstanceTracker(InstanceOptions(**options), LABELS, 0.5)  # type: ignore[arg-type]


def test_an_instance_starts_at_its_first_evidence_and_ends_at_its_last() -> None:
    tracker = tracker_of(min_duration=0.2, merge_gap=0.3)
    scores = [(0, 0.1), (100, 0.6), (200, 0.6), (300, 0.6), (400, 0.6), (500, 0.1), (600, 0.1)]
    assert reported(follow(tracker, [*scores, (700, 0.1), (800, 0.1), (900, 0.1)])) == [
        [(U, 0, 0)],
        [(U, 0, 100)],
        [(U, 0, 200)],
        [(S, 100, 300)],
        [(O, 100, 400)],
        [(O, 100, 400)],
        [(O, 100, 400)],
        [(O, 100, 400)],
        [(E, 100, 400)],
        [(U, 0, 900)],
    ]


def test_a_gap_within_the_merge_gap_is_merged_also_where_the_actor_is_not_seen() -> None:
    tracker = tracker_of(min_duration=0, merge_gap=0.3)
    scores = [(0, 0.9), (100, 0.1), (300, 0.9), (400, None), (600, 0.9), (700, 0), (901, None)]
    assert reported(follow(tracker, scores)) == [
        [(S, 0, 0)],
        [(O, 0, 0)],
        [(O, 0, 300)],
        [],
        [(O, 0, 600)],
        [(O, 0, 600)],
        [(E, 0, 600)],
    ]


def test_evidence_after_a_longer_gap_is_another_instance_in_one_update() -> None:
    tracker = tracker_of(min_duration=0, merge_gap=0.3)
    updates = follow(tracker, [(0, 0.9), (100, 0.1), (500, 0.9)])
    assert reported(updates)[-1] == [(E, 0, 0), (S, 500, 500)]
    assert [a.instance_id for a in updates[-1]] == [1, 2]


def test_a_pause_of_the_camera_is_no_gap() -> None:
    tracker = tracker_of(min_duration=0, merge_gap=0.3)
    assert reported(follow(tracker, [(0, 0.9), (1500, 0.9), (3000, 0.1)])) == [
        [(S, 0, 0)],
        [(O, 0, 1500)],
        [(E, 0, 1500)],
    ]


def test_hysteresis() -> None:
    tracker = tracker_of(start_score=0.6, end_score=0.3, min_duration=0, merge_gap=0)
    scores = [(0, 0.5), (100, 0.6), (200, 0.3), (300, 0.29), (400, 0.5)]
    assert [[s for s, *_ in actions] for actions in reported(follow(tracker, scores))] == [
        [U],
        [S],
        [O],
        [E],
        [U],
    ]


@pytest.mark.parametrize(('score', 'state'), [(0.4, O), (0.39, E)])
def test_default_scores_are_the_localizers_and_four_fifths_of_it(
    score: float, state: InstanceState
) -> None:
    updates = follow(tracker_of(min_duration=0, merge_gap=0), [(0, 0.5), (100, score)])
    assert [a.state for a in updates[-1]] == [state]


@pytest.mark.parametrize('score', [0.1, 0.3, 0.7, 0.9])
def test_a_score_of_just_the_start_score_is_evidence(score: float) -> None:
    updates = follow(tracker_of(start_score=score, min_duration=0), [(0, score)])
    assert [a.state for a in updates[-1]] == [S]


def test_too_short_a_run_is_no_instance() -> None:
    tracker = tracker_of(min_duration=0.2, merge_gap=0.1)
    scores = [(0, 0.9), (100, 0.9), (200, 0.1), (300, 0.9), (400, 0.9), (600, 0.1)]
    states = [a.state for actions in follow(tracker, scores) for a in actions]
    assert states == [U] * 6
    assert tracker.flush() == ()


def test_several_actions_at_once_and_overrides() -> None:
    rare = {'fall': LabelOptions(start_score=0.2, min_duration=0.1)}
    options = InstanceOptions(min_duration=0, merge_gap=0.2, overrides=rare)
    tracker = InstanceTracker(options, LABELS, 0.5)
    scores = [(0.9, 0.1, 0.3), (0.9, 0.6, 0.3), (0.1, 0.6, 0.17)]
    updates = [tracker.update(k * 100 * MS, *linked({1: s})) for k, s in enumerate(scores)]
    assert [[(LABELS[a.class_id], a.state, a.start // MS) for a in u] for u in updates] == [
        [('walk', S, 0)],
        [('walk', O, 0), ('wave', S, 100), ('fall', S, 0)],
        [('walk', O, 0), ('wave', O, 100), ('fall', O, 0)],
    ]
    assert {a.instance_id for u in updates for a in u} == {1, 2, 3}


def test_a_lost_track_ends_its_instances_where_it_was_last_seen() -> None:
    tracker = tracker_of(min_duration=0, merge_gap=10)
    tracker.update(0, *linked({1: (0.9, 0.9, 0)}, at=10))
    tracker.update(100 * MS, *linked({1: (0.9, 0.1, 0)}, at=20))
    assert tracker.update(200 * MS, *linked({2: (0, 0, 0)}))[0].track_id == 2
    walk, wave, other = tracker.update(900 * MS, *linked({2: (0, 0, 0)}, lost=(1,)))
    assert (walk.state, walk.end, wave.state, wave.end) == (E, 100 * MS, E, 0)
    assert (walk.box, walk.detected) == ((20, 0, 25, 9), False)
    assert (other.track_id, other.state) == (2, U)
    assert tracker.flush() == ()


def test_flush_ends_all_and_ids_go_on() -> None:
    tracker = tracker_of(min_duration=0)
    tracker.update(5, *linked({1: (0.9, 0.9, 0), 2: (0, 0, 0.9)}))
    ended = tracker.flush()
    assert [(a.track_id, a.instance_id, a.state, a.end) for a in ended] == [
        (1, 1, E, 5),
        (1, 2, E, 5),
        (2, 3, E, 5),
    ]
    assert tracker.flush() == ()
    (action,) = tracker.update(1, *linked({1: (0.9, 0, 0)}))
    assert (action.instance_id, action.state, action.start) == (4, S, 1)


def test_other_options_at_run_time_keep_what_is_open() -> None:
    tracker = tracker_of(min_duration=0, merge_gap=0)
    tracker.update(0, *linked({1: (0.6, 0, 0)}))
    tracker.configure(InstanceOptions(start_score=0.9, end_score=0.55))
    assert [a.state for a in tracker.update(MS, *linked({1: (0.6, 0.6, 0)}))] == [O]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'start_score': 1.5}, 'start_score is 1.5'),
        ({'end_score': float('nan')}, 'end_score is nan'),
        ({'min_duration': -1}, 'min_duration is -1'),
        ({'merge_gap': float('inf')}, 'merge_gap is inf'),
        ({'start_score': 0.3, 'end_score': 0.4}, "end_score 0.4 of 'walk' is above"),
        ({'end_score': 0.6}, "end_score 0.6 of 'walk' is above its start_score 0.5"),
        ({'overrides': {'fly': LabelOptions()}}, "'fly'; labels are walk, wave, fall"),
        ({'overrides': {'fall': LabelOptions(merge_gap=-1)}}, "merge_gap of 'fall' is -1"),
    ],
)
def test_impossible_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InstanceTracker(InstanceOptions(**options), LABELS, 0.5)


def test_overrides_are_read_from_text() -> None:
    texts = ['fall:start_score=0.3, merge_gap=1', '', 'talk to (e.g., a: b):min_duration=2']
    assert parse_overrides(texts) == {
        'fall': LabelOptions(start_score=0.3, merge_gap=1),
        'talk to (e.g., a: b)': LabelOptions(min_duration=2),
    }


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('fall', 'LABEL:KEY=VALUE'),
        ('fall:', 'LABEL:KEY=VALUE'),
        ('fall:start=0.3', 'keys start_score, end_score'),
        ('fall:merge_gap=long', "'long' is not a number"),
        ('fall:merge_gap', 'LABEL:KEY=VALUE'),
    ],
)
def test_other_texts_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_overrides([text])


times = st.floats(0, 0.8).map(lambda t: round(t, 1))
rules = st.builds(Rule, st.just(0.5), st.sampled_from([0.25, 0.5]), times, times)
scores = st.sampled_from([0.0, 0.125, 0.25, 0.375, 0.5, 0.75])  # exact in float32
sights = st.none() | st.tuples(scores, scores, scores)
keyframe = st.tuples(
    st.sampled_from([30, 100, 100, 100, 200, 900]),  # ms since the one before
    st.tuples(sights, sights),  # of two actors
    st.sampled_from([None, None, None, None, None, 0, 1, 'flush']),  # who is lost
)


@settings(max_examples=300, deadline=None)
@given(st.lists(keyframe, max_size=40), st.tuples(rules, rules, rules))
def test_random_streams(stream: list, classes: tuple[Rule, Rule, Rule]) -> None:
    overrides = {k: LabelOptions(**vars(r)) for k, r in zip(LABELS, classes, strict=True)}
    tracker = InstanceTracker(InstanceOptions(overrides=overrides), LABELS, 0.5)
    stamp, updates, lives, current = 0, [], defaultdict(list), [1, 2]
    for step, sight, lost in stream:
        stamp += step * MS
        gone = (current[lost],) if lost in (0, 1) else ()
        if lost == 'flush':
            updates.append(tracker.flush())
        for k in (0, 1):
            if lost in (k, 'flush'):
                current[k] += 2
        seen = {current[k]: sight[k] for k in (0, 1) if sight[k]}
        updates.append(tracker.update(stamp, *linked(seen, gone)))
        check_spoken_of(updates[-1], set(seen))
        assert {a.track_id for a in updates[-1]} <= {*current, *gone}, 'who is lost ends at once'
        for k in (0, 1):
            lives[current[k]].append((stamp, sight[k]))
    updates.append(tracker.flush())
    assert as_intervals(finished(updates)) == {
        (track_id, class_id): intervals
        for track_id, life in lives.items()
        for class_id, rule in enumerate(classes)
        if (intervals := expected_intervals(scores_of(life, class_id), rule))
    }


def check_spoken_of(actions: tuple[InstanceUpdate, ...], seen: set[int]) -> None:
    by_track = defaultdict(list)
    for action in actions:
        by_track[action.track_id].append(action)
        assert action.detected == (action.track_id in seen)
    assert seen <= set(by_track), 'whoever is seen is spoken of'
    for spoken in by_track.values():
        assert U not in [a.state for a in spoken] or len(spoken) == 1


def scores_of(life: list, class_id: int) -> list[tuple[int, float]]:
    return [(t, row[class_id] if row else -1.0) for t, row in life]


def as_intervals(instances: list[Instance]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    found = defaultdict(list)
    for one in sorted(instances, key=lambda one: one.start):
        found[one.track_id, one.class_id].append((one.start, one.end))
    return dict(found)


def test_the_checks_themselves_can_fail() -> None:
    tracker = tracker_of(min_duration=0)
    life = [*tracker.update(0, *linked({1: (0.9, 0, 0)})), *tracker.flush()]
    check_life(life)
    for broken in (life[:1], life[1:], [life[0], life[0], life[1]], life[::-1]):
        with pytest.raises(AssertionError):
            check_life(broken)
