"""Keep the last frames of one camera, grey and small, and measure its flow by time."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from actloc_ros.frames import Frame, seconds
from actloc_ros.localizer import ClipInfo
from actloc_ros.models.vision.optical_flow import FlowEstimator, FlowField

AREA = 320 * 240  # px of the image in which motion is analysed
LEAST_SIDE = 48  # px that it must measure at least, or nothing is searched for
INTERVAL = 0.1  # s between the two frames whose flow is measured
# A camera that moves faster or less simply than that over the interval is measured sooner.
MAX_SHIFT = 6.0  # px
MAX_NOISE = 0.7  # px


class MotionView:
    """One camera's newest frame and its flow since a frame about `INTERVAL` s before.

    The interval is in time, so that a faster camera gives the same flow more often, and slow
    motion is distinguished from noise at any rate.

    Attributes:
        full: uint8 (H, W), the newest image in grey.
        grey: uint8 (h, w), the same with at most `AREA` pixels: the analysed image.
        flow: Its motion; None without a frame to compare with, no older than the bridged gap.
        elapsed: Time in s since the frame before; 0 for the first.
        scale: float (4,): multiplies boxes of `grey` to give boxes of the original image.
        clip: The clip behind the flow.
    """

    def __init__(self, bridge_gap: float, restart_gap: float) -> None:
        self.full: np.ndarray = np.zeros((0, 0), np.uint8)
        self.grey: np.ndarray = self.full
        self.flow: FlowField | None = None
        self.elapsed = 0.0
        self.scale = np.ones(4)
        self.clip = ClipInfo(0, 0)
        self._bridge_gap, self._restart_gap = bridge_gap, restart_gap
        self._past: deque[tuple[int, np.ndarray]] = deque()
        self._interval = INTERVAL
        self._estimator = FlowEstimator()

    @property
    def large_enough(self) -> bool:
        """Whether the image is of a size in which anything can be found."""
        return min(self.grey.shape) >= LEAST_SIDE

    def breaks(self, frame: Frame) -> bool:
        """Say whether a frame does not go on from the ones before."""
        if not self._past:
            return False
        gap = seconds(frame.stamp - self._past[-1][0])
        resized = frame.image.shape[:2] != self.full.shape
        return resized or gap <= 0 or gap > self._restart_gap

    def update(self, frame: Frame, actors: np.ndarray) -> None:
        """Take the newest frame; `actors` (N, 4) are boxes of `grey` that may move on their own."""
        self.full = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
        zoom = min(1.0, float(np.sqrt(AREA / self.full.size)))
        size = max(1, round(frame.width * zoom)), max(1, round(frame.height * zoom))
        self.grey = cv2.resize(self.full, size, interpolation=cv2.INTER_AREA)
        self.scale = np.array([frame.width / size[0], frame.height / size[1]] * 2)
        self.elapsed = seconds(frame.stamp - self._past[-1][0]) if self._past else 0.0
        self._measure(frame.stamp, actors)
        self._past.append((frame.stamp, self.grey))

    def _measure(self, stamp: int, actors: np.ndarray) -> None:
        """Measure the flow, and choose over which time it is best measured next."""
        reference = self._reference(stamp)
        if reference is None or not self.large_enough:
            self.flow, self.clip = None, ClipInfo(stamp, stamp, 2, 1)
            return
        before, past = reference
        self.flow = self._estimator.measure(self.grey, past, seconds(stamp - before), actors)
        self.clip = ClipInfo(before, stamp, 2)
        speed = float(np.median(np.abs(self.flow.velocity_in_image).sum(2)))
        noise = self.flow.noise / self.flow.interval
        self._interval = min(INTERVAL, MAX_SHIFT / max(speed, 1e-6), MAX_NOISE / max(noise, 1e-6))

    def _reference(self, stamp: int) -> tuple[int, np.ndarray] | None:
        """Return the past frame whose age is nearest to the interval at which to measure flow."""
        while len(self._past) > 1 and seconds(stamp - self._past[1][0]) >= INTERVAL:
            self._past.popleft()
        usable = [past for past in self._past if seconds(stamp - past[0]) <= self._bridge_gap]
        return min(usable, key=lambda past: self._unfit(stamp - past[0]), default=None)

    def _unfit(self, age: int) -> float:
        return abs(seconds(age) - self._interval)
