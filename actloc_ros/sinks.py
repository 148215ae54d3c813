"""Define what is reported of a key frame, and what takes reports: live and offline alike."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

from actloc_ros.frames import Frame
from actloc_ros.instances import InstanceState
from actloc_ros.messages import FindType, step_to_message
from actloc_ros.pipeline import FrameResult
from actloc_ros.projection import ActorPose

EDGES = (InstanceState.STARTED, InstanceState.ENDED)


@dataclass(frozen=True, eq=False)
class Report:
    """What is reported of one key frame of one camera.

    Attributes:
        step: What the pipeline found.
        message: The same as an `ActionDetectionArray`.
        events: The `ActionDetection`s in it that start or end.
        frame: The key frame; None where the step only ends what was open.
        camera_poses: Poses of actors in the camera's optical frame, by track id, where known; the
            message may give them in another frame.
        joint_names: Names of the joints in the detections, in order; may be none.
    """

    step: FrameResult
    message: Any
    events: tuple[Any, ...]
    frame: Frame | None = None
    camera_poses: Mapping[int, ActorPose] = field(default_factory=dict)
    joint_names: Sequence[str] = ()


class EventSink(Protocol):
    """Takes the reports of one recording or of one activation, in order.

    Used as a context, leaving it completes what was written.
    """

    @abstractmethod
    def write(self, report: Report) -> None:
        """Use a report."""

    def close(self) -> None:
        """Complete what was written; many sinks have nothing to complete."""
        return

    def __enter__(self) -> EventSink:
        """Return the sink, which is open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete what was written; a sink of a file may rather leave none after an error."""
        self.close()


def make_report(
    step: FrameResult,
    types: FindType,
    *,
    model: str,
    labels: Sequence[str],
    frame: Frame | None = None,
    camera_poses: Mapping[int, ActorPose] | None = None,
    joint_names: Sequence[str] = (),
    **facts: Any,
) -> Report:
    """Return the report of `step`.

    Args:
        step: What the pipeline found.
        types: Finds the message classes.
        model: The localizer's name.
        labels: Its action names.
        frame: The key frame.
        camera_poses: Poses in the camera's optical frame, by track id.
        joint_names: Names of the localizer's joints.
        facts: What else `step_to_message` takes.
    """
    message = step_to_message(step, types, model=model, labels=labels, **facts)
    events = tuple(d for d in message.detections if d.state in EDGES)
    return Report(step, message, events, frame, camera_poses or {}, joint_names)
