"""Plan what actors do: chains of actions, alone and in pairs, that fit the place and the view."""

from __future__ import annotations

import math

import numpy as np

from actloc_ros.synth import motions
from actloc_ros.synth.cast import Thing
from actloc_ros.synth.crossing import LANE
from actloc_ros.synth.looks import make_body
from actloc_ros.synth.script import Actor, Hand, Place, Prop, Segment, Spot
from actloc_ros.synth.world import Seat, World

SOLO = {
    'wander': 0.2, 'approach': 0.1, 'leave': 0.06, 'cross': 0.16, 'run': 0.08, 'stand': 0.06,
    'wave': 0.1, 'point': 0.1, 'sit': 0.16, 'fall': 0.06, 'pick_up': 0.09, 'meet': 0.2,
}  # fmt: skip
EVEN = {
    'wander': 0.1, 'approach': 0.05, 'leave': 0.03, 'cross': 0.1, 'run': 0.1, 'stand': 0.03,
    'wave': 0.08, 'point': 0.2, 'sit': 0.22, 'fall': 0.25, 'pick_up': 0.2, 'meet': 0.35,
}  # fmt: skip
"""What is rare in SOLO as often as the rest: to train on."""


class Planner:
    """Plans all actors of one scene together; `chances` say how often they do what."""

    def __init__(
        self,
        rng: np.random.Generator,
        world: World,
        half_view: float,
        seconds: float,
        chances: dict[str, float] = SOLO,
    ) -> None:
        self.rng = rng
        self.kinds = list(chances)
        self.chances = np.array(list(chances.values())) / sum(chances.values())
        self.world = world
        self.half_view = half_view  # tangent of half the horizontal field of view
        self.seconds = seconds
        self.actors: list[Actor] = []
        self.props: list[Prop] = []
        self.holding: dict[int, Prop] = {}
        self.taken: dict[Seat, float] = {}

    def plan(self) -> None:
        """Fill the scene with people until its end."""
        for number in range(1, int(self.rng.integers(2, 5)) + 1):
            actor = Actor(number, make_body(self.rng), motions.make_style(self.rng))
            self.actors.append(actor)
            place = self._free_place()
            self._add(actor, self.rng.uniform(0.3, 1.5), ('standing',), 'stand', place=place)
        while (actor := min(self.actors, key=_free_from)).segments[-1].end < self.seconds:
            getattr(self, f'_{self.rng.choice(self.kinds, p=self.chances)}')(actor)
        for _ in range(int(self.rng.poisson(self.seconds / 15))):
            self._roll()

    # Building segments.

    def _add(
        self,
        actor: Actor,
        duration: float,
        labels: tuple[str, ...],
        motion: str,
        *args: float,
        heading: float | None = None,
        place: Place | None = None,
        shared: bool = False,
        delay: float = 0.0,
    ) -> Segment:
        """Append a motion; `shared` ones take a share 0..1 of the duration instead of seconds."""
        last = actor.segments[-1] if actor.segments else None
        begin = last.finish if last else place
        if heading is None:
            heading = last.heading if last else self._facing(place or (0, 0), 1.2)
        move = getattr(motions, motion)
        scale = 1 / duration if shared else 1.0
        start = last.end if last else 0.0
        segment = Segment(
            start,
            start + duration,
            labels,
            lambda since, share: move(actor.style, since * scale, *args),
            begin or (0, 0),
            place or begin or (0, 0),
            heading,
            delay,
        )
        actor.segments.append(segment)
        return segment

    def _go(self, actor: Actor, place: Place, speed: float) -> None:
        """Walk or run to a place on a straight line."""
        here = actor.segments[-1].finish
        way = math.dist(here, place)
        if way < 0.3:
            return
        heading = math.atan2(place[1] - here[1], place[0] - here[0])
        duration = way / speed + 0.25
        label = 'running' if speed > 2 else 'walking'
        style, leg, start = actor.style, actor.body.leg, actor.segments[-1].end
        stride = motions.stride_length(style, leg, speed)
        way = max(1, round(way / (0.5 * stride))) * 0.5 * stride  # end with the feet together

        def pose(since: float, share: float) -> motions.Pose:
            return motions.walk(style, leg, speed, way * share)

        actor.segments.append(
            Segment(start, start + duration, (label,), pose, here, place, heading)
        )

    # Choosing places.

    def _facing(self, place: Place, spread: float) -> float:
        """Return a heading towards the camera's start, more or less."""
        return math.pi + math.atan2(place[1], place[0]) + float(self.rng.normal(0, spread))

    def _inside(self, near: float, far: float) -> Place:
        x = float(self.rng.uniform(near, max(near + 0.3, min(far, self.world.depth))))
        return x, float(self.rng.uniform(-0.75, 0.75)) * self.half_view * x

    def _is_free(self, place: Place) -> bool:
        return all(math.dist(place, (x, y)) > r for x, y, r in self.world.blocks)

    def _is_clear(self, start: Place, end: Place) -> bool:
        way = np.linspace(start, end, 12)[1:, None]
        blocks = np.array(self.world.blocks).reshape(-1, 3)
        gaps = np.linalg.norm(way - blocks[:, :2], axis=2) - blocks[:, 2]
        return bool((gaps > -0.1).all())

    def _free_place(self, near: float = 2.8, far: float = 8.0) -> Place:
        for _ in range(20):
            place = self._inside(near, far)
            if self._is_free(place):
                break
        return place

    def _reachable(self, actor: Actor, near: float, far: float) -> Place | None:
        here = actor.segments[-1].finish
        for _ in range(15):
            place = self._inside(near, far)
            far_enough = math.dist(here, place) > 1.2 and self._is_free(place)
            if far_enough and self._is_clear(here, place):
                return place
        return None

    # What one actor does.

    def _walk_to(self, actor: Actor, near: float, far: float, speed: float) -> None:
        place = self._reachable(actor, near, far)
        if place is not None:
            self._go(actor, place, speed)

    def _walking_speed(self) -> float:
        return float(self.rng.uniform(0.8, 1.6))

    def _wander(self, actor: Actor) -> None:
        self._walk_to(actor, 2.6, 9.0, self._walking_speed())

    def _approach(self, actor: Actor) -> None:
        self._walk_to(actor, 1.9, 3.2, self._walking_speed())

    def _leave(self, actor: Actor) -> None:
        self._walk_to(actor, 7.0, 11.0, self._walking_speed())

    def _cross(self, actor: Actor) -> None:
        """Walk to the other side of where the camera points at first, at times out of view."""
        speed = self._walking_speed() if self.rng.random() < 0.75 else self._running_speed()
        x, y = actor.segments[-1].finish
        for _ in range(10):
            to_x = x + float(self.rng.uniform(-0.7, 0.7))
            reach = float(self.rng.uniform(0.5, 1.15)) * self.half_view * to_x
            place = (to_x, -math.copysign(max(reach, LANE), y))
            if to_x > 2.2 and self._is_free(place) and self._is_clear((x, y), place):
                self._go(actor, place, speed)
                return

    def _running_speed(self) -> float:
        return float(self.rng.uniform(2.2, 3.3))

    def _run(self, actor: Actor) -> None:
        here = actor.segments[-1].finish
        for _ in range(6):
            place = self._reachable(actor, 2.6, 11.0)
            if place is not None and math.dist(here, place) > 2.5:
                self._go(actor, place, self._running_speed())
                return

    def _stand(self, actor: Actor) -> None:
        heading = self._facing(actor.segments[-1].finish, 1.0)
        duration = float(self.rng.uniform(1.0, 2.5))
        self._add(actor, duration, ('standing',), 'stand', heading=heading)

    def _wave(self, actor: Actor) -> None:
        heading = self._facing(actor.segments[-1].finish, 0.6)
        duration = float(self.rng.uniform(1.5, 3.2))
        motion = 'wave' if self.rng.random() < 0.75 else 'wave_both'
        self._add(actor, duration, ('standing', 'waving'), motion, heading=heading)

    def _point(self, actor: Actor) -> None:
        heading = self._facing(actor.segments[-1].finish, 0.9)
        duration = float(self.rng.uniform(1.3, 2.6))
        aside = float(self.rng.uniform(-0.1, 1.1))
        self._add(actor, duration, ('standing', 'pointing'), 'point', aside, heading=heading)

    def _sit(self, actor: Actor) -> None:
        now = actor.segments[-1].end
        here = actor.segments[-1].finish
        free = [
            seat
            for seat in self.world.seats
            if self.taken.get(seat, 0) <= now and self._is_clear(here, seat.place)
        ]
        if not free:
            return
        seat = free[int(self.rng.integers(len(free)))]
        self._go(actor, seat.place, self._walking_speed())
        self._add(actor, 0.7, ('standing',), 'stand', heading=seat.heading)
        duration = float(self.rng.uniform(1.1, 1.8))
        self._add(actor, duration, ('sitting_down',), 'sit_down', shared=True)
        self._add(actor, float(self.rng.uniform(1.0, 4.0)), ('sitting',), 'seated')
        duration = float(self.rng.uniform(1.1, 1.8))
        self._add(actor, duration, ('standing_up',), 'rise', shared=True)
        self.taken[seat] = actor.segments[-1].end + 2
        self._stand(actor)

    def _fall(self, actor: Actor) -> None:
        angle = math.pi / 2 * int(self.rng.integers(4)) + float(self.rng.normal(0, 0.15))
        way = (math.cos(angle), math.sin(angle))
        duration = float(self.rng.uniform(0.8, 1.3))
        self._add(actor, duration, ('falling',), 'fall', *way, shared=True)
        self._add(actor, float(self.rng.uniform(1.0, 3.0)), ('lying',), 'lie', *way)
        duration = float(self.rng.uniform(1.8, 2.8))
        self._add(actor, duration, ('standing_up',), 'get_up', *way, shared=True)
        self._add(actor, 0.8, ('standing',), 'stand')

    def _pick_up(self, actor: Actor) -> None:
        if actor.number in self.holding:
            return
        last = actor.segments[-1]
        self._add(actor, 0.6, ('standing',), 'stand', heading=last.heading)
        duration = float(self.rng.uniform(1.5, 2.4))
        segment = self._add(actor, duration, ('picking_up',), 'pick_up', shared=True)
        x, y = last.finish
        side = 0.15 if actor.style.hand == motions.LEFT else -0.15
        c, s = math.cos(last.heading), math.sin(last.heading)
        prop = self._make_prop(Spot(x + 0.42 * c - side * s, y + 0.42 * s + side * c, 0.09))
        prop.moments.append((segment.start + 0.5 * duration, Hand(actor.number, actor.style.hand)))
        self.holding[actor.number] = prop

    def _make_prop(self, holder: Spot | Hand, scale: float = 1.0) -> Prop:
        red, green, blue = self.rng.uniform(20, 240, 3)
        thing = Thing(scale * float(self.rng.uniform(0.045, 0.085)), (red, green, blue))
        prop = Prop(thing, scale * float(self.rng.uniform(0.0, 0.14)), [(0.0, holder)])
        self.props.append(prop)
        return prop

    def _roll(self) -> None:
        """Let something that is nobody roll through the view: motion is not always people."""
        x, y = self._inside(2.5, 8.0)
        time = float(self.rng.uniform(0, self.seconds))
        vx, vy = self.rng.normal(0, 0.3), self.rng.choice([-1, 1]) * self.rng.uniform(0.4, 1.6)
        prop = self._make_prop(Spot(0, 0, 0), scale=float(self.rng.uniform(1.5, 4)))
        spot = Spot(x - vx * time, y - vy * time, prop.thing.radius, float(vx), float(vy))
        prop.moments[0] = (0.0, spot)

    # What two actors do.

    def _meet(self, actor: Actor) -> None:
        """Walk up to somebody who stands, and hand something over or push them."""
        now = actor.segments[-1].end
        others = [
            other
            for other in self.actors
            if other is not actor
            and other.segments[-1].end < now + 1.5
            and 2.5 < other.segments[-1].finish[0] < self.world.depth
        ]
        if not others:
            return
        other = others[int(self.rng.integers(len(others)))]
        there, here = other.segments[-1].finish, actor.segments[-1].finish
        if not self._is_clear(here, there) or math.dist(here, there) < 0.5:
            return
        towards = math.atan2(there[1] - here[1], there[0] - here[0])
        gap = 0.78 * actor.body.height / 1.72
        beside = (there[0] - gap * math.cos(towards), there[1] - gap * math.sin(towards))
        self._go(actor, beside, self._walking_speed())
        self._add(actor, 0.5, ('standing',), 'stand', heading=towards)
        wait = actor.segments[-1].end - other.segments[-1].end
        if wait > 0:
            self._add(other, wait, ('standing',), 'stand', heading=towards + math.pi)
        else:
            self._add(actor, 0.01 - wait, ('standing',), 'stand', heading=towards)
            self._add(other, 0.01, ('standing',), 'stand', heading=towards + math.pi)
        if self.rng.random() < 0.5:
            self._push(actor, other, towards)
        else:
            self._hand_over(actor, other)

    def _push(self, actor: Actor, other: Actor, towards: float) -> None:
        duration = float(self.rng.uniform(1.1, 1.6))
        self._add(actor, duration, ('pushing',), 'push', shared=True)
        x, y = other.segments[-1].finish
        back = (x + 0.55 * math.cos(towards), y + 0.55 * math.sin(towards))
        self._add(other, duration, ('standing',), 'stagger', shared=True, place=back, delay=0.42)

    def _hand_over(self, actor: Actor, other: Actor) -> None:
        duration = float(self.rng.uniform(1.6, 2.4))
        giver, taker = (actor, other) if other.number not in self.holding else (other, actor)
        prop = self.holding.pop(giver.number, None)
        if prop is None:
            prop = self._make_prop(Hand(giver.number, giver.style.hand))
        for each in (giver, taker):
            hand = each.style.hand
            self._add(each, duration, ('handing_over',), 'hand_over', hand, shared=True)
        middle = giver.segments[-1].start + duration / 2
        prop.moments.append((middle, Hand(taker.number, taker.style.hand)))
        self.holding.setdefault(taker.number, prop)


def _free_from(actor: Actor) -> float:
    return actor.segments[-1].end
