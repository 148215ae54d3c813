"""Define what an output of the node is, what it gets, and how its messages' classes are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rclpy.lifecycle import LifecycleNode

from actloc_ros.planners.encounters import Encounters, Robot
from actloc_ros.planners.motion import Movers
from actloc_ros.planners.people import Person, PersonKey
from actloc_ros.planners.settings import PlannerSettings
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.common.throttled_log import ThrottledLogger

SINCE = {'geometry_msgs/msg/PolygonInstanceStamped': 'Jazzy'}


@dataclass(frozen=True, eq=False)
class NodeContext:
    """What outputs share.

    Attributes:
        node: On which they publish.
        settings: The parameters.
        warn: Takes a kind and a text of what is wrong.
    """

    node: LifecycleNode
    settings: PlannerSettings
    warn: ThrottledLogger


@dataclass(frozen=True, eq=False)
class Incoming:
    """One report of a localizer, as it came.

    Attributes:
        localizer: Its name in keys; empty for the only one.
        message: The `ActionDetectionArray`.
        people: Those in it who are placed in the planners' frame, by track id.
        joint_names: Names of the joints in its detections; may be none.
        labels: The localizer's `LabelInfo`, if it came.
    """

    localizer: str
    message: Any
    people: Mapping[int, Person]
    joint_names: Sequence[str] = ()
    labels: Any = None

    def key(self, track_id: int) -> PersonKey:
        """Return who has a track in it."""
        return PersonKey(self.localizer, self.message.camera, track_id)


@dataclass(frozen=True, eq=False)
class Scene:
    """What is known in one cycle.

    Attributes:
        now: The time in ns.
        stamp: Up to which all cameras have reported, in ns; it stamps what is sent.
        faults: Why it is not known who is where; empty if it is.
        unplaced: How many people are detected whose place is not known.
        movers: The people, as they are expected to be now.
        robot: The robot.
        met: What both are to each other, in the order of `movers`.
    """

    now: int
    stamp: int
    faults: Sequence[str]
    unplaced: int
    movers: Movers = field(default_factory=Movers)
    robot: Robot = field(default_factory=Robot)
    met: Encounters | None = None


class Output:
    """Publishes what one consumer reads; what it does not need, it leaves as it is here."""

    def report(self, incoming: Incoming) -> None:
        """Take a localizer's report."""

    def cycle(self, scene: Scene) -> None:
        """Take what is known now; called at the rate of the node."""

    def reset(self) -> None:
        """Forget the past, since time has jumped back."""

    def release(self) -> None:
        """Take back what consumers would go on to believe: the node is deactivated."""


def message_class(name: str, parameter: str) -> Any:
    """Return the class of a message or service that the output of `parameter` needs.

    Raises:
        ValueError: It is not installed; the text says what to do.
    """
    try:
        return ros_type(name)
    except (ImportError, AttributeError) as error:
        package = name.partition('/')[0]
        how = f'install {package} (apt: ros-$ROS_DISTRO-{package.replace("_", "-")})'
        if name in SINCE:
            how = f'it exists from {SINCE[name]} on'
        raise ValueError(
            f'{parameter} needs {name}, which cannot be imported ({error}): {how}, or set'
            f' {parameter} to false'
        ) from None
