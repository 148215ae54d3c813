"""Turn the action scores of tracks into action instances that start, go on and end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum

import numpy as np

from actloc_ros.frames import nanoseconds

END_SHARE = 0.8  # of the start score, where no end score is given


class InstanceState(IntEnum):
    """The state of an action instance, as in the message `ActionDetection`."""

    UNKNOWN = 0
    STARTED = 1
    ONGOING = 2
    ENDED = 3


@dataclass(frozen=True)
class LabelOptions:
    """What differs for one label; None takes the value for all labels.

    Attributes are those of `InstanceOptions`.
    """

    start_score: float | None = None
    end_score: float | None = None
    min_duration: float | None = None
    merge_gap: float | None = None


@dataclass(frozen=True)
class InstanceOptions:
    """When an action counts as one instance.

    Attributes:
        start_score: Score in [0, 1] from which evidence begins; None takes the localizer's
            threshold.
        end_score: Score in [0, 1], at most `start_score`, down to which evidence goes on; None
            takes 0.8 of `start_score`.
        min_duration: Time in s from first to last evidence from which it makes an instance.
        merge_gap: Longest time in s without evidence within one instance.
        overrides: What differs, by label.
    """

    start_score: float | None = None
    end_score: float | None = None
    min_duration: float = 0.2
    merge_gap: float = 0.5
    overrides: Mapping[str, LabelOptions] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_ranges('', self)
        for label, options in self.overrides.items():
            _check_ranges(f' of {label!r}', options)


def parse_overrides(texts: Sequence[str]) -> dict[str, LabelOptions]:
    """Return the overrides that `LABEL:KEY=VALUE,KEY=VALUE` texts say; empty texts say none.

    Raises:
        ValueError: A text of another form, an unknown key or a value that is no number.
    """
    return dict(_parse_override(text) for text in texts if text.strip())


@dataclass(frozen=True, eq=False)
class TrackedActor:
    """One actor who was detected at a key frame, with the track that this continues.

    Attributes:
        track_id: From 1; the same actor keeps it.
        box: float32 (4,): x1, y1, x2, y2 in pixels of the original image.
        score: In [0, 1], that the box holds an actor.
        actions: float32 (C,) in [0, 1]: that the actor does each action.
        first_stamp: When the track began, in ns.
        joints: float32 (K, 3), see `Detections.joints`; None without.
        whole_view: Whether this is no actor but the whole view, see `Detections.whole_view`.
    """

    track_id: int
    box: np.ndarray
    score: float
    actions: np.ndarray
    first_stamp: int
    joints: np.ndarray | None = None
    whole_view: bool = False


@dataclass(frozen=True, eq=False)
class InstanceUpdate:
    """One action of one actor at one key frame: what a message holds, without space.

    Attributes:
        track_id: The actor, from 1.
        instance_id: The instance, from 1; 0 while UNKNOWN.
        state: Of the instance.
        class_id: The action; -1 while UNKNOWN.
        box: x1, y1, x2, y2 in pixels of the original image; the last one, where the actor is not
            detected at this key frame.
        box_score: In [0, 1], that the box holds an actor.
        start: Stamp of the first evidence in ns; of the actor's first detection while UNKNOWN.
        end: Stamp of the last evidence in ns; of the actor's last detection while UNKNOWN.
        scores: float32 (C,) in [0, 1]: the last score of every action.
        detected: Whether the actor is detected at this key frame; if not, the state is ENDED.
        joints: float32 (K, 3), the actor's at this key frame, see `Detections.joints`; None
            without, and where the state is ENDED.
        whole_view: Whether this is no actor's but the whole view's, see `Detections.whole_view`.
    """

    track_id: int
    instance_id: int
    state: InstanceState
    class_id: int
    box: tuple[float, float, float, float]
    box_score: float
    start: int
    end: int
    scores: np.ndarray
    detected: bool = True
    joints: np.ndarray | None = None
    whole_view: bool = False


class InstanceTracker:
    """Follows the action instances of one camera's actors.

    Evidence of an action is a score of at least `start_score`, or of at least `end_score` while
    earlier evidence lies no more than `merge_gap` back. Evidence without longer gaps is one run; a
    gap counts only where a key frame lies in it, since a camera's pause says nothing. A run is an
    instance once it has lasted `min_duration`: STARTED then, with the run's first evidence as
    `start`; ONGOING at every further key frame with the actor, also where it holds no
    evidence and `end` stays; ENDED when `merge_gap` has passed or the actor is lost, with the
    last evidence as `end`. An actor without an open instance gives one UNKNOWN action.

    Instance ids are never used twice.
    """

    def __init__(
        self, options: InstanceOptions | None, labels: Sequence[str], threshold: float
    ) -> None:
        self._labels, self._threshold = tuple(labels), threshold
        self._actors: dict[int, _ActorState] = {}
        self._newest_id = 0
        self._previous: int | None = None
        self.configure(options or InstanceOptions())

    def configure(self, options: InstanceOptions) -> None:
        """Use other options from now on; what is open stays open.

        Raises:
            ValueError: An override of an unknown label, or an end score above its start score.
        """
        self._rules = _Thresholds.of(options, self._labels, self._threshold)

    def update(
        self, stamp: int, actors: Sequence[TrackedActor], lost: Sequence[int] = ()
    ) -> tuple[InstanceUpdate, ...]:
        """Return what the actors of one key frame do.

        Args:
            stamp: Of the key frame in ns, later than the one before.
            actors: Those who were detected.
            lost: Ids of tracks that were given up: their instances end first, in this order.
        """
        actions = [
            action
            for track_id in lost
            if track_id in self._actors
            for action in self._end_all(self._actors.pop(track_id))
        ]
        detected = {actor.track_id: actor for actor in actors}
        for track_id in sorted(self._actors.keys() | detected.keys()):
            if track_id in detected:
                actions += self._continue(stamp, detected[track_id])
            else:
                actions += self._end_passed(stamp, self._actors[track_id], scores=None)
        self._previous = stamp
        return tuple(actions)

    def flush(self) -> tuple[InstanceUpdate, ...]:
        """End all that is open, with its last evidence, and forget all actors."""
        ended = [a for _, state in sorted(self._actors.items()) for a in self._end_all(state)]
        self._actors.clear()
        self._previous = None
        return tuple(ended)

    def _continue(self, stamp: int, actor: TrackedActor) -> list[InstanceUpdate]:
        state = self._actors.setdefault(actor.track_id, _ActorState(actor))
        state.actor = actor
        actions = self._end_passed(stamp, state, actor.actions)
        for class_id in self._rules.evidence(actor.actions, state.runs):
            state.runs.setdefault(class_id, _Evidence(stamp, stamp)).end = stamp
        for class_id, run in sorted(state.runs.items()):
            if run.instance_id:
                actions.append(_action(actor, class_id, run, InstanceState.ONGOING))
            elif run.end - run.start >= self._rules.min_duration[class_id]:
                self._newest_id += 1
                run.instance_id = self._newest_id
                actions.append(_action(actor, class_id, run, InstanceState.STARTED))
        return actions or [_unknown(actor, stamp)]

    def _end_passed(
        self, stamp: int, state: _ActorState, scores: np.ndarray | None
    ) -> list[InstanceUpdate]:
        """Close the runs whose merge gap has passed; of these, return the instances.

        Args:
            stamp: Of the key frame.
            state: Of one actor.
            scores: The actor's; None where it is not detected.
        """
        kept = set() if scores is None else self._rules.kept(scores, state.runs)
        actions = []
        for class_id, run in sorted(state.runs.items()):
            unbroken = class_id in kept and run.end == self._previous
            if not unbroken and stamp - run.end > self._rules.merge_gap[class_id]:
                del state.runs[class_id]
                if run.instance_id:
                    detected = scores is not None
                    actions.append(
                        _action(state.actor, class_id, run, InstanceState.ENDED, detected)
                    )
        return actions

    def _end_all(self, state: _ActorState) -> list[InstanceUpdate]:
        return [
            _action(state.actor, class_id, run, InstanceState.ENDED, detected=False)
            for class_id, run in sorted(state.runs.items())
            if run.instance_id
        ]


@dataclass
class _Evidence:
    """Evidence of one action without gaps; an instance if it has an id."""

    start: int
    end: int
    instance_id: int = 0


@dataclass
class _ActorState:
    """An actor as last detected, and the runs by class id."""

    actor: TrackedActor
    runs: dict[int, _Evidence] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Thresholds:
    """The options, resolved for each class; durations in ns."""

    start_score: np.ndarray
    end_score: list[float]
    min_duration: list[int]
    merge_gap: list[int]

    @classmethod
    def of(cls, options: InstanceOptions, labels: Sequence[str], threshold: float) -> _Thresholds:
        unknown = sorted(set(options.overrides) - set(labels))
        if unknown:
            raise ValueError(f'no such label: {unknown[0]!r}; labels are {", ".join(labels)}')
        rows = [_resolve(label, options, threshold) for label in labels]
        # As precise as the scores, so that a score of 0.7 reaches a threshold of 0.7.
        return cls(
            np.array([start for start, *_ in rows], np.float32),
            np.array([end for _, end, *_ in rows], np.float32).tolist(),
            [nanoseconds(duration) for *_, duration, _ in rows],
            [nanoseconds(gap) for *_, gap in rows],
        )

    def evidence(self, scores: np.ndarray, runs: Mapping[int, _Evidence]) -> list[int]:
        """Return the class ids for which `scores` are evidence, given the runs there are."""
        begun = np.flatnonzero(scores >= self.start_score).tolist()
        return sorted({*begun, *self.kept(scores, runs)})

    def kept(self, scores: np.ndarray, runs: Mapping[int, _Evidence]) -> set[int]:
        """Return the class ids of the runs that `scores` carry on."""
        if not runs:
            return set()
        values = scores.tolist()
        return {class_id for class_id in runs if values[class_id] >= self.end_score[class_id]}


def _resolve(
    label: str, options: InstanceOptions, threshold: float
) -> tuple[float, float, float, float]:
    own = options.overrides.get(label, LabelOptions())
    given = {f.name: getattr(own, f.name) for f in fields(own)}
    merged = replace(options, **{k: v for k, v in given.items() if v is not None})
    start = threshold if merged.start_score is None else merged.start_score
    end = END_SHARE * start if merged.end_score is None else merged.end_score
    if end > start:
        raise ValueError(f'end_score {end} of {label!r} is above its start_score {start}')
    return start, end, merged.min_duration, merged.merge_gap


def _check_ranges(whose: str, options: InstanceOptions | LabelOptions) -> None:
    for name in ('start_score', 'end_score'):
        value = getattr(options, name)
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f'{name}{whose} is {value}; it must be from 0 to 1')
    for name in ('min_duration', 'merge_gap'):
        value = getattr(options, name)
        if value is not None and not (value >= 0 and math.isfinite(value)):
            raise ValueError(f'{name}{whose} is {value} s; it must be 0 s or more')


def _parse_override(text: str) -> tuple[str, LabelOptions]:
    label, colon, settings = text.rpartition(':')  # a label may hold a colon itself
    keys = [f.name for f in fields(LabelOptions)]
    values = {}
    for setting in settings.split(','):
        key, equals, value = (part.strip() for part in setting.partition('='))
        if not (colon and equals and key in keys):
            raise ValueError(
                f'override {text!r} is not LABEL:KEY=VALUE,KEY=VALUE with keys {", ".join(keys)}'
            )
        try:
            values[key] = float(value)
        except ValueError:
            raise ValueError(f'override {text!r}: {value!r} is not a number') from None
    return label.strip(), LabelOptions(**values)


def _action(
    actor: TrackedActor, class_id: int, run: _Evidence, state: InstanceState, detected: bool = True
) -> InstanceUpdate:
    return _describe(actor, run.instance_id, state, class_id, run.start, run.end, detected)


def _unknown(actor: TrackedActor, stamp: int) -> InstanceUpdate:
    return _describe(actor, 0, InstanceState.UNKNOWN, -1, actor.first_stamp, stamp, True)


def _describe(
    actor: TrackedActor,
    instance_id: int,
    state: InstanceState,
    class_id: int,
    start: int,
    end: int,
    detected: bool,
) -> InstanceUpdate:
    x1, y1, x2, y2 = (float(value) for value in actor.box)
    return InstanceUpdate(
        track_id=actor.track_id,
        instance_id=instance_id,
        state=state,
        class_id=class_id,
        box=(x1, y1, x2, y2),
        box_score=actor.score,
        start=start,
        end=end,
        scores=actor.actions,
        detected=detected,
        joints=None if state is InstanceState.ENDED else actor.joints,
        whole_view=actor.whole_view,
    )
