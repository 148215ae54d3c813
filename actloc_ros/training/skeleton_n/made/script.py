"""Write down what one made person does, frame by frame: poses, places and labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from actloc_ros.synth import motions
from actloc_ros.synth.body import POSE_SIZE, Angle
from actloc_ros.synth.looks import make_body
from actloc_ros.training.skeleton_n.bodies import join_motions, pose_joints
from actloc_ros.training.skeleton_n.labels import INDEX, LABELS, NO, UNKNOWN, YES
from actloc_ros.training.skeleton_n.motion_data import Motion

RATE = 30.0
EDGE = 3  # frames on both sides of a change in which a label is not known
# Ways to fall, as often as they stand here, and the one that only validation has.
FALLS = ('tip', 'tip', 'collapse', 'knees', 'sit', 'hands', 'hands')
HELD_FALLS = ('slip',)

Pose = np.ndarray
T = TypeVar('T')


class Script:
    """One person's poses, places and labels, frame by frame.

    Args:
        rng: Draws the body and all that is done.
        falls: The kinds of falls to choose from.
    """

    def __init__(self, rng: np.random.Generator, falls: Sequence[str] = FALLS) -> None:
        self.rng = rng
        self.falls = falls
        self.body = make_body(rng)
        self.style = motions.make_style(rng)
        self.poses: list[Pose] = [motions.stand(self.style, 0.0)]
        self.places: list[tuple[float, float]] = [(0.0, 0.0)]
        self.headings = [0.0]
        self.rows: list[np.ndarray] = [_row(('standing',))]

    def uniform(self, low: float, high: float) -> float:
        """Draw a number."""
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        """Draw yes or no."""
        return bool(self.rng.random() < share)

    def choice(self, options: Sequence[T]) -> T:
        """Draw one of several."""
        return options[int(self.rng.integers(len(options)))]

    def hold(
        self,
        pose_at: Callable[[float], Pose],
        seconds: float,
        yes: Sequence[str],
        maybe: Sequence[str] = (),
        blend: float = 0.35,
    ) -> None:
        """Do what a function of seconds says, passing over from the present pose."""
        before, row = self.poses[-1], _row(yes, maybe)
        for index in range(1, max(1, round(seconds * RATE)) + 1):
            share = motions.smooth(index / RATE / blend)
            pose = pose_at(index / RATE)
            self._add(before + share * (pose - before), row)

    def move(
        self,
        pose: Pose,
        seconds: float,
        yes: Sequence[str],
        maybe: Sequence[str] = (),
        ease: Callable[[float], float] = motions.smooth,
        lag: float = 0.15,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Go to a pose; each angle lags by up to a share of the time.

        Args:
            pose: (25,).
            seconds: Duration.
            yes: Labels that are true meanwhile.
            maybe: Labels that may be.
            ease: From share of the time to share of the way.
            lag: Largest share of the time by which an angle starts late.
            shift: Metres that the feet go, forwards and to the left.
        """
        before, row = self.poses[-1], _row(yes, maybe)
        (x, y), count = self.places[-1], max(2, round(seconds * RATE))
        late = self.rng.uniform(0, lag, POSE_SIZE)
        late[[Angle.PITCH, Angle.ROLL, Angle.LIFT, Angle.STRIDE]] = 0
        c, s = math.cos(self.headings[-1]), math.sin(self.headings[-1])
        for index in range(1, count + 1):
            u = index / count
            share = np.array([ease(min(max((u - d) / (1 - d), 0), 1)) for d in late.tolist()])
            way = motions.smooth(u)
            self.places.append(
                (x + way * (c * shift[0] - s * shift[1]), y + way * (s * shift[0] + c * shift[1]))
            )
            self.poses.append(before + share * (pose - before))
            self.headings.append(self.headings[-1])
            self.rows.append(row)

    def walk(self, seconds: float, speed: float, turn: float = 0.0) -> None:
        """Walk, or run from 2 m/s on, along a bend of so many radians."""
        count = round(seconds * RATE)
        before, row = self.poses[-1], _row(('running' if speed > 2 else 'walking',))
        for index in range(1, count + 1):
            ramp = min(1.0, index / RATE / 0.4)
            way = speed * max(0.0, index / RATE - 0.2) if ramp >= 1 else 0.5 * speed * ramp**2 * 0.4
            pose = motions.walk(self.style, self.body.leg, speed, way)
            heading = self.headings[-1] + turn / count
            x, y = self.places[-1]
            step = speed * ramp / RATE
            self.poses.append(before + motions.smooth(index / RATE / 0.4) * (pose - before))
            self.places.append((x + step * math.cos(heading), y + step * math.sin(heading)))
            self.headings.append(heading)
            self.rows.append(row)

    def _add(self, pose: Pose, row: np.ndarray) -> None:
        self.poses.append(pose)
        self.places.append(self.places[-1])
        self.headings.append(self.headings[-1])
        self.rows.append(row)

    def motion(self, name: str, before: np.ndarray | None = None) -> Motion:
        """Return what was done, after a captured upright motion (T, 17, 3) if one is given."""
        places, headings = np.array(self.places), np.array(self.headings)
        joints = pose_joints(self.body, np.array(self.poses), places, headings)
        targets = soften(np.array(self.rows), EDGE)
        if before is not None:
            joints = join_motions(before, joints, round(0.4 * RATE))
            unknown = np.full((len(before), len(LABELS)), UNKNOWN, np.uint8)
            unknown[:, [INDEX[each] for each in ('falling', 'lying', 'sitting')]] = NO
            targets = np.concatenate([unknown, targets])
        return Motion(name, 'made', 'scripts', RATE, joints, targets)


def _row(yes: Sequence[str], maybe: Sequence[str] = ()) -> np.ndarray:
    row = np.full(len(LABELS), NO, np.uint8)
    row[[INDEX[label] for label in maybe]] = UNKNOWN
    row[[INDEX[label] for label in yes]] = YES
    row[INDEX['crossing']] = UNKNOWN
    return row


def soften(targets: np.ndarray, edge: int) -> np.ndarray:
    """Return targets (T, C) in which labels are not known near where they begin and end."""
    softened = targets.copy()
    for label in range(targets.shape[1]):
        for change in np.flatnonzero(np.diff(targets[:, label].astype(int))):
            softened[max(0, change + 1 - edge) : change + 1 + edge, label] = UNKNOWN
    return softened
