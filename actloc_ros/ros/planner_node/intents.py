"""Send what people want of the robot, as `hri_actions_msgs/Intent`."""

from __future__ import annotations

import json

from actloc_ros.msg import ActionDetection
from actloc_ros.planners.humans import body_id
from actloc_ros.planners.people import PersonKey
from actloc_ros.ros.planner_node.inputs import actors_of
from actloc_ros.ros.planner_node.outputs import Incoming, NodeContext, Output, message_class

DEPTH = 10
PRIORITY = 128  # the definition's default


class IntentOutput(Output):
    """`/intents`: once when somebody begins to ask the robot to engage, e.g. by waving.

    Body ids are no person ids, so that the source is an unknown agent; the body to engage with is
    the recipient in the data.
    """

    def __init__(self, context: NodeContext) -> None:
        self._labels = context.settings.follow
        self._class = message_class('hri_actions_msgs/msg/Intent', 'hri.intents')
        self._publisher = context.node.create_lifecycle_publisher(self._class, '/intents', DEPTH)
        self._asked: dict[PersonKey, int] = {}

    def report(self, incoming: Incoming) -> None:
        """Send an intent for each instance of such an action that is new."""
        actors = actors_of(incoming.message)
        here = {incoming.key(track_id) for track_id in actors}
        camera = incoming.localizer, incoming.message.camera
        self._asked = {k: v for k, v in self._asked.items() if k[:2] != camera or k in here}
        for track_id, detections in actors.items():
            for detection in detections:
                key = incoming.key(track_id)
                if detection.label not in self._labels:
                    continue
                if self._asked.get(key) != detection.instance_id:
                    self._asked[key] = detection.instance_id
                    self._publish(key, detection)

    def reset(self) -> None:
        """Forget who has asked."""
        self._asked.clear()

    release = reset

    def _publish(self, key: PersonKey, detection: ActionDetection) -> None:
        message = self._class(
            intent=self._class.ENGAGE_WITH,
            data=json.dumps({'recipient': body_id(key.name)}),
            source=self._class.UNKNOWN_AGENT,
            modality=self._class.MODALITY_MOTION,
            priority=PRIORITY,
        )
        message.confidence = score_of(detection)
        self._publisher.publish(message)


def score_of(detection: ActionDetection) -> float:
    """Return the score of a detection's own action; 0 if it is not among the results."""
    scores = {result.label: float(result.score) for result in detection.results}
    return scores.get(detection.label, 0.0)
