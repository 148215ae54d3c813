"""Say how much each instance and each alarm is worth seeing: rare, severe, new."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.recordings.summary.tables import Tables

COMMON = 0.05  # what a label keeps that is all there is
NOVELTY = 0.35  # share of an instance's interest that it loses in time
SEVERITY = {'alert': 1.0, 'detection': 0.5}  # of an alarm
ALARM_GROUP = 'alarm'


@dataclass(frozen=True, eq=False)
class Events:
    """Instances and alarms as one list: columns of N rows, sorted by view and start.

    Attributes:
        view: int32.
        start: int64, stamp in ns.
        end: int64, stamp in ns.
        kind: int32: what it is: the label; alarms have numbers behind the labels, one a rule.
        kinds: Names of the kinds.
        interest: float64 in [0, 1].
        row: int64, of `Tables.instances`; for alarms −1 − its place in `Tables.alarms`.
    """

    view: np.ndarray
    start: np.ndarray
    end: np.ndarray
    kind: np.ndarray
    kinds: tuple[str, ...]
    interest: np.ndarray
    row: np.ndarray

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.view)


def find_events(tables: Tables) -> Events:
    """Return all that happened, each with its interest in [0, 1].

    Of an instance it is score · (0.05 + 0.95 · rarity²) · (0.65 + 0.35 · novelty): a rare label
    counts as much as it is believed, and what is common is of little interest, also where it is the
    first of a day. Of an alarm it is 0.5 + 0.5 · severity, which puts alarms before instances.
    """
    found = tables.instances
    fresh = 1 - NOVELTY + NOVELTY * novelty(tables)
    rare = COMMON + (1 - COMMON) * rarity(found.label) ** 2
    interest = found.score.astype(np.float64) * rare * fresh
    rules = sorted({alarm.rule for alarm in tables.alarms})
    first = len(tables.labels)
    alarm_kind = [first + rules.index(alarm.rule) for alarm in tables.alarms]
    worth = [0.5 + 0.5 * SEVERITY.get(alarm.severity, 0.5) for alarm in tables.alarms]
    view = np.r_[found.view, [a.view for a in tables.alarms]].astype(np.int32)
    start = np.r_[found.start, np.array([a.start for a in tables.alarms], np.int64)]
    end = np.r_[found.end, np.array([a.end for a in tables.alarms], np.int64)]
    kind = np.r_[found.label, alarm_kind].astype(np.int32)
    row = np.r_[np.arange(len(found)), -1 - np.arange(len(tables.alarms))].astype(np.int64)
    order = np.lexsort((row, start, view))
    return Events(
        view[order],
        start[order],
        end[order],
        kind[order],
        (*tables.labels, *(f'{ALARM_GROUP} {rule}' for rule in rules)),
        np.r_[interest, worth][order],
        row[order],
    )


def rarity(labels: np.ndarray) -> np.ndarray:
    """Return how rare each instance's label is: float64 (N,), from 0 to 1.

    It is log((N + 1) / (n + 1)) / log((N + 1) / 2), where n of N instances have the label: 1 of a
    label that occurs once, 0 of one that is all there is.
    """
    count = len(labels)
    if count < 2:
        return np.ones(count)
    same = np.bincount(labels)[labels]
    return np.log((count + 1) / (same + 1)) / np.log((count + 1) / 2)


def novelty(tables: Tables) -> np.ndarray:
    """Return how new each instance is: float64 (N,), 1 / (1 + k).

    k instances before it have the same label at the same camera. Cameras without a name are one
    for each recording, and time counts within it.
    """
    found = tables.instances
    names = {view: (f.camera or str(f.path)) for view, f in tables.views.items()}
    numbers = {name: index for index, name in enumerate(sorted(set(names.values())))}
    place = np.array([numbers[names[view]] for view in found.view.tolist()], np.int64)
    group = place * (len(tables.labels) + 1) + found.label
    order = np.lexsort((found.start, group))
    ranked = group[order]
    first = np.r_[True, ranked[1:] != ranked[:-1]] if len(ranked) else np.zeros(0, bool)
    begins = np.maximum.accumulate(np.where(first, np.arange(len(ranked)), 0))
    before = np.empty(len(ranked), np.int64)
    before[order] = np.arange(len(ranked)) - begins
    return 1 / (1 + before)
