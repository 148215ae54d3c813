"""Hold what each actor does when: chained segments of motion along the ground, with labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.synth.body import Body, place_joints
from actloc_ros.synth.cast import Thing
from actloc_ros.synth.motions import Pose, Style, smooth

LABELS = (
    'standing',
    'walking',
    'running',
    'waving',
    'pointing',
    'sitting_down',
    'sitting',
    'standing_up',
    'falling',
    'lying',
    'picking_up',
    'pushing',
    'handing_over',
    'crossing',
)
BLEND = 0.3  # seconds in which one motion passes into the next
TURN = 0.6  # seconds for a turn on the spot

Place = tuple[float, float]


@dataclass(frozen=True)
class Action:
    """One action by one actor over stamps start <= stamp < end, ns."""

    label: str
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Segment:
    """One motion for some time.

    Attributes:
        start: Seconds.
        end: Seconds.
        labels: What is being done, each an index-free name of LABELS.
        pose: Gives the pose for seconds since the start and the share of the way.
        begin: Where the feet are at the start, metres.
        finish: Where they are at the end.
        heading: Radians at the end; turned to within TURN.
        delay: Share of the time before the feet move.
    """

    start: float
    end: float
    labels: tuple[str, ...]
    pose: Callable[[float, float], Pose]
    begin: Place
    finish: Place
    heading: float
    delay: float = 0.0

    def share(self, time: float) -> float:
        """Return how far along its way the actor is, 0..1: nearly constant speed, soft ends."""
        u = min(max((time - self.start) / (self.end - self.start), 0.0), 1.0)
        u = max(0.0, (u - self.delay) / (1 - self.delay))
        soft = min(0.45, 0.25 / (self.end - self.start))
        return (_ramp(u, soft) - _ramp(0, soft)) / (_ramp(1, soft) - _ramp(0, soft))

    def place(self, time: float) -> Place:
        """Return where the feet are, metres."""
        share = self.share(time)
        (x1, y1), (x2, y2) = self.begin, self.finish
        return x1 + share * (x2 - x1), y1 + share * (y2 - y1)


def _ramp(u: float, soft: float) -> float:
    """Integrate a speed that rises over `soft`, stays, and falls over `soft`."""
    if u < soft:
        return u * u / (2 * soft)
    if u <= 1 - soft:
        return u - soft / 2
    return 1 - soft - (1 - u) ** 2 / (2 * soft)


@dataclass(eq=False)
class Actor:
    """One person and all that they do.

    Attributes:
        number: From 1.
        body: Measures and appearance.
        style: Manner of moving.
        segments: In order of time, without gaps.
        extra: Actions that segments do not carry, in ns.
    """

    number: int
    body: Body
    style: Style
    segments: list[Segment] = field(default_factory=list)
    extra: list[Action] = field(default_factory=list)
    _cursor: int = 0

    def _at(self, time: float) -> int:
        """Return the index of the segment at a time; asking in order of time is cheap."""
        index = self._cursor
        while index > 0 and time < self.segments[index].start:
            index -= 1
        while index + 1 < len(self.segments) and time >= self.segments[index].end:
            index += 1
        self._cursor = index
        return index

    def joints(self, time: float) -> np.ndarray:
        """Return the skeleton's world points at a time in seconds."""
        index = self._at(time)
        segment = self.segments[index]
        since = time - segment.start
        pose, heading = segment.pose(since, segment.share(time)), segment.heading
        if index > 0 and since < max(BLEND, TURN):
            before = self.segments[index - 1]
            if since < BLEND:
                old = before.pose(before.end - before.start, 1.0)
                pose = old + smooth(since / BLEND) * (pose - old)
            heading = turned(before.heading, heading, smooth(since / TURN))
        return place_joints(self.body, pose, segment.place(time), heading)

    def velocity(self, time: float, instant: float) -> Place:
        """Return m/s over the ground, measured over an instant in seconds."""
        segment = self.segments[self._at(time)]
        (x1, y1), (x2, y2) = segment.place(time - instant), segment.place(time)
        return (x2 - x1) / instant, (y2 - y1) / instant

    def actions(self) -> list[Action]:
        """Return all actions in order of start; equal ones without a gap are one."""
        pieces = [
            Action(label, to_ns(segment.start), to_ns(segment.end))
            for segment in self.segments
            for label in segment.labels
        ]
        merged: dict[str, list[Action]] = {}
        for piece in sorted(pieces + self.extra, key=lambda piece: piece.start):
            row = merged.setdefault(piece.label, [])
            if row and row[-1].end == piece.start:
                row[-1] = Action(piece.label, row[-1].start, piece.end)
            else:
                row.append(piece)
        return sorted(
            (action for row in merged.values() for action in row),
            key=lambda action: (action.start, action.label),
        )


def to_ns(seconds: float) -> int:
    """Return integer nanoseconds."""
    return round(seconds * NANOSECONDS)


def turned(start: float, end: float, share: float) -> float:
    """Return the heading a share of the shorter way between two."""
    way = (end - start + math.pi) % (2 * math.pi) - math.pi
    return start + share * way


@dataclass(eq=False)
class Prop:
    """A thing that lies or rolls, and is carried by hands.

    Attributes:
        thing: Girth and colour.
        length: Metres.
        moments: (seconds from which, holder), in order; a holder is a spot on the ground
            or an actor's hand.
    """

    thing: Thing
    length: float
    moments: list[tuple[float, Spot | Hand]]

    def holder(self, time: float) -> Spot | Hand:
        """Return who or what has it at a time."""
        current = self.moments[0][1]
        for since, holder in self.moments:
            if since <= time:
                current = holder
        return current


@dataclass(frozen=True)
class Spot:
    """A point in the world at time 0, metres, and how fast it moves, m/s."""

    x: float
    y: float
    z: float
    vx: float = 0.0
    vy: float = 0.0

    def at(self, time: float) -> tuple[float, float, float]:
        """Return where it is at a time in seconds."""
        return self.x + time * self.vx, self.y + time * self.vy, self.z


@dataclass(frozen=True)
class Hand:
    """A hand (0 left, 1 right) of an actor."""

    actor: int
    side: int
