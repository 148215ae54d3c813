"""Say what an alarm is about: who, what, where, how much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from actloc_ros.frames import seconds
from actloc_ros.rules.compiled import CompiledCamera, CompiledConditions, CompiledRule
from actloc_ros.rules.occurrence import Description
from actloc_ros.rules.tracks.track_state import TrackState


class Describer:
    """Describes what the rules of one camera find."""

    def __init__(
        self, compiled: CompiledCamera, state: TrackState, first_columns: Sequence[int]
    ) -> None:
        """Begin; `first_columns` are those of the rules' first ways, the others follow."""
        self._compiled, self._state = compiled, state
        self._zone_names, self._line_names = list(compiled.zones), list(compiled.lines)
        self._stamp, self._columns = 0, np.zeros((0, 0), bool)
        self._versions: np.ndarray | None = None
        names = [rule.name for rule in compiled.rules]
        self._first = dict(zip(names, first_columns, strict=True))
        self._masks = self._all_masks()
        self._mask_of = dict(zip(names, self._masks, strict=True))

    @property
    def words(self) -> int:
        """How many numbers a version of one actor has."""
        return self._masks.shape[1]

    def begin(self, stamp: int, columns: np.ndarray) -> None:
        """Begin a key frame; `columns` says who fulfils which conditions, bool (N, C)."""
        self._stamp, self._columns, self._versions = stamp, columns, None

    def version(self, rule: CompiledRule, rows: list[int]) -> bytes:
        """Return another value where what a rule says of actors may have changed."""
        versions = self._all_versions().take(rows, axis=0)
        return (versions & self._mask_of[rule.name]).tobytes()

    def versions(self, rows: np.ndarray, rules: np.ndarray) -> np.ndarray:
        """Return likewise uint64 (M, words) of M rows of one actor and indices of rules."""
        return self._all_versions().take(rows, axis=0) & self._masks.take(rules, axis=0)

    def _all_versions(self) -> np.ndarray:
        """Return all that a description depends on, uint64 (N, words)."""
        if self._versions is None:
            self._versions = _packed(self._state.table.ids, self._state_bits())
        return self._versions

    def _state_bits(self) -> np.ndarray:
        """Return what a description depends on beside the track, bool (N, bits)."""
        state, found = self._state, self._state.evidence.found
        parts = [state.zones.inside, state.evidence.supported, state.sequences.holds]
        parts += [state.lines.crossed != 0, found.reshape(len(found), -1)]
        return np.concatenate(parts, axis=1)

    def _all_masks(self) -> np.ndarray:
        """Return the bits that matter to each rule, uint64 (R, words), as `_state_bits`."""
        rules = self._compiled.rules
        bits = np.zeros((len(rules), self._state_bits().shape[1]), bool)
        for row, rule in enumerate(rules):
            bits[row] = self._mask(rule)
        return _packed(np.full(len(rules), -1), bits)

    def _mask(self, rule: CompiledRule) -> np.ndarray:
        """Return which bits matter to a rule."""
        zones, predicates, sequences, lines = (
            np.zeros(count, bool)
            for count in (
                len(self._compiled.zones),
                len(self._compiled.predicates),
                len(self._compiled.sequences),
                len(self._compiled.lines),
            )
        )
        zones[rule.zones] = lines[rule.lines] = True
        for part in rule.parts:
            predicates[[p for p in (part.predicate,) if p >= 0]] = True
            sequences[[s for s in (part.sequence,) if s >= 0]] = True
        found = np.tile(predicates, self._state.evidence.found.shape[1])
        return np.concatenate([zones, predicates, sequences, lines, found])

    def began(self, rule: CompiledRule, row: int, since: int) -> int:
        """Return the stamp of the first evidence of what has held for an actor since a stamp."""
        first = self._first[rule.name]
        always = self._begins(rule.always, row)
        ways = [
            self._begins(part, row)
            for column, part in enumerate(rule.any, first)
            if self._columns[row, column]
        ]
        begins = [max(always + way) for way in ways or [[]] if always or way]
        return min([since, *begins])

    def _begins(self, part: CompiledConditions, row: int) -> list[int]:
        """Return since when each condition that lasts has held."""
        state, begins = self._state, []
        if part.predicate >= 0:
            begins.append(int(state.evidence.began[row, part.predicate]))
        if part.sequence >= 0:
            begins.append(int(state.sequences.began[row, part.sequence]))
        if part.zones is not None:
            entries = [int(state.zones.since[row, z]) for z in part.zones]
            begins += [min(entry for entry in entries if entry >= 0)] if max(entries) >= 0 else []
        return begins

    def of_row(self, rule: CompiledRule, row: int, since: int) -> Description:
        """Return what is said of one actor who has fulfilled a rule since a stamp."""
        values = {}
        if rule.rule.dwell:
            values['dwell_s'] = seconds(self._stamp - since)
        speed = float(self._state.motion.fit.speed[row])
        if rule.rule.speed or any(part.speed for part in rule.any):
            values |= {'speed_mps': speed} if np.isfinite(speed) else {}
        return self.of_rows(rule, [row], values)

    def of_rows(
        self, rule: CompiledRule, rows: Iterable[int], values: Mapping[str, float]
    ) -> Description:
        """Return what is said of some actors, in order of their tracks."""
        state = self._state
        ordered = sorted(rows, key=lambda row: int(state.table.ids[row]))
        labels: dict[str, None] = {}
        scores = []
        for row in ordered:
            for part in rule.parts:
                found, predicate = self._evidence(part, row)
                labels |= dict.fromkeys(found)
                if predicate >= 0:
                    scores.append(state.evidence.score(row, predicate))
        zones = [z for z in rule.zones if any(state.zones.inside[row, z] for row in ordered)]
        lines = [n for n in rule.lines if any(state.lines.crossed[row, n] for row in ordered)]
        ids = tuple(int(state.table.ids[row]) for row in ordered)
        return Description(
            track_ids=ids,
            labels=tuple(labels),
            zones=tuple(self._zone_names[z] for z in zones),
            lines=tuple(self._line_names[n] for n in lines),
            score=sum(scores) / len(scores) if scores else 1.0,
            values=dict(values),
            boxes={i: _box(state.table.boxes[row]) for i, row in zip(ids, ordered, strict=True)},
        )

    def _evidence(self, part: CompiledConditions, row: int) -> tuple[tuple[str, ...], int]:
        """Return the actions of an actor that conditions ask for, and whose score counts for them.

        Returns:
            Labels, and the index of a predicate; -1 where it does none of them.
        """
        state = self._state
        if part.sequence >= 0 and state.sequences.holds[row, part.sequence]:
            steps, _ = self._compiled.sequences[part.sequence]
            return tuple(state.evidence.predicates[step].labels[0] for step in steps), steps[-1]
        if part.predicate >= 0 and state.evidence.supported[row, part.predicate]:
            return state.evidence.labels_found(row, part.predicate), part.predicate
        return (), -1


def _box(box: np.ndarray) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box.tolist()
    return x1, y1, x2, y2


def _packed(ids: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Return uint64 (N, words): ids (N,), and bits (N, B) packed."""
    packed = np.packbits(bits, axis=1)
    words = np.zeros((len(ids), 1 + -(-packed.shape[1] // 8)), np.uint64)
    words[:, 0] = ids.view(np.uint64)
    words.view(np.uint8)[:, 8 : 8 + packed.shape[1]] = packed
    return words
