"""Conditions on people for behaviour trees of py_trees and py_trees_ros.

Each subscribes in `setup`, to which a tree passes `node=…`, as trees of py_trees_ros do; plain
ones of py_trees do with `tree.setup(node=node)`. Spin the node between ticks.
"""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile

from actloc_ros.frames import seconds
from actloc_ros.messages import stamp_of
from actloc_ros.msg import ActionDetection, ActionDetectionArray
from actloc_ros.planners.conditions import Actor, Watch, Zone
from actloc_ros.ros.planner_node.inputs import RELIABLE, actors_of, ongoing_labels

try:
    from py_trees.behaviour import Behaviour
    from py_trees.common import Status
except ImportError as error:
    raise ImportError(
        f'conditions for behaviour trees need py_trees, which cannot be imported ({error}):'
        ' pip install py-trees, or apt install ros-$ROS_DISTRO-py-trees'
    ) from None

LOCALIZER = 'action_localizer'
MAX_AGE = 1.0
EVENTS = QoSProfile(depth=10, history=HistoryPolicy.KEEP_ALL)


class PeopleCondition(Behaviour):
    """What is asked of the newest detections; FAILURE while they are too old or none have come.

    `feedback_message` says why. Invert none of them alone: what is not known would count as true.
    """

    def __init__(self, name: str, localizer: str = LOCALIZER, max_age: float = MAX_AGE) -> None:
        """Ask the localizer of this name; detections older than `max_age` s say nothing."""
        super().__init__(name)
        self._localizer, self.watch = localizer, Watch(max_age)
        self._node: Node | None = None

    def setup(self, **kwargs: Any) -> None:
        """Subscribe by the tree's `node`."""
        self._node = node_of(self, kwargs)
        topic = f'{self._localizer}/detections'
        self._node.create_subscription(ActionDetectionArray, topic, self._take, RELIABLE)

    def update(self) -> Status:
        """Return SUCCESS or FAILURE; never RUNNING."""
        assert self._node is not None
        self.feedback_message = self.watch.unknown(self._node.get_clock().now().nanoseconds)
        if self.feedback_message:
            return Status.FAILURE
        return Status.SUCCESS if self.holds() else Status.FAILURE

    def holds(self) -> bool:
        """Return the answer from detections that are young enough."""
        raise NotImplementedError

    def _take(self, message: ActionDetectionArray) -> None:
        actors = [_actor(message, found) for found in actors_of(message).values()]
        self.watch.take(message.camera, stamp_of(message.header.stamp), actors)


class IsPersonDoing(PeopleCondition):
    """SUCCESS while somebody does an action.

    Attributes:
        tracks: Who does it, at the last tick.
    """

    def __init__(self, name: str, label: str, **options: Any) -> None:
        """Ask for the action `label`; `options` are those of `PeopleCondition`."""
        super().__init__(name, **options)
        self._label = label
        self.tracks: list[int] = []

    def holds(self) -> bool:
        """Return whether somebody does it."""
        self.tracks = self.watch.doing(self._label)
        self.feedback_message = f'{len(self.tracks)} do {self._label}'
        return bool(self.tracks)


class IsZoneFree(PeopleCondition):
    """SUCCESS while it is known that nobody is in a zone."""

    def __init__(self, name: str, zone: Zone, **options: Any) -> None:
        """Ask for `zone`; `options` are those of `PeopleCondition`."""
        super().__init__(name, **options)
        self._zone = zone

    def holds(self) -> bool:
        """Return whether nobody is there."""
        free = self.watch.is_free(self._zone)
        self.feedback_message = 'nobody is there' if free else 'somebody is, or may be there'
        return free


class WaitForAction(Behaviour):
    """RUNNING until an action starts, then SUCCESS; what started before the first tick is past.

    Attributes:
        event: The `ActionDetection` that started it, after SUCCESS.
    """

    def __init__(
        self, name: str, label: str, localizer: str = LOCALIZER, max_age: float = MAX_AGE
    ) -> None:
        """Wait for the action `label`; events that come later than `max_age` s are ignored."""
        super().__init__(name)
        self._label, self._localizer, self._max_age = label, localizer, max_age
        self._node: Node | None = None
        self._since = 0  # ns: the first tick
        self.event: ActionDetection | None = None

    def setup(self, **kwargs: Any) -> None:
        """Subscribe by the tree's `node`."""
        self._node = node_of(self, kwargs)
        topic = f'{self._localizer}/events'
        self._node.create_subscription(ActionDetection, topic, self._take, EVENTS)

    def initialise(self) -> None:
        """Forget what came before, and what still comes of it."""
        assert self._node is not None
        self._since = self._node.get_clock().now().nanoseconds
        self.event = None

    def update(self) -> Status:
        """Return whether it has started."""
        return Status.RUNNING if self.event is None else Status.SUCCESS

    def _take(self, event: ActionDetection) -> None:
        assert self._node is not None
        now, stamp = self._node.get_clock().now().nanoseconds, stamp_of(event.header.stamp)
        if now < self._since:  # time has jumped back: a recording begins again
            self._since = 0
        age = seconds(now - stamp)
        starts = event.state == ActionDetection.STARTED and event.label == self._label
        if starts and stamp >= self._since and age <= self._max_age and self.event is None:
            self.event = event


def node_of(behaviour: Behaviour, arguments: dict[str, Any]) -> Node:
    """Return the node that a tree's `setup` was given.

    Raises:
        KeyError: It was given none.
    """
    if 'node' not in arguments:
        raise KeyError(f'{behaviour.name} needs a node: call setup(node=…) of the tree')
    node: Node = arguments['node']
    return node


def _actor(message: ActionDetectionArray, found: list[ActionDetection]) -> Actor:
    detection = found[0]
    x1, _, x2, y2 = (float(value) for value in detection.bbox)
    foot = (x1 + x2) / 2 / max(message.image_width, 1), y2 / max(message.image_height, 1)
    at, place = detection.pose.pose.pose.position, None
    if detection.has_pose:
        place = at.x, at.y
    return Actor(
        detection.track_id, ongoing_labels(found), foot, place, detection.pose.header.frame_id
    )
