"""Find pairs of tracks that are in a relation at a key frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.rules.model import Relation
from actloc_ros.rules.relations import (
    CLOSING,
    closing_speed,
    post_encroachment,
    radius,
    time_to_collision,
)
from actloc_ros.rules.track_state import TrackState


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
    relation: Relation, state: TrackState, first: np.ndarray, others: np.ndarray, stamp: int
) -> list[Pair]:
    """Return the pairs that are in a relation.

    Args:
        relation: Which.
        state: Of the camera's tracks.
        first: (A,) rows of those who fulfil the rule's conditions.
        others: (B,) rows of the kinds of `with`.
        stamp: Of the key frame in ns.
    """
    if not len(first) or not len(others):
        return []
    apart = state.metres[others][None] - state.metres[first][:, None]
    distance = np.hypot(apart[..., 0], apart[..., 1])
    known = np.isfinite(distance) & (first[:, None] != others[None])
    if relation.type == 'near_miss':
        return _near_misses(relation, state, first, others, apart, known, stamp)
    good = known & (distance <= relation.max_distance)
    closing = None
    if relation.type == 'approaching':
        velocity = state.motion.fit.velocity
        closing = closing_speed(apart, velocity[others][None] - velocity[first][:, None])
        good &= closing >= CLOSING
    pairs: dict[tuple[int, int], Pair] = {}
    for a, b in zip(*np.nonzero(good), strict=True):
        values = {'distance_m': float(distance[a, b])}
        if closing is not None:
            values['closing_mps'] = float(closing[a, b])
        rows = _ordered(first[a], others[b])
        pairs.setdefault(rows, Pair(rows, values))
    return list(pairs.values())


def _near_misses(
    relation: Relation,
    state: TrackState,
    first: np.ndarray,
    others: np.ndarray,
    apart: np.ndarray,
    known: np.ndarray,
    stamp: int,
) -> list[Pair]:
    velocity, reaches = state.motion.fit.velocity, _reaches(state)
    moving = velocity[others][None] - velocity[first][:, None]
    reach = reaches[first][:, None] + reaches[others][None]
    ttc = np.where(known, time_to_collision(apart, moving, reach), np.inf)
    pairs: dict[tuple[int, int], Pair] = {}
    for a, b in zip(*np.nonzero(known), strict=True):
        rows = _ordered(first[a], others[b])
        if rows in pairs:
            continue
        values = {}
        if relation.ttc is not None and ttc[a, b] <= relation.ttc:
            values['ttc_s'] = float(ttc[a, b])
        if relation.pet is not None:
            pet = _pet(state, rows, float(reach[a, b]), relation.pet, stamp)
            if pet <= relation.pet:
                values['pet_s'] = pet
        if values:
            values['distance_m'] = float(np.hypot(*apart[a, b]))
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


def _reaches(state: TrackState) -> np.ndarray:
    radii = np.array([radius(kind) for kind in state.table.kind_names] or [0.0])
    return radii[state.table.kinds]


def _ordered(one: int, other: int) -> tuple[int, int]:
    return (int(one), int(other)) if one < other else (int(other), int(one))
