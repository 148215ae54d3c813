"""Decide how MoveIt's planning scene follows people: what is added, moved and removed when.

In `moveit_msgs/CollisionObject` ADD replaces an object, MOVE of an unknown id is an error, and
REMOVE without an id removes all objects of everybody. A scene that was reset knows nobody: so
each person is added again each second, and moved in between.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from actloc_ros.frames import nanoseconds

ADD_PERIOD = nanoseconds(1.0)
LYING_HEIGHT = 0.5  # m


class Operation(enum.IntEnum):
    """What is done with an object; the values are those of `moveit_msgs/CollisionObject`."""

    ADD = 0
    REMOVE = 1
    MOVE = 3


class Shape(enum.IntEnum):
    """A primitive; the values are those of `shape_msgs/SolidPrimitive`."""

    SPHERE = 2
    CYLINDER = 3


@dataclass(frozen=True)
class Primitive:
    """One shape of an object.

    Attributes:
        shape: Its kind.
        dimensions: In m: radius of a sphere; height and radius of a cylinder.
        z: Its centre over the object's own, in m.
    """

    shape: Shape
    dimensions: tuple[float, ...]
    z: float = 0.0


@dataclass(frozen=True, eq=False)
class Body:
    """A person as MoveIt is to know it.

    Attributes:
        centre: float64 (3,) in m in the planners' frame.
        height: In m.
        radius: In m.
    """

    centre: np.ndarray
    height: float
    radius: float

    def primitives(self) -> tuple[Primitive, ...]:
        """Return a cylinder between two spheres, as high as the body; one cylinder if it is flat.

        MoveIt has no capsule.
        """
        straight = self.height - 2 * self.radius
        if straight <= 0:
            return (Primitive(Shape.CYLINDER, (self.height, self.radius)),)
        ball = (self.radius,)
        return (
            Primitive(Shape.CYLINDER, (straight, self.radius)),
            Primitive(Shape.SPHERE, ball, straight / 2),
            Primitive(Shape.SPHERE, ball, -straight / 2),
        )


@dataclass(frozen=True, eq=False)
class Change:
    """One message to the planning scene.

    Attributes:
        id: The object's.
        operation: What is done.
        body: Where it is; None where it is removed.
    """

    id: str
    operation: Operation
    body: Body | None = None


@dataclass
class _Known:
    added: int
    primitives: tuple[Primitive, ...]


class SceneFollower:
    """Remembers which people the planning scene has, by id."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def update(self, now: int, bodies: Mapping[str, Body]) -> list[Change]:
        """Return what makes the scene hold `bodies`, by id, at `now` (ns)."""
        gone = [Change(id_, Operation.REMOVE) for id_ in self._known if id_ not in bodies]
        self._known = {id_: known for id_, known in self._known.items() if id_ in bodies}
        return gone + [self._change(now, id_, body) for id_, body in bodies.items()]

    def clear(self) -> list[Change]:
        """Return what removes all people, and nothing else."""
        return self.update(0, {})

    def _change(self, now: int, id_: str, body: Body) -> Change:
        known, primitives = self._known.get(id_), body.primitives()
        # Negative where time has jumped back.
        recent = known is not None and 0 <= now - known.added < ADD_PERIOD
        if known is not None and recent and known.primitives == primitives:
            return Change(id_, Operation.MOVE, body)
        self._known[id_] = _Known(now, primitives)
        return Change(id_, Operation.ADD, body)
