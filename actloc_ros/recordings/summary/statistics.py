"""Count who did what, how often, for how long, when first and when last."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.recordings.summary.clock import Clock
from actloc_ros.recordings.summary.interest import Events
from actloc_ros.recordings.summary.tables import AlarmSpan, Tables
from actloc_ros.recordings.summary.unusual import Periods, Unusual, find_periods, find_unusual

MOST_ACTORS, MOST_ALARMS = 20, 50  # that are listed one by one


@dataclass(frozen=True)
class LabelSummary:
    """All instances of a label.

    Attributes:
        label: Its name.
        count: How many instances.
        actors: How many tracks.
        total: Duration of all in s, as far as recorded.
        median: Of their durations in s.
        longest: Of their durations in s.
        first: View and stamp in ns of the first one's start.
        last: View and stamp in ns of the last one's start.
    """

    label: str
    count: int
    actors: int
    total: float
    median: float
    longest: float
    first: tuple[int, int]
    last: tuple[int, int]


@dataclass(frozen=True)
class ActorSummary:
    """What one track did.

    Attributes:
        view: The camera of a recording.
        track: Its number there.
        start: Stamp in ns of its first action.
        end: Stamp in ns of its last action's end.
        actions: Label, count and total duration in s; the rarest in all footage first.
    """

    view: int
    track: int
    start: int
    end: int
    actions: tuple[tuple[str, int, float], ...]


@dataclass(frozen=True, eq=False)
class Summary:
    """What happened in recordings.

    Attributes:
        tables: What is summed up.
        labels: By falling count.
        actors: Those whose actions are of most interest, by view and start.
        actors_in_all: How many tracks did something.
        alarms: The most severe, by start.
        periods: Days, or recordings.
        unusual: Against the days before.
    """

    tables: Tables
    labels: tuple[LabelSummary, ...]
    actors: tuple[ActorSummary, ...]
    actors_in_all: int
    alarms: tuple[AlarmSpan, ...]
    periods: Periods
    unusual: tuple[Unusual, ...]


def sum_up(tables: Tables, events: Events, clock: Clock) -> Summary:
    """Return what happened; `events` are those of `tables`, and `clock` says where days begin."""
    periods = find_periods(tables, clock)
    keys, owner = _tracks(tables)
    severe = sorted(tables.alarms, key=lambda a: (a.severity != 'alert', a.start))[:MOST_ALARMS]
    return Summary(
        tables,
        tuple(sorted(_labels(tables), key=lambda each: (-each.count, each.label))),
        _actors(tables, events, keys, owner),
        len(keys),
        tuple(sorted(severe, key=lambda a: (a.start, a.view))),
        periods,
        tuple(find_unusual(tables, periods)),
    )


def _tracks(tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """Return the tracks (view, track) as int64 (T, 2), and which of them each instance is of."""
    found = tables.instances
    pairs = np.stack([found.view, found.track], axis=1).astype(np.int64)
    keys, owner = np.unique(pairs, axis=0, return_inverse=True)
    return keys, owner.reshape(-1)


def _labels(tables: Tables) -> list[LabelSummary]:
    found = tables.instances
    lasted = (found.end - found.start) / NANOSECONDS
    summaries = []
    for label in np.unique(found.label).tolist():
        rows = np.flatnonzero(found.label == label)
        first, last = rows[np.argmin(found.start[rows])], rows[np.argmax(found.start[rows])]
        tracks = np.unique(found.view[rows].astype(np.int64) << 32 | found.track[rows])
        summaries.append(
            LabelSummary(
                tables.labels[label],
                len(rows),
                len(tracks),
                float(lasted[rows].sum()),
                float(np.median(lasted[rows])),
                float(lasted[rows].max()),
                (int(found.view[first]), int(found.start[first])),
                (int(found.view[last]), int(found.start[last])),
            )
        )
    return summaries


def _actors(
    tables: Tables, events: Events, keys: np.ndarray, owner: np.ndarray
) -> tuple[ActorSummary, ...]:
    """Return the actors of most interest: by the sum of the interest of each label's best."""
    found = tables.instances
    interest = np.zeros(len(found))
    own = events.row >= 0
    interest[events.row[own]] = events.interest[own]
    pair = owner.astype(np.int64) * max(1, len(tables.labels)) + found.label
    pairs, inverse = np.unique(pair, return_inverse=True)
    best = np.zeros(len(pairs))
    np.maximum.at(best, inverse, interest)
    worth = np.bincount(pairs // max(1, len(tables.labels)), weights=best, minlength=len(keys))
    top = np.argsort(-worth, kind='stable')[:MOST_ACTORS]
    counts = np.bincount(found.label, minlength=len(tables.labels))
    rows: dict[int, list[int]] = {int(each): [] for each in top}
    for row in np.flatnonzero(np.isin(owner, top)).tolist():
        rows[int(owner[row])].append(row)
    actors = [_actor(tables, keys[each], rows[int(each)], counts) for each in top]
    return tuple(sorted(actors, key=lambda actor: (actor.view, actor.start)))


def _actor(tables: Tables, key: np.ndarray, rows: list[int], counts: np.ndarray) -> ActorSummary:
    found = tables.instances
    done: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        done[int(found.label[row])].append(float(found.end[row] - found.start[row]) / NANOSECONDS)
    actions = [
        (tables.labels[label], len(lasted), sum(lasted))
        for label, lasted in sorted(done.items(), key=lambda item: (counts[item[0]], item[0]))
    ]
    return ActorSummary(
        int(key[0]),
        int(key[1]),
        int(found.start[rows].min()),
        int(found.end[rows].max()),
        tuple(actions),
    )


def summary_json(summary: Summary, clock: Clock) -> dict[str, Any]:
    """Return a summary as JSON's values: times in s of their recording, dates as ISO 8601."""
    tables = summary.tables
    return {
        'model': tables.model,
        'recordings': len({view.path for view in tables.views.values()}),
        'cameras': [_camera(summary, view, clock) for view in tables.views],
        'duration': round(tables.duration, 3),
        'instances': len(tables.instances),
        'actors': summary.actors_in_all,
        'labels': [
            {
                'label': each.label,
                'count': each.count,
                'actors': each.actors,
                'total': round(each.total, 3),
                'median': round(each.median, 3),
                'longest': round(each.longest, 3),
                'first': place_json(tables, *each.first, clock),
                'last': place_json(tables, *each.last, clock),
            }
            for each in summary.labels
        ],
        'most_interesting_actors': [
            place_json(tables, each.view, each.start, clock)
            | {
                'track': each.track,
                'end': round((each.end - tables.views[each.view].origin) / NANOSECONDS, 3),
                'actions': [
                    {'label': label, 'count': count, 'total': round(total, 3)}
                    for label, count, total in each.actions
                ],
            }
            for each in summary.actors
        ],
        'alarms': len(tables.alarms),
        'most_severe_alarms': [
            place_json(tables, each.view, each.start, clock)
            | {'rule': each.rule, 'severity': each.severity, 'tracks': list(each.tracks)}
            for each in summary.alarms
        ],
        'periods': [
            {'name': name, 'hours': round(float(hours), 4)}
            for name, hours in zip(summary.periods.names, summary.periods.hours, strict=True)
        ],
        'unusual': [
            {
                'kind': each.kind,
                'period': each.period,
                'label': each.label,
                'value': round(each.value, 3),
                'usual': round(each.usual, 3),
                'probability': each.probability,
            }
            for each in summary.unusual
        ],
    }


def place_json(tables: Tables, view: int, stamp: int, clock: Clock) -> dict[str, Any]:
    """Return where and when something began."""
    footage = tables.views[view]
    where: dict[str, Any] = {
        'recording': str(footage.path),
        'camera': footage.camera,
        'start': round((stamp - footage.origin) / NANOSECONDS, 3),
    }
    if footage.wall_clock:
        where['time'] = clock.moment(stamp).isoformat(timespec='milliseconds')
    return where


def _camera(summary: Summary, view: int, clock: Clock) -> dict[str, Any]:
    footage = summary.tables.views[view]
    return place_json(summary.tables, view, footage.start, clock) | {
        'duration': round((footage.end - footage.start) / NANOSECONDS, 3),
        'frames': footage.frames,
        'broken': footage.broken,
        'instances': int((summary.tables.instances.view == view).sum()),
    }
