"""Find pairs of tracks that are in a relation at a key frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.rules.file.model import Relation
from actloc_ros.rules.relations import (
    CLOSING,
    PairTable,
    post_encroachment,
    radius,
    time_to_collision,
)
from actloc_ros.rules.tracks.track_state import TrackState


@dataclass(frozen=True)
class Pair:
    """Two tracks in a relation.

    Attributes:
        rows: Of both, the lower first.
        values: What was measured, by name with its SI unit.
    """

    rows: tuple[int, int]
    values: dict[str, float]


def find_pairs(
    relation: Relation, state: TrackState, first: np.ndarray, table: PairTable, stamp: int
) -> list[Pair]:
    """Return the pairs that are in a relation.

    Args:
        relation: Which.
        state: Of the camera's tracks.
        first: bool (N,): who fulfils the rule's conditions.
        table: Of the key frame's actors.
        stamp: Of the key frame in ns.
    """
    if relation.type == 'near_miss':
        return _near_misses(relation, state, first, table, stamp)
    key = relation.type, relation.max_distance, relation.with_
    if key not in table.related:  # rules often differ in who the first is alone
        table.related[key] = _related(relation, state, table)
    pairs: dict[tuple[int, int], Pair] = {}
    for index in (table.related[key] & first.take(table.one)).nonzero()[0].tolist():
        rows = _ordered(table, index)
        if rows not in pairs:
            values = {'distance_m': float(table.distance[index])}
            if relation.type == 'approaching':
                values['closing_mps'] = float(table.closing[index])
            pairs[rows] = Pair(rows, values)
    return list(pairs.values())


def _related(relation: Relation, state: TrackState, table: PairTable) -> np.ndarray:
    """Return which pairs are in a relation, bool (P,)."""
    related = _suitable(relation, state, table) & (table.distance <= relation.max_distance)
    if relation.type == 'approaching':
        related &= table.closing >= CLOSING
    return related


def _suitable(relation: Relation, state: TrackState, table: PairTable) -> np.ndarray:
    """Return of which pairs the second is of a kind that is asked for, bool (P,)."""
    kinds = np.array([name in relation.with_ for name in state.table.kind_names], bool)
    return kinds[state.table.kinds[table.other]]


def _near_misses(
    relation: Relation, state: TrackState, first: np.ndarray, table: PairTable, stamp: int
) -> list[Pair]:
    radii = _radii(state)
    reach = radii[table.one] + radii[table.other]
    ttc = time_to_collision(table.apart, table.moving, reach)
    pairs: dict[tuple[int, int], Pair] = {}
    asked = first[table.one] & _suitable(relation, state, table)
    for index in asked.nonzero()[0].tolist():
        rows = _ordered(table, index)
        if rows in pairs:
            continue
        values = {}
        if relation.ttc is not None and ttc[index] <= relation.ttc:
            values['ttc_s'] = float(ttc[index])
        if relation.pet is not None:
            pet = _pet(state, rows, float(reach[index]), relation.pet, stamp)
            if pet <= relation.pet:
                values['pet_s'] = pet
        if values:
            values['distance_m'] = float(table.distance[index])
            pairs[rows] = Pair(rows, values)
    return list(pairs.values())


def _pet(state: TrackState, rows: tuple[int, int], reach: float, limit: float, stamp: int) -> float:
    """Return the least PET of two, whoever of them comes second."""
    best = np.inf
    for second, before in (rows, rows[::-1]):
        path, velocity = state.motion.path(before, stamp, limit)
        heading, point = state.motion.fit.velocity[second], state.metres[second]
        if len(path) and np.isfinite(heading).all():
            now = stamp / NANOSECONDS
            best = min(best, post_encroachment(point, heading, now, path, velocity, reach))
    return best


def _radii(state: TrackState) -> np.ndarray:
    radii = np.array([radius(kind) for kind in state.table.kind_names] or [0.0])
    return radii[state.table.kinds]


def _ordered(table: PairTable, index: int) -> tuple[int, int]:
    one, other = int(table.one[index]), int(table.other[index])
    return (one, other) if one < other else (other, one)
