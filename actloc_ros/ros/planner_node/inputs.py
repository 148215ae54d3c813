"""Take the reports of localizers: detections, and what their labels and joints are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from actloc_ros.msg import ActionDetection, ActionDetectionArray, LabelInfo

DEPTH = 10
RELIABLE = QoSProfile(
    depth=DEPTH, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE
)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
GOING_ON = (ActionDetection.STARTED, ActionDetection.ONGOING)


class LocalizerInput:
    """The topics of one localizer, for as long as the node lives.

    Attributes:
        name: What its people are called by in keys; empty for the only localizer.
        topic: Of its detections.
        labels: Its `LabelInfo`, as soon as it came.
        received: How many reports came.
    """

    def __init__(
        self,
        node: Node,
        localizer: str,
        name: str,
        take: Callable[[LocalizerInput, ActionDetectionArray], None],
    ) -> None:
        self.name, self.received = name, 0
        self.labels: LabelInfo | None = None
        self._take = take
        subscription = node.create_subscription(
            ActionDetectionArray, f'{localizer}/detections', self._on_detections, RELIABLE
        )
        self.topic: str = subscription.topic_name
        node.create_subscription(LabelInfo, f'{localizer}/label_info', self._on_labels, LATCHED)

    @property
    def joint_names(self) -> list[str]:
        """The names of the joints in its detections; none before they came."""
        return [] if self.labels is None else list(self.labels.joint_names)

    def _on_detections(self, message: ActionDetectionArray) -> None:
        self.received += 1
        self._take(self, message)

    def _on_labels(self, message: LabelInfo) -> None:
        self.labels = message


def actors_of(message: ActionDetectionArray) -> dict[int, list[ActionDetection]]:
    """Return the detections of each actor who is there, by rising track id.

    An instance that ends may be of somebody who is lost; what is of the whole view is of nobody.
    """
    actors: dict[int, list[ActionDetection]] = {}
    for detection in message.detections:
        if detection.state != ActionDetection.ENDED and not detection.whole_view:
            actors.setdefault(detection.track_id, []).append(detection)
    return dict(sorted(actors.items()))


def ongoing_labels(detections: Iterable[ActionDetection]) -> frozenset[str]:
    """Return the actions that go on in the detections of one actor."""
    return frozenset(d.label for d in detections if d.state in GOING_ON)
