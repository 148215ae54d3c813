"""Take the reports of localizers: detections, and what their labels and joints are called."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from actloc_ros.msg import ActionDetectionArray, LabelInfo

DEPTH = 10
RELIABLE = QoSProfile(
    depth=DEPTH, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE
)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


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
