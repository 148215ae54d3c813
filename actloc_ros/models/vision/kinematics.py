"""Say from an actor's flow and box how it moves: still, left, right, nearer or further."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from actloc_ros.models.vision.optical_flow import FlowField

LABELS = ('still', 'moving_left', 'moving_right', 'approaching', 'receding')
# Where a label is as likely as not, and over which range that turns. Walking across the view is
# about 0.8 heights/s; walking towards the camera from 5 m is about 0.25 /s.
SIDEWAYS, SIDEWAYS_SPREAD = 0.15, 0.035  # body heights/s
CLOSER, CLOSER_SPREAD = 0.12, 0.03  # 1/s: relative growth
SMOOTHING = 0.3  # s over which speeds are averaged
HISTORY = 1.0  # s of heights behind a growth rate
TORSO = (0.25, 0.1, 0.75, 0.6)  # the part of the box that moves as the body does, as shares
TRUNK = (0.3, 0.05, 0.7, 0.75)  # without the legs, whose swing resembles growth


@dataclass
class Kinematics:
    """How one actor moves against the background.

    Attributes:
        sideways: Speed to the right in body heights/s.
        growth: Relative growth of the visible part of the actor in 1/s: above 0 as it comes nearer.
        measured: Time in s over which both were measured.
    """

    sideways: float = 0.0
    growth: float = 0.0
    measured: float = 0.0
    _flow_growth: float = 0.0
    _heights: deque[tuple[float, float]] = field(default_factory=deque)

    def update(self, flow: FlowField, box: np.ndarray, elapsed: float, known: bool) -> None:
        """Take the actor's box (x1, y1, x2, y2) at a key frame `elapsed` s after the one before.

        `known` says whether it is a person's: the height of a moving region grows also as more of
        a body comes to move.
        """
        self.measured += elapsed
        gain = 1 - np.exp(-elapsed / min(SMOOTHING, max(self.measured, elapsed)))
        height = max(float(box[3] - box[1]), 1.0)
        self.sideways += gain * (_torso_speed(flow, box) / height - self.sideways)
        self._flow_growth += gain * (_flow_growth(flow, box) - self._flow_growth)
        slope = self._height_slope(flow, box, height, elapsed) if known else None
        self.growth = self._flow_growth if slope is None else (self._flow_growth + slope) / 2

    def scores(self) -> np.ndarray:
        """Return the probability of each of LABELS, float32 (5,)."""
        side = _logistic((abs(self.sideways) - SIDEWAYS) / SIDEWAYS_SPREAD)
        near = _logistic((abs(self.growth) - CLOSER) / CLOSER_SPREAD)
        left, right = (side, 0.0) if self.sideways < 0 else (0.0, side)
        closer, further = (near, 0.0) if self.growth > 0 else (0.0, near)
        return np.array([(1 - side) * (1 - near), left, right, closer, further], np.float32)

    def _height_slope(
        self, flow: FlowField, box: np.ndarray, height: float, elapsed: float
    ) -> float | None:
        """Return the slope of the logarithm of the box's height in 1/s, less the background's.

        None where the image's border cuts the box, so that its height says nothing, or where too
        little was measured.
        """
        limit = flow.moving.shape[0]
        if box[1] < 1 or box[3] > limit - 1:
            self._heights.clear()
            return None
        zoomed = flow.zoom * elapsed
        self._heights = deque((t - elapsed, h + zoomed) for t, h in self._heights)
        self._heights.append((0.0, np.log(height)))
        while self._heights[0][0] < -HISTORY:
            self._heights.popleft()
        t, h = np.array(self._heights).T
        if len(t) < 3 or t[0] > -HISTORY / 2:
            return None
        return float(np.polyfit(t, h, 1)[0])


def _torso_speed(flow: FlowField, box: np.ndarray) -> float:
    """Return the median speed to the right in px/s in the middle of the box."""
    torso = part(flow.velocity, box, TORSO)[..., 0]
    return float(np.median(torso)) if torso.size else 0.0


def _flow_growth(flow: FlowField, box: np.ndarray) -> float:
    """Return the expansion of the trunk in 1/s along the vertical.

    Not along the horizontal: where someone walks across the view, flow that fades out behind them
    resembles expansion.
    """
    trunk = part(flow.velocity, box, TRUNK)[..., 1]
    if min(trunk.shape) < 2:
        return 0.0
    speed = np.median(trunk, 1)
    y = np.arange(len(speed)) - (len(speed) - 1) / 2
    return float(speed @ y / (y @ y))


def part(image: np.ndarray, box: np.ndarray, part: tuple[float, ...]) -> np.ndarray:
    """Return the pixels of a part of a box, given as shares of it."""
    low = box[:2] + (box[2:] - box[:2]) * part[:2]
    high = box[:2] + (box[2:] - box[:2]) * part[2:]
    x1, y1 = np.maximum(np.floor(low), 0).astype(int)
    x2, y2 = np.maximum(np.ceil(high), 0).astype(int)
    return image[y1:y2, x1:x2]


def _logistic(value: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(value, -50, 50))))
