"""Find names in a rules file that mean nothing: zones, lines, channels, cameras, labels."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from actloc_ros.alarms.channels import ChannelError, read_channel
from actloc_ros.rules.file.model import Conditions, Ground, Rule, Rules, Traffic, Zone

HANDING_OVER = 'handing_over'


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        path: The keys that lead to it.
        text: What is wrong, and what to do.
    """

    path: tuple[Any, ...]
    text: str

    def __lt__(self, other: Fault) -> bool:
        """Order by place."""
        return [str(p) for p in self.path] < [str(p) for p in other.path]


@dataclass(frozen=True)
class World:
    """What is known of where the rules are used; None where it is not known.

    Attributes:
        labels: Of the model.
        cameras: That there are; the empty name is the single default camera.
        poses: Whether detections come with poses, so that metres are known without `ground`.
    """

    labels: Sequence[str] | None = None
    cameras: Sequence[str] | None = None
    poses: bool | None = None


def name_faults(rules: Rules) -> list[Fault]:
    """Return the faults that show in the file alone."""
    faults = [
        fault
        for name, rule in rules.rules.items()
        for part in (_areas, _channels, _traffic)
        for fault in part(rules, name, rule)
    ]
    faults += [fault for name in rules.notify for fault in _channel(rules, name)]
    for name, rule in rules.enabled.items():
        faults += _frames(rules, name, rule, World())
    return faults


def world_faults(rules: Rules, world: World) -> list[Fault]:
    """Return the faults of the enabled rules, and of all zones, in a world."""
    faults = list(_cameras(rules, world.cameras)) if world.cameras is not None else []
    for name, rule in rules.enabled.items():
        if world.labels is not None:
            faults += _labels(name, rule, world.labels)
        faults += _metres(rules, name, rule, world)
        faults += _frames(rules, name, rule, world)
    return faults


def conditions_of(name: str, rule: Rule) -> Iterator[tuple[tuple[Any, ...], Conditions]]:
    """Yield the rule itself and each of its alternatives, with their paths."""
    yield ('rules', name), rule
    for index, alternative in enumerate(rule.any):
        yield ('rules', name, 'any', index), alternative


def _areas(rules: Rules, name: str, rule: Rule) -> Iterator[Fault]:
    for path, part in conditions_of(name, rule):
        for key, known in (
            ('zones', rules.zones),
            ('zones_not', rules.zones),
            ('lines', rules.lines),
        ):
            yield from _unknown((*path, key), getattr(part, key), known, key.split('_')[0][:-1])
    if rule.traffic:
        path = 'rules', name, 'traffic', 'lines'
        yield from _unknown(path, rule.traffic.lines, rules.lines, 'line')


def _channels(rules: Rules, name: str, rule: Rule) -> Iterator[Fault]:
    yield from _unknown(('rules', name, 'notify'), rule.notify, rules.notify, 'channel of notify')


def _channel(rules: Rules, name: str) -> Iterator[Fault]:
    try:
        read_channel(name, rules.notify[name])
    except ChannelError as error:
        yield Fault(('notify', name), str(error))


def _cameras(rules: Rules, cameras: Sequence[str]) -> Iterator[Fault]:
    named: list[tuple[tuple[Any, ...], Sequence[str]]] = [
        (('ground', n), [n]) for n in rules.ground if n
    ]
    for kind, areas in (('zones', rules.zones), ('lines', rules.lines)):
        for name, area in areas.items():
            named.append(((kind, name, 'camera'), [area.camera] if area.camera else []))
            if area.camera is None and area.frame is None and len(cameras) > 1:
                text = f'it needs camera, as there are {_listing(cameras)}'
                yield Fault((kind, name), text)
    named += [(('rules', name, 'cameras'), rule.cameras) for name, rule in rules.enabled.items()]
    for path, names in named:
        if names and list(cameras) == [''] and path[-1] != 'cameras':
            # One camera without a name: whoever names it in the file must name it there too.
            hint = f'; name the camera by --camera {names[0]}, or leave camera out of the file'
            yield Fault(path, f'there is no camera {names[0]}, but one without a name{hint}')
        else:
            yield from _unknown(path, names, cameras, 'camera')


