"""Turn the rules that concern one camera into indices of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from actloc_ros.frames import nanoseconds
from actloc_ros.rules.areas.lines import DIRECTIONS
from actloc_ros.rules.evidence import Predicate
from actloc_ros.rules.file.model import (
    EVIDENCE_DURATION,
    EXIT_INERTIA,
    HOLD,
    Conditions,
    Line,
    Rule,
    Rules,
    Zone,
)
from actloc_ros.rules.file.names import HANDING_OVER, applies
from actloc_ros.rules.scene import PERSON


@dataclass(frozen=True)
class CompiledConditions:
    """What one track must fulfil, in indices.

    Attributes:
        kinds: Of the track; empty for any.
        zones: Indices of zones; the track is in one of them. None: no such condition.
        zones_not: Indices of zones; the track is in none of them.
        crossings: Index of a line and the directions that count; the track crosses one of them.
        predicate: Index of the evidence; -1 without.
        sequence: Index of the sequence; -1 without.
        speed: Least and greatest speed in m/s; None without.
        masks: Indices of masks; the track is in none of them.
    """

    kinds: tuple[str, ...]
    zones: tuple[int, ...] | None
    zones_not: tuple[int, ...]
    crossings: tuple[tuple[int, tuple[int, ...]], ...]
    predicate: int
    sequence: int
    speed: tuple[float, float] | None
    masks: tuple[int, ...]


@dataclass(frozen=True)
class CompiledRule:
    """One rule of a camera.

    Attributes:
        name: Its name.
        rule: What the file says.
        always: Conditions that must hold.
        any: Of these one must hold; none if there are no alternatives.
        gap: Time in ns for which conditions may fail within one dwell.
        hold: Time in ns for which an unseen track fulfils what it did.
        evidence: Time in ns over which what is no action must hold: counts and relations.
    """

    name: str
    rule: Rule
    always: CompiledConditions
    any: tuple[CompiledConditions, ...]
    gap: int
    hold: int
    evidence: int

    @cached_property
    def parts(self) -> tuple[CompiledConditions, ...]:
        """All conditions, whether they must hold or may."""
        return (self.always, *self.any)

    @cached_property
    def zones(self) -> list[int]:
        """Indices of the zones to be in, in order."""
        return sorted({zone for part in self.parts for zone in part.zones or ()})

    @cached_property
    def lines(self) -> list[int]:
        """Indices of the lines to cross, in order."""
        return sorted({line for part in self.parts for line, _ in part.crossings})

    @property
    def ways(self) -> list[tuple[CompiledConditions, ...]]:
        """Each way to fulfil the rule: conditions that must hold together."""
        return [(self.always, part) for part in self.any] or [(self.always,)]


@dataclass
class CompiledCamera:
    """All that concerns one camera.

    Attributes:
        rules: In the order of the file.
        zones: By name, in the order of indices.
        lines: Likewise.
        predicates: The evidence that is asked for, each once.
        sequences: Predicates in order, and the time within which they must come in ns.
        masks: Polygons as flat lists.
    """

    rules: list[CompiledRule] = field(default_factory=list)
    zones: dict[str, Zone] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    predicates: list[Predicate] = field(default_factory=list)
    sequences: list[tuple[tuple[int, ...], int]] = field(default_factory=list)
    masks: list[tuple[float, ...]] = field(default_factory=list)

    @property
    def hold(self) -> int:
        """Longest time in ns for which an unseen track counts."""
        holds = [rule.hold for rule in self.rules]
        holds += [nanoseconds(zone.hold) for zone in self.zones.values()]
        return max(holds, default=nanoseconds(HOLD))

    @property
    def frame(self) -> str:
        """Frame of the zones and lines in m; empty where there are none."""
        areas: list[Zone | Line] = [*self.zones.values(), *self.lines.values()]
        return next((area.frame for area in areas if area.frame), '')


def compile_camera(rules: Rules, camera: str) -> CompiledCamera:
    """Return what concerns a camera: rules that name it or none, with the zones that it has.

    A rule that is over zones or lines of other cameras alone is left out.
    """
    compiled = CompiledCamera()
    compiled.zones = {n: z for n, z in rules.zones.items() if applies(z, camera)}
    compiled.lines = {n: line for n, line in rules.lines.items() if applies(line, camera)}
    for name, rule in rules.enabled.items():
        if not rule.cameras or camera in rule.cameras:
            part = _rule(compiled, name, rule)
            if part is not None:
                compiled.rules.append(part)
    return compiled


def _rule(compiled: CompiledCamera, name: str, rule: Rule) -> CompiledRule | None:
    alternatives = [a for a in rule.any if _is_here(compiled, a)]
    lines = rule.traffic.lines if rule.traffic else ()
    elsewhere = lines and not any(line in compiled.lines for line in lines)
    if elsewhere or not _is_here(compiled, rule) or (rule.any and not alternatives):
        return None
    masks = tuple(range(len(compiled.masks), len(compiled.masks) + len(rule.mask)))
    compiled.masks += rule.mask
    kinds = rule.objects
    if kinds is None:
        kinds = () if rule.traffic else (PERSON,)
    always = _conditions(compiled, rule, rule, kinds, masks)
    parts = tuple(_conditions(compiled, rule, each, (), ()) for each in alternatives)
    named = [
        compiled.zones[n]
        for part in (rule, *alternatives)
        for n in part.zones
        if n in compiled.zones
    ]
    duration = rule.min_duration
    if duration is None:
        duration = 0.0 if rule.count is None and rule.relation is None else EVIDENCE_DURATION
        duration = 0.0 if rule.relation and rule.relation.type == 'near_miss' else duration
    return CompiledRule(
        name,
        rule,
        always,
        parts,
        nanoseconds(max((z.exit_inertia for z in named), default=EXIT_INERTIA)),
        nanoseconds(max((z.hold for z in named), default=HOLD)),
        nanoseconds(duration),
    )


def _is_here(compiled: CompiledCamera, part: Conditions) -> bool:
    """Say whether the camera has any of the zones and lines that are needed."""
    return all(
        not names or any(name in known for name in names)
        for names, known in ((part.zones, compiled.zones), (part.lines, compiled.lines))
    )


def _conditions(
    compiled: CompiledCamera,
    rule: Rule,
    part: Conditions,
    kinds: Sequence[str],
    masks: tuple[int, ...],
) -> CompiledConditions:
    zones, lines = list(compiled.zones), list(compiled.lines)

    def number(key: str) -> float | None:
        """Return the alternative's own number, else the rule's."""
        return getattr(part if key in part.model_fields_set else rule, key)

    duration = number('min_duration')
    score, share, within = number('min_score'), number('min_fraction'), number('within')
    assert score is not None
    assert share is not None
    assert within is not None
    length = nanoseconds(EVIDENCE_DURATION if duration is None else duration)
    actions = part.actions
    if part is rule and rule.relation and rule.relation.type == HANDING_OVER and not actions:
        actions = (HANDING_OVER,)
    predicate, sequence = -1, -1
    if actions:
        predicate = _index(compiled.predicates, Predicate(actions, score, length, share))
    if part.sequence:
        steps = tuple(
            _index(compiled.predicates, Predicate((label,), score, length, share))
            for label in part.sequence
        )
        sequence = _index(compiled.sequences, (steps, nanoseconds(within)))
    low, high = (part.speed.min, part.speed.max) if part.speed else (None, None)
    return CompiledConditions(
        tuple(part.objects or kinds),
        tuple(zones.index(n) for n in part.zones if n in zones) if part.zones else None,
        tuple(zones.index(n) for n in part.zones_not if n in zones),
        tuple(
            (lines.index(n), DIRECTIONS[compiled.lines[n].direction])
            for n in part.lines
            if n in lines
        ),
        predicate,
        sequence,
        (low or 0.0, float('inf') if high is None else high) if part.speed else None,
        masks,
    )


def _index(known: list, value: object) -> int:
    """Return the index of a value in a list, to which it is added where it is new."""
    if value not in known:
        known.append(value)
    return known.index(value)
