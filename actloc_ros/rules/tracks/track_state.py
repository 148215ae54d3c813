"""Hold all that is remembered of one camera's actors, and take it on by a key frame."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np

from actloc_ros.frames import nanoseconds
from actloc_ros.rules.areas.lines import LineMemory
from actloc_ros.rules.areas.places import Placer, Places
from actloc_ros.rules.areas.zones import Masks, ZoneMemory
from actloc_ros.rules.compiled import CompiledCamera, CompiledRule
from actloc_ros.rules.evidence import EvidenceMemory
from actloc_ros.rules.file.model import EXIT_INERTIA, Ground
from actloc_ros.rules.relations import PairTable
from actloc_ros.rules.scene import Scene
from actloc_ros.rules.tracks.motion import MotionMemory
from actloc_ros.rules.tracks.sequences import SequenceMemory
from actloc_ros.rules.tracks.track_table import TableUpdate, TrackTable


class TrackState:
    """Rows of actors with their zones, crossings, evidence and motion.

    Attributes:
        table: Who has which row.
        zones: Who is inside what.
        lines: Who has just crossed what.
        evidence: Who does what.
        sequences: Who has done what in order.
        motion: How they move.
        metres: float64 (N, 2): where they were last; NaN where not known.
        masked: bool (N, M): who was last where anchors do not count.
        elsewhere: How many poses came in a frame that is not used.
    """

    def __init__(
        self, compiled: CompiledCamera, ground: Ground | None, moves: bool = False
    ) -> None:
        """Begin; with `moves`, motion is measured whether or not a rule asks for it."""
        self.table = TrackTable(compiled.hold)
        rows = len(self.table)
        self.zones = ZoneMemory(list(compiled.zones.values()), rows)
        self.lines = LineMemory(list(compiled.lines.values()), rows)
        self.evidence = EvidenceMemory(compiled.predicates, rows)
        self.sequences = SequenceMemory(compiled.sequences, nanoseconds(EXIT_INERTIA), rows)
        curved = any(rule.rule.traffic for rule in compiled.rules)
        self.motion = MotionMemory(rows, _longest_path(compiled), curved)
        self.metres = np.full((rows, 2), np.nan)
        self.elsewhere = 0
        self._moves = moves or any(_needs_motion(rule) for rule in compiled.rules)
        self._masks, self.masked = (
            Masks(compiled.masks),
            np.zeros((rows, len(compiled.masks)), bool),
        )
        self._pairs: PairTable | None = None
        self._farthest = _greatest_distance(compiled)
        self._placer = Placer(ground, compiled.frame)

    @property
    def frame(self) -> str:
        """Frame of all metres; empty where none are known yet."""
        return self._placer.frame

    def step(self, scene: Scene) -> TableUpdate:
        """Take a key frame; return what became of the rows."""
        self._pairs = None
        given = chain.from_iterable(actor.box for actor in scene.actors)
        boxes = np.fromiter(given, np.float64, 4 * len(scene.actors)).reshape(-1, 4)
        update = self.table.update(scene, boxes)
        if update.widened:
            self._widen(update.widened)
        for row in update.fresh:
            self._clear(row)
        rows, places = update.rows, self._placer.place(scene, boxes)
        self.elsewhere += places.elsewhere
        self._take(scene, rows, places)
        return update

    def pairs(self, rows: np.ndarray) -> PairTable:
        """Return how the key frame's actors, those of `rows`, lie to each other."""
        if self._pairs is None:
            velocity = self.motion.fit.velocity[rows]
            self._pairs = PairTable(rows, self.metres[rows], velocity, self._farthest)
        return self._pairs

    def _take(self, scene: Scene, rows: np.ndarray, places: Places) -> None:
        self.zones.step(scene.stamp, rows, places, self.table.last_detected)
        self.lines.step(rows, places, scene.width / scene.height)
        self.evidence.step(scene.stamp, rows, scene.actors, self.table.first_detected)
        self.sequences.step(scene.stamp, rows, self.evidence)
        self.metres[rows] = places.metres
        if self.masked.shape[1]:
            self.masked[rows] = self._masks.contain(places)
        if self._moves:
            stamps = [scene.stamp if a.stamp is None else a.stamp for a in scene.actors]
            self.motion.step(scene.stamp, rows, np.array(stamps, np.int64), places.metres)

    def _memories(self) -> list[Any]:
        return [self.zones, self.lines, self.evidence, self.sequences, self.motion]

    def _widen(self, rows: int) -> None:
        for part in self._memories():
            part.widen(rows)
        more = rows - len(self.metres)
        self.metres = np.concatenate([self.metres, np.full((more, 2), np.nan)])
        masks = self.masked.shape[1]
        self.masked = np.concatenate([self.masked, np.zeros((more, masks), bool)])

    def _clear(self, row: int) -> None:
        for part in self._memories():
            part.clear(row)
        self.metres[row], self.masked[row] = np.nan, False


def _needs_motion(rule: CompiledRule) -> bool:
    return bool(rule.rule.relation or rule.rule.traffic or any(part.speed for part in rule.parts))


def _longest_path(compiled: CompiledCamera) -> float:
    """Return for how many seconds paths are asked for."""
    pets = [rule.rule.relation.pet for rule in compiled.rules if rule.rule.relation]
    return max((pet for pet in pets if pet is not None), default=0.0)


def _greatest_distance(compiled: CompiledCamera) -> float:
    """Return the distance in m up to which any rule asks for pairs."""
    relations = (rule.rule.relation for rule in compiled.rules)
    return max(
        (np.inf if r.type == 'near_miss' else r.max_distance for r in relations if r is not None),
        default=0.0,
    )