def _labels(name: str, rule: Rule, labels: Sequence[str]) -> Iterator[Fault]:
    for path, part in conditions_of(name, rule):
        for key in ('actions', 'sequence'):
            yield from _unknown((*path, key), getattr(part, key), labels, 'label of the model')
    if rule.relation and rule.relation.type == HANDING_OVER and HANDING_OVER not in labels:
        text = f'the model has no label {HANDING_OVER}; its labels are {_listing(labels)}'
        yield Fault(('rules', name, 'relation', 'type'), text)


def _metres(rules: Rules, name: str, rule: Rule, world: World) -> Iterator[Fault]:
    """Yield a fault for each key that needs metres where there are none."""
    if world.poses or world.poses is None:
        return
    cameras = rule.cameras or world.cameras or ()
    if rules.ground and (not cameras or any(ground_of(rules, camera) for camera in cameras)):
        return
    what = 'metres are not known: give ground for the camera, or detections with poses'
    for path, part in conditions_of(name, rule):
        if part.speed:
            yield Fault((*path, 'speed'), what)
        for key in ('zones', 'zones_not', 'lines'):
            areas: dict[str, Any] = rules.lines if key == 'lines' else dict(rules.zones)
            for area in getattr(part, key):
                if areas[area].frame is not None:
                    yield Fault((*path, key), f'{area} is in {areas[area].frame}, and {what}')
    for key in ('relation', 'traffic'):
        if getattr(rule, key):
            yield Fault(('rules', name, key), what)


def _frames(rules: Rules, name: str, rule: Rule, world: World) -> Iterator[Fault]:
    """Yield a fault for each area in a frame in which no camera of the rule places its tracks.

    Those with a ground do so in its frame, others in that of the first area in metres.
    """
    areas: list[Any] = [*rules.zones.values(), *rules.lines.values()]
    first = next((area.frame for area in areas if area.frame), None)
    cameras = rule.cameras or world.cameras or (*rules.ground, '')  # or others, without a ground
    grounds = [ground_of(rules, camera) for camera in cameras]
    frames = {first if ground is None else ground.frame for ground in grounds}
    used: list[tuple[tuple[Any, ...], Conditions | Traffic]] = [
        ((*path, key), part) for path, part in conditions_of(name, rule) for key in _AREAS
    ]
    if rule.traffic:
        used.append((('rules', name, 'traffic', 'lines'), rule.traffic))
    for path, part in used:
        known: dict[str, Any] = rules.lines if path[-1] == 'lines' else dict(rules.zones)
        for area in getattr(part, path[-1]):
            frame = known[area].frame if area in known else None
            if frame is not None and frame not in frames:
                there = ' and '.join(sorted(filter(None, frames)))
                yield Fault(path, f'{area} is in {frame}, but tracks are placed in {there}')


_AREAS = ('zones', 'zones_not', 'lines')


def _traffic(rules: Rules, name: str, rule: Rule) -> Iterator[Fault]:
    """Yield a fault for each area of a traffic rule that is not in metres."""
    if rule.traffic is None:
        return
    path = ('rules', name, 'traffic')
    for line in rule.traffic.lines:
        if line in rules.lines and rules.lines[line].frame is None:
            yield Fault((*path, 'lines'), f'{line} must be in metres: give it frame')
    if rule.traffic.type in ('density', 'flow'):
        if not rule.zones:
            yield Fault(path, f'{rule.traffic.type} needs zones')
        for zone in rule.zones:
            if zone in rules.zones and rules.zones[zone].frame is None:
                yield Fault(('rules', name, 'zones'), f'{zone} must be in metres: give it frame')


def ground_of(rules: Rules, camera: str) -> Ground | None:
    """Return the ground of a camera; that without a name is of the only camera."""
    return rules.ground.get(camera, rules.ground.get(''))


def _unknown(
    path: tuple[Any, ...], names: Sequence[str], known: Collection[str], what: str
) -> Iterator[Fault]:
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f' (is {near[0]} meant?)' if near else f'; there are {_listing(known)}'
            yield Fault(path, f'there is no {what} {name}{hint}')


def _listing(names: Collection[str]) -> str:
    shown = sorted(name or '"" (without a name)' for name in names)
    return ', '.join(shown) if shown else 'none'


def applies(area: Zone | Any, camera: str) -> bool:
    """Say whether a zone or line may hold tracks of a camera."""
    return area.frame is not None or area.camera in (None, camera)
