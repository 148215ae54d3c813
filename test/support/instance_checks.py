"""Check what holds for the action instances of any stream, whatever made it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from actloc_ros.frames import seconds
from actloc_ros.instances import InstanceState, InstanceUpdate


@dataclass(frozen=True)
class Instance:
    """A finished instance, as its updates reported it."""

    instance_id: int
    track_id: int
    class_id: int
    start: int
    end: int


def finished(updates: Iterable[Sequence[InstanceUpdate]]) -> list[Instance]:
    """Return all instances of a finished stream after checking each one's life."""
    lives: dict[int, list[InstanceUpdate]] = defaultdict(list)
    for actions in updates:
        named = [a.instance_id for a in actions if a.state is not InstanceState.UNKNOWN]
        assert len(set(named)) == len(named), 'an instance speaks once at a key frame'
        for action in actions:
            if action.state is InstanceState.UNKNOWN:
                check_unknown(action)
            else:
                lives[action.instance_id].append(action)
    assert sorted(lives) == list(range(1, len(lives) + 1)), 'ids from 1, none left out'
    instances = [check_life(life) for _, life in sorted(lives.items())]
    check_disjoint(instances)
    return instances


def check_unknown(action: InstanceUpdate) -> None:
    assert (action.instance_id, action.class_id, action.detected) == (0, -1, True)
    assert action.start <= action.end


def check_life(life: Sequence[InstanceUpdate]) -> Instance:
    """Check that an instance starts once, goes on, ends once, and keeps what does not change."""
    first, last = life[0], life[-1]
    states = [action.state for action in life]
    assert states == [
        InstanceState.STARTED,
        *[InstanceState.ONGOING] * (len(life) - 2),
        InstanceState.ENDED,
    ]
    assert len({(a.track_id, a.class_id, a.start) for a in life}) == 1
    ends = [action.end for action in life]
    assert ends == sorted(ends), 'evidence is not taken back'
    assert first.start <= first.end
    assert all(action.detected for action in life[:-1]), 'who is not detected is not reported'
    return Instance(first.instance_id, first.track_id, first.class_id, first.start, last.end)


def check_disjoint(instances: Sequence[Instance]) -> None:
    """Check that no two instances of one action of one actor overlap."""
    intervals = defaultdict(list)
    for one in instances:
        intervals[one.track_id, one.class_id].append((one.start, one.end))
    for spans in intervals.values():
        assert all(end < start for (_, end), (start, _) in pairwise(spans))


@dataclass(frozen=True)
class Rule:
    """The options that hold for one class."""

    start_score: float
    end_score: float
    min_duration: float
    merge_gap: float


def expected_intervals(track: Sequence[tuple[int, float]], rule: Rule) -> list[tuple[int, int]]:
    """Return the instances of one action in one whole track, known to its end.

    Args:
        track: Every key frame of the camera in the track's life: stamp in ns and the action's
            score, -1 where the actor was not detected.
        rule: The options.
    """
    left, found = list(track), []
    while left:
        while left and left[0][1] < rule.start_score:
            left.pop(0)
        evidence = [0] if left else []
        for k, (stamp, score) in enumerate(left):
            if k and score >= rule.end_score:
                since = seconds(stamp - left[evidence[-1]][0])
                if k > evidence[-1] + 1 and since > rule.merge_gap:
                    break
                evidence.append(k)
        if evidence:
            start, end = left[0][0], left[evidence[-1]][0]
            if seconds(end - start) >= rule.min_duration:
                found.append((start, end))
            left = left[evidence[-1] + 1 :]
    return found
