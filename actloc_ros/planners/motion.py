"""Predict where people will be, from where they are, how fast they move and what they do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from actloc_ros.frames import seconds
from actloc_ros.planners.people import Person

WALKING_SPEED = 1.3  # m/s: of adults who walk freely
RUNNING_SPEED = 3.0  # m/s
NOISE_SPEED = 0.5  # m/s: below it, who sits or lies does not move, whatever is measured
HIGHEST_SPEED = 4.0  # m/s: what is measured to be faster is no person's
CORNERS = 12  # of the polygon that stands for a disc


@dataclass(frozen=True)
class ActionGroups:
    """What actions mean for how people move.

    Attributes:
        still: Who does this stays where he is.
        walk: Who does this may be anywhere within a walk, while no velocity is known.
        run: The same with a run.
        lie: Who does this takes `lying_radius`.
    """

    still: Collection[str] = ()
    walk: Collection[str] = ()
    run: Collection[str] = ()
    lie: Collection[str] = ()


@dataclass(frozen=True)
class BodySize:
    """How much room a person takes.

    Attributes:
        radius: Of who is upright, in m.
        lying_radius: Of who lies, in m.
        height: In m.
        floor: z of the floor in the planners' frame, in m.
    """

    radius: float = 0.35
    lying_radius: float = 0.9
    height: float = 1.8
    floor: float = 0.0


@dataclass(frozen=True, eq=False)
class Movers:
    """People as discs that move.

    Attributes:
        people: Who they are.
        position: float64 (N, 2): at the time of the prediction, in m.
        velocity: float64 (N, 2): in m/s.
        radius: float64 (N,): in m.
        growth: float64 (N,): m/s by which the radius grows, since the direction is not known.
    """

    people: Sequence[Person] = ()
    position: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    velocity: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    radius: np.ndarray = field(default_factory=lambda: np.zeros(0))
    growth: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return len(self.people)

    def at(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Return positions (N, 2) and radii (N,) in m, `time` s later."""
        return self.position + time * self.velocity, self.radius + time * self.growth


def movers(people: Sequence[Person], now: int, actions: ActionGroups, body: BodySize) -> Movers:
    """Return people as they are expected to be at `now` (ns).

    Position and velocity come first: a label only stills what is slower than noise, and says how
    far somebody may come whose velocity is not known yet.
    """
    if not people:
        return Movers()
    ages = np.array([max(0.0, seconds(now - person.stamp)) for person in people])
    velocity = np.array([expected_velocity(person, actions) for person in people])
    growth = np.array([_growth(person, actions) for person in people])
    position = np.array([person.position[:2] for person in people]) + ages[:, None] * velocity
    lying = [not person.labels.isdisjoint(actions.lie) for person in people]
    radius = np.where(lying, body.lying_radius, body.radius) + ages * growth
    return Movers(tuple(people), position, velocity, radius, growth)


def expected_velocity(person: Person, actions: ActionGroups) -> np.ndarray:
    """Return the velocity (2,) in m/s with which somebody is expected to go on."""
    if person.velocity is None:
        return np.zeros(2)
    velocity = np.asarray(person.velocity[:2], np.float64)
    speed = float(np.hypot(*velocity))
    still = not person.labels.isdisjoint(actions.still)
    if not np.isfinite(speed) or (still and speed < NOISE_SPEED):
        return np.zeros(2)
    return velocity * min(1.0, HIGHEST_SPEED / max(speed, 1e-9))


def _growth(person: Person, actions: ActionGroups) -> float:
    if person.velocity is not None:
        return 0.0
    if not person.labels.isdisjoint(actions.run):
        return RUNNING_SPEED
    return 0.0 if person.labels.isdisjoint(actions.walk) else WALKING_SPEED


def swept_polygon(people: Movers, index: int, time: float) -> np.ndarray:
    """Return the convex hull (M, 2), in m, of where somebody is now and in `time` s.

    Consumers do not move what they get: collision_monitor lets the robot run into points that
    stand still. So the prediction has to be in the polygon.
    """
    (now, then), (small, large) = _ends(people, index, time)
    discs = np.concatenate([now + small * _unit_circle(), then + large * _unit_circle()])
    return cv2.convexHull(discs.astype(np.float32))[:, 0].astype(np.float64)


def _ends(people: Movers, index: int, time: float) -> tuple[np.ndarray, np.ndarray]:
    position, radius = people.at(time)
    return (
        np.stack([people.position[index], position[index]]),
        np.array([people.radius[index], radius[index]]),
    )


def _unit_circle() -> np.ndarray:
    """Return corners (CORNERS, 2) of a polygon around the unit circle: none of it is outside."""
    angles = np.arange(CORNERS) * 2 * np.pi / CORNERS
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) / np.cos(np.pi / CORNERS)
