"""Check the choice of highlights against all choices there are, and what it promises."""

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actloc_ros.recordings.summary.interest import find_events, novelty, rarity
from actloc_ros.recordings.summary.moments import LONGEST, find_moments, moment_costs
from actloc_ros.recordings.summary.objective import GUARANTEE, Objective, choose
from actloc_ros.recordings.summary.tables import AlarmSpan, Footage, Instances, Tables

SECOND = 1_000_000_000


def tables(acts, alarms=(), views=2, length=1000.0):
    """Return tables of acts (view, track, label, start, end, score), times in s."""
    acts = sorted(acts, key=lambda act: (act[0], act[3]))
    columns = [np.array([act[k] for act in acts], np.int32) for k in range(3)]
    times = [np.array([round(act[k] * SECOND) for act in acts], np.int64) for k in (3, 4)]
    footage = {
        v: Footage(v, 0, Path(f'{v}.mp4'), '', 0, round(length * SECOND), 0, 10, 0, 64, 48, False)
        for v in range(views)
    }
    return Tables(
        'made',
        footage,
        ('walking', 'standing', 'falling'),
        Instances(
            columns[0],
            np.arange(len(acts), dtype=np.int32),
            columns[1],
            columns[2],
            *times,
            np.array([act[5] for act in acts], np.float32),
            np.zeros((len(acts), 4), np.float32),
        ),
        tuple(alarms),
    )


act = st.tuples(
    st.integers(0, 1),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(0, 120).map(float),
    st.floats(0.5, 20),
    st.floats(0.1, 1),
).map(lambda a: (*a[:3], a[3], a[3] + a[4], a[5]))


def value(objective, chosen):
    """Return F by its definition: one moment after the other, in any order."""
    objective.clear()
    total = 0.0
    for moment in chosen:
        total += objective.gain(moment)
        objective.add(moment)
    return total


@settings(deadline=None, max_examples=60)
@given(st.lists(act, min_size=1, max_size=9), st.floats(2, 30))
def test_choice_is_as_good_as_promised(acts, seconds):
    made = tables(acts)
    events = find_events(made)
    moments = find_moments(events, made.views)[:9]
    objective = Objective(events, moments)
    choice = choose(objective, moments, seconds)
    lengths = moment_costs(moments)
    sets = [
        chosen
        for size in range(len(moments) + 1)
        for chosen in combinations(range(len(moments)), size)
        if sum(lengths[n] for n in chosen) <= seconds
    ]
    best = max(value(objective, chosen) for chosen in sets)
    assert sum(lengths[n] for n in choice.moments) <= seconds + 1e-9
    assert choice.value == pytest.approx(value(objective, choice.moments))
    assert choice.value >= GUARANTEE * best - 1e-9
    assert choice.value >= choice.bound * best - 1e-9  # what it says of itself is true


@settings(deadline=None, max_examples=40)
@given(st.lists(act, min_size=2, max_size=12), st.data())
def test_objective_is_monotone_and_submodular(acts, data):
    made = tables(acts)
    events = find_events(made)
    moments = find_moments(events, made.views)
    objective = Objective(events, moments)
    everything = range(len(moments))
    large = data.draw(st.sets(st.sampled_from(everything)))
    small = data.draw(st.sets(st.sampled_from(sorted(large)))) if large else set()
    other = data.draw(st.sampled_from(everything))
    value(objective, small)
    first = objective.gain(other)
    assert objective.gains()[other] == pytest.approx(first)
    value(objective, large)
    assert -1e-12 <= objective.gain(other) <= first + 1e-9


@given(st.lists(act, max_size=30))
@settings(deadline=None, max_examples=60)
def test_moments_hold_each_beginning_once_and_do_not_overlap(acts):
    made = tables(acts)
    events = find_events(made)
    moments = find_moments(events, made.views)
    owned = [n for moment in moments for n in range(moment.first, moment.last)]
    assert owned == list(range(len(events)))
    for moment in moments:
        assert 0 < moment.duration <= LONGEST + 1e-6
        starts = events.start[moment.first : moment.last]
        assert (moment.start <= starts).all()
        assert (starts < moment.end).all()
        assert (events.view[moment.first : moment.last] == moment.view).all()
    for one, other in pairwise(moments):
        assert one.view < other.view or one.end <= other.start


def test_one_fall_among_many_walks_is_shown_and_an_alarm_before_it():
    walks = [(n % 2, n, 0, 10.0 * n, 10.0 * n + 4, 0.9) for n in range(60)]
    fall = (1, 99, 2, 336.0, 337.5, 0.8)
    alarm = AlarmSpan(0, 'door', 'alert', 703 * SECOND, 704 * SECOND, ())
    made = tables([*walks, fall], [alarm])
    events = find_events(made)
    moments = find_moments(events, made.views)
    for seconds, wanted in ((5.0, {'alarm door'}), (9.0, {'alarm door', 'falling'})):
        choice = choose(Objective(events, moments), moments, seconds)
        shown = {
            events.kinds[events.kind[n]]
            for m in choice.moments
            for n in range(moments[m].first, moments[m].last)
        }
        assert wanted <= shown


def test_an_alarm_that_lasts_long_comes_before_what_is_short_and_common():
    """As a fall after which somebody lies, in a tree of short recordings."""
    walks = [(0, n, n % 2, 20.0 * n, 20.0 * n + 0.4, 0.9) for n in range(1, 9)]
    falls = [(1, n, 2, 50.0 * n, 50.0 * n + 12, 0.9) for n in range(1, 5)]
    alarms = [
        AlarmSpan(1, 'person_down', 'alert', 50 * n * SECOND, (50 * n + 12) * SECOND, (n,))
        for n in range(1, 5)
    ]
    made = tables([*walks, *falls], alarms)
    events = find_events(made)
    moments = find_moments(events, made.views)
    choice = choose(Objective(events, moments), moments, 11.0)
    alarmed = [m for m in choice.moments if moments[m].view == 1]
    assert len(alarmed) == 1
    lengths = moment_costs(moments)[list(choice.moments)]
    assert lengths.sum() > 8, 'what room is left is used too'


def test_what_is_doubtful_counts_less():
    made = tables([(0, 1, 2, 5.0, 6.0, 0.3), (0, 2, 2, 50.0, 51.0, 0.9)])
    events = find_events(made)
    assert events.interest[0] < events.interest[1]


def test_rarity_is_one_for_what_happens_once_and_zero_for_what_always_happens():
    labels = np.array([0] * 98 + [1, 1])
    worth = rarity(np.r_[labels, 2])
    assert worth[-1] == pytest.approx(1)
    assert worth[0] < 0.02 < worth[98] < 1
    assert (rarity(np.zeros(50, np.int64)) == 0).all()


def test_novelty_falls_with_each_time_at_the_same_camera():
    made = tables([(0, 1, 0, t, t + 1, 0.9) for t in (1.0, 5.0, 9.0)] + [(1, 1, 0, 2.0, 3.0, 0.9)])
    assert novelty(made) == pytest.approx([1, 1 / 2, 1 / 3, 1])
