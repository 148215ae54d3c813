"""Hold results back for as long as what places their actors in space is on its way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from actloc_ros.pipeline import FrameResult
from actloc_ros.projection import ActorPose
from actloc_ros.ros.common.throttled_log import ThrottledLogger
from actloc_ros.ros.common.transforms import PoseTransformer
from actloc_ros.ros.localizer_node.depth_input import DepthInput
from actloc_ros.ros.localizer_node.worker import DecodedImage

IDLE = 0.2  # s after which a waiting worker checks what else is due
POLL = 0.005  # s between two checks of results that wait
MOST = 30  # results of a camera that may wait; then no more frames are taken
REPLAY_PATIENCE = 0.5  # s that a replay waits at least


@dataclass(frozen=True)
class PlacementOptions:
    """How long results wait, and where poses go.

    Attributes:
        tolerance: Longest time in s between the stamps of an image and its depth image.
        depth_patience: Longest time in s that a result waits for its depth image.
        target_frame: Where poses go; empty leaves them in the camera's frame.
        transform_patience: Longest time in s that a result waits for its transform.
        lossless: Whether this is a replay, which rather waits longer.
    """

    tolerance: float
    depth_patience: float
    target_frame: str
    transform_patience: float
    lossless: bool


@dataclass(frozen=True, eq=False)
class PlacedResult:
    """A result on its way out.

    Attributes:
        step: What the pipeline found.
        image: The key frame; None where the step only ends what was open.
        dropped: The camera's frames that were not processed, when the result was made.
        made: When that was, by `time.perf_counter`, in s.
        released: When it was sent on, likewise.
        camera_poses: Poses by track id in the optical frame.
        poses: The same in the target frame, where it is known, with velocities.
    """

    step: FrameResult
    image: DecodedImage | None
    dropped: int
    made: float
    released: float = 0.0
    camera_poses: Mapping[int, ActorPose] = field(default_factory=dict)
    poses: Mapping[int, ActorPose] = field(default_factory=dict)


class Outbox:
    """Gives results on in order for each camera; the worker's thread alone uses it.

    A result with actors waits for its depth image and its transform, at most for their patience
    since it was made; one without actors, or of a camera without depth, waits for none. It does
    wait for those before it.
    """

    def __init__(
        self,
        depths: Mapping[str, DepthInput],
        transformer: PoseTransformer | None,
        options: PlacementOptions,
        dropped: Callable[[str], int],
        publish: Callable[[PlacedResult], None],
        warn: ThrottledLogger,
    ) -> None:
        """Prepare; `dropped` returns a camera's dropped frames, `publish` takes each result."""
        self.options = options
        self._dropped = dropped
        self._depths, self._transformer = depths, transformer
        self._publish, self._warn = publish, warn
        self._queues: dict[str, deque[PlacedResult]] = {}

    def put(self, step: FrameResult, image: DecodedImage | None) -> None:
        """Take a result, and give on what need not wait."""
        queue = self._queues.setdefault(step.camera, deque())
        dropped = self._dropped(step.camera)
        queue.append(PlacedResult(step, image, dropped, time.perf_counter()))
        self._release(queue)

    @property
    def full(self) -> bool:
        """Whether so many results wait that no more frames should be taken."""
        return any(len(queue) >= MOST for queue in self._queues.values())

    def release(self) -> float:
        """Give on what need not wait any more; return the time in s to the next check."""
        for queue in self._queues.values():
            self._release(queue)
        return POLL if any(self._queues.values()) else IDLE

    def flush(self) -> None:
        """Give everything on without waiting."""
        for queue in self._queues.values():
            while queue:
                self._give_on(queue.popleft())

    def _release(self, queue: deque[PlacedResult]) -> None:
        while queue and self._ready(queue[0]):
            self._give_on(queue.popleft())

    def _ready(self, result: PlacedResult) -> bool:
        step, options = result.step, self.options
        depth = self._depth_for(step)
        if depth is None:
            return True
        waited = time.perf_counter() - result.made
        least = REPLAY_PATIENCE if options.lossless else 0.0
        if not depth.settled(step, options.tolerance, options.depth_patience):
            return waited >= max(options.depth_patience, least)
        if self._transformer is None or not options.target_frame:
            return True
        return (
            waited >= max(options.transform_patience, least)
            or not depth.has_depth(step, options.tolerance)
            or self._transformer.settled(options.target_frame, step.frame_id, step.stamp)
        )

    def _give_on(self, result: PlacedResult) -> None:
        released = time.perf_counter()
        camera_poses, poses = self._place(result.step)
        self._publish(replace(result, released=released, camera_poses=camera_poses, poses=poses))

    def _place(self, step: FrameResult) -> tuple[dict[int, ActorPose], dict[int, ActorPose]]:
        """Return the poses of a step in the optical frame and in the target frame."""
        depth = self._depth_for(step)
        if depth is None:
            return {}, {}
        try:
            poses = depth.poses(step, self.options.tolerance)
            moved = self._in_target_frame(step, poses)
            depth.counters.untransformed += sum(pose.untransformed for pose in moved.values())
            return poses, depth.with_velocities(step, moved)
        except Exception as error:  # whatever a message holds, the detections are published
            depth.counters.miss(1, f'placing it raised {type(error).__name__}')
            self._warn(
                f'{step.camera} place', f'actors have no pose: {type(error).__name__}: {error}'
            )
            return {}, {}

    def _in_target_frame(
        self, step: FrameResult, poses: dict[int, ActorPose]
    ) -> dict[int, ActorPose]:
        target = self.options.target_frame
        if not (poses and target and self._transformer):
            return poses
        return self._transformer.move(poses, target, step.stamp)

    def _depth_for(self, step: FrameResult) -> DepthInput | None:
        """Return the depth input that a step needs; None where it needs none."""
        if step.restart or not any(a.detected and not a.whole_view for a in step.actions):
            return None
        return self._depths.get(step.camera)
