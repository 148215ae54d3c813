"""Locate actors in space, by the depth image that belongs to the key frame."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from actloc_ros.frames import nanoseconds
from actloc_ros.io.conversions import FrameError, depth_to_metres
from actloc_ros.messages import stamp_of
from actloc_ros.pipeline import FrameResult
from actloc_ros.projection import ActorPose, Intrinsics, VelocityEstimator, locate
from actloc_ros.ros.common.subscription import MatchedSubscription
from actloc_ros.ros.localizer_node.camera_input import camera_topic
from actloc_ros.stamped_buffer import BufferLimits, Match, StampedBuffer, StampHistory

QUEUE = 30  # messages that may wait for the executor: each belongs to an image
SILENCE = 1.0  # s at least that results ask for depth images in vain, after which none waits
NEWEST = 30  # actors by which a fault is reported as lasting
ADVICE = {
    'no depth image came in time': 'raise depth.patience, or find out why depth comes late',
    'no depth image is near its stamp': 'depth images must have the stamps of their images',
    'no camera_info': 'publish camera_info beside depth',
    'no depth image comes': 'publish depth, or set depth.enabled to false',
}


@dataclass
class PoseCounters:
    """What became of the poses of one camera's actors since it was opened.

    Attributes:
        placed: Actors with a pose.
        approximate: Of these, those by a depth image of another stamp.
        untransformed: Of these, those whose pose stayed in the camera's frame.
        missing: Actors without a pose, by reason.
        broken: Messages that could not be used, by reason.
    """

    placed: int = 0
    approximate: int = 0
    untransformed: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    newest: deque[str] = field(default_factory=lambda: deque(maxlen=NEWEST))

    def place(self, approximate: bool) -> None:
        """Count an actor with a pose."""
        self.placed += 1
        self.approximate += approximate
        self.newest.append('')

    def miss(self, actors: int, reason: str) -> None:
        """Count actors without a pose."""
        self.missing[reason] += actors
        self.newest.extend([reason] * actors)

    def fault(self) -> str:
        """Return why most of the newest actors have no pose, and what to do; empty if they have."""
        reasons = Counter(list(self.newest))
        reason, count = next(iter(reasons.most_common(1)), ('', 0))
        if not reason or 2 * count <= sum(reasons.values()):
            return ''
        advice = f': {ADVICE[reason]}' if reason in ADVICE else ''
        return f'actors have no pose, since {reason}{advice}'


class DepthInput:
    """The depth images and the calibration of one camera.

    Attributes:
        counters: What became of poses.
    """

    def __init__(
        self,
        node: Node,
        camera: str,
        images: StampHistory,
        lossless: bool,
        limits: BufferLimits,
        warn: Callable[[str, str], None],
    ) -> None:
        """Subscribe.

        Args:
            node: Whose executor takes the messages.
            camera: The camera's name.
            images: The stamps of its images.
            lossless: Keep every depth image until its image is processed.
            limits: What else is kept.
            warn: Takes a kind and a text of what is wrong.
        """
        self.counters = PoseCounters()
        self._camera = camera
        self._warn = warn
        self._lossless, self._open, self._dead = lossless, False, False
        kept = None if lossless else limits
        self._images: StampedBuffer[Image] = StampedBuffer(images, kept)
        self._infos: StampedBuffer[Intrinsics] = StampedBuffer(images, limits)
        self._asked: float | None = None  # when a result first asked since a depth image came
        self._velocities: dict[str, VelocityEstimator] = {}
        MatchedSubscription(node, Image, camera_topic(camera, 'depth'), self._keep, lossless, QUEUE)
        MatchedSubscription(
            node, CameraInfo, camera_topic(camera, 'camera_info'), self._calibrate, depth=QUEUE
        )

    def open(self) -> None:
        """Keep what comes from now on, and count from zero."""
        self.clear()
        self.counters = PoseCounters()
        self._images.late = self._images.evicted = 0
        self._asked = None
        self._open = True

    def close(self) -> None:
        """Discard what comes from now on; what was kept is for results that still wait."""
        self._open = False

    def clear(self) -> None:
        """Discard what was kept."""
        self._images.clear()
        self._velocities = {}

    def settled(self, step: FrameResult, tolerance: float, patience: float) -> bool:
        """Return whether messages that are still to come do not matter for the poses of `step`.

        They do not where results have asked in vain for more than a second and `patience` (s).
        """
        now = time.monotonic()
        asked = self._asked = self._asked or now
        self._dead = not self._lossless and now - asked > max(SILENCE, patience)
        if self._dead:
            return True
        return bool(self._infos) and self._match(step, tolerance).settled

    def has_depth(self, step: FrameResult, tolerance: float) -> bool:
        """Return whether there is a depth image for `step`."""
        return self._match(step, tolerance).item is not None

    def poses(self, step: FrameResult, tolerance: float) -> dict[int, ActorPose]:
        """Return the poses of the actors detected in `step`, by track id, in the optical frame.

        Args:
            step: What the pipeline found.
            tolerance: Longest time in s between the stamps of the image and its depth.
        """
        actors = {a.track_id: a.box for a in step.actions if a.detected and not a.whole_view}
        match = self._match(step, tolerance)
        intrinsics = self._infos.latest(step.stamp)
        reason = self._why_not(step, match, intrinsics)
        if reason or match.item is None or intrinsics is None:
            self.counters.miss(len(actors), reason)
            self._warn(f'{self._camera} depth', f'actors{self._of()} have no pose: {reason}')
            return {}
        self._images.forget(step.stamp)
        try:
            depth = depth_to_metres(match.item)
        except FrameError as error:
            self.counters.miss(len(actors), f'the depth image is broken ({error.kind})')
            self._warn(f'{self._camera} {error.kind}', f'depth image{self._of()}: {error}')
            return {}
        size = (step.width, step.height)
        joints = {each.track_id: each.joints for each in step.actions if each.joints is not None}
        found = {
            track_id: locate(box, size, depth, intrinsics, step.frame_id, joints.get(track_id))
            for track_id, box in actors.items()
        }
        for pose in found.values():
            if pose is None:
                self.counters.miss(1, 'too little depth is known in its box')
            else:
                self.counters.place(approximate=match.offset != 0)
        return {track_id: pose for track_id, pose in found.items() if pose is not None}

    def with_velocities(
        self, step: FrameResult, poses: dict[int, ActorPose]
    ) -> dict[int, ActorPose]:
        """Return `poses`, in whichever frame, with velocities in that frame where known."""
        return {
            track_id: replace(pose, velocity=self._velocity(step.stamp, track_id, pose))
            for track_id, pose in poses.items()
        }

    def values(self) -> dict[str, object]:
        """Return the figures for diagnostics."""
        counters = self.counters
        values: dict[str, object] = {
            'actors with pose': counters.placed,
            'actors with pose by a depth image of another stamp': counters.approximate,
            "actors with pose in the camera's frame for want of a transform": (
                counters.untransformed
            ),
            'depth images too late': self._images.late,
            'depth images discarded for memory': self._images.evicted,
        }
        values |= {f'actors without pose ({r})': n for r, n in sorted(counters.missing.items())}
        return values | {f'broken ({r})': n for r, n in sorted(counters.broken.items())}

    def _why_not(
        self, step: FrameResult, match: Match[Image], intrinsics: Intrinsics | None
    ) -> str:
        """Return why there can be no pose; empty if there can."""
        if match.item is not None:
            return '' if intrinsics else 'no camera_info'
        if match.settled:
            return 'no depth image is near its stamp'
        self._images.give_up(step.stamp)
        if self._dead:
            return 'no depth image comes'
        return 'no depth image came in time'

    def _match(self, step: FrameResult, tolerance: float) -> Match[Image]:
        return self._images.find(step.stamp, nanoseconds(tolerance))

    def _velocity(self, stamp: int, track_id: int, pose: ActorPose) -> np.ndarray | None:
        estimator = self._velocities.setdefault(pose.frame_id, VelocityEstimator())
        return estimator.update(stamp, track_id, pose.position)

    def _of(self) -> str:
        return f' of camera "{self._camera}"' if self._camera else ''

    def _keep(self, message: Image) -> None:
        if self._open:
            self._asked = None
            self._images.put(stamp_of(message.header.stamp), message, len(message.data))

    def _calibrate(self, message: Any) -> None:
        fx, _, cx, _, fy, cy = (float(value) for value in message.k[:6])
        try:
            intrinsics = Intrinsics(fx, fy, cx, cy, message.width, message.height)
        except ValueError as error:
            self.counters.broken['camera_info'] += 1
            self._warn(f'{self._camera} calibration', f'camera_info{self._of()}: {error}')
            return
        self._infos.put(stamp_of(message.header.stamp), intrinsics)
