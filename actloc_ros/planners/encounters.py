"""Find the people whose path meets the robot's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.planners.motion import Movers

STEP = 0.1  # s between the times that are compared


@dataclass(frozen=True)
class Robot:
    """Where the robot is and how it moves, in the planners' frame.

    Attributes:
        x: In m.
        y: In m.
        yaw: In rad.
        speed: Forward, in m/s.
        turn: Yaw rate, in rad/s.
    """

    x: float = 0.0
    y: float = 0.0
    yaw: float = 0.0
    speed: float = 0.0
    turn: float = 0.0

    def path(self, times: np.ndarray) -> np.ndarray:
        """Return positions (T, 2) in m at `times` (T,) in s, as it drives now: an arc."""
        angle = self.turn * times
        # sin(a)/a and (1 - cos(a))/a have no value at 0, but a limit.
        along = self.speed * times * np.sinc(angle / np.pi)
        across = self.speed * times * np.sin(angle / 2) * np.sinc(angle / 2 / np.pi)
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        x, y = self.x + cos * along - sin * across, self.y + sin * along + cos * across
        return np.stack([x, y], axis=1)


@dataclass(frozen=True)
class EncounterOptions:
    """When two paths meet.

    Attributes:
        robot_radius: In m, of the disc around `base_frame` that holds the robot.
        horizon: How far ahead to look, in s.
        clearance: Least distance in m between robot and person that is no meeting.
        near: Distance in m within which everybody counts, wherever they go.
    """

    robot_radius: float = 0.3
    horizon: float = 3.0
    clearance: float = 0.5
    near: float = 1.0


@dataclass(frozen=True, eq=False)
class Encounters:
    """What robot and people are to each other.

    Attributes:
        gap: float64 (N,): distance in m from the robot to each person now; 0 or less: contact.
        least_gap: float64 (N,): the least that it is expected to be.
        meets: bool (N,): whether the paths meet.
    """

    gap: np.ndarray
    least_gap: np.ndarray
    meets: np.ndarray

    def nearest(self, count: int) -> list[int]:
        """Return at most `count` of those who meet the robot, the nearest first."""
        order = np.argsort(self.gap, kind='stable')
        return [int(index) for index in order if self.meets[index]][:count]


def encounters(people: Movers, robot: Robot, options: EncounterOptions) -> Encounters:
    """Compare paths: of people, and of the robot as it drives, or if it stops.

    A robot that stands may be walked into, and one that drives may stop: both paths count.
    """
    times = np.arange(0.0, options.horizon + STEP / 2, STEP)
    paths = (robot.path(times), np.repeat([[robot.x, robot.y]], len(times), axis=0))
    gaps = np.stack([_gaps(people, path, times) for path in paths]) - options.robot_radius
    gap, least = gaps[0, :, 0], gaps.min(axis=(0, 2), initial=np.inf)
    return Encounters(gap, least, (least < options.clearance) | (gap < options.near))


def _gaps(people: Movers, path: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the distances (N, T) in m from the path's points to people's discs."""
    places = people.position[:, None] + times[:, None] * people.velocity[:, None]
    radii = people.radius[:, None] + times * people.growth[:, None]
    return np.linalg.norm(places - path, axis=2) - radii
