"""Send who meets the robot as polygons for collision_monitor's source `polygon`."""

from __future__ import annotations

from actloc_ros.messages import header_message
from actloc_ros.planners.polygons import NumberedPolygon, polygons
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.outputs import NodeContext, Output, Scene, message_class

DEPTH = 10  # two cycles


class PolygonOutput(Output):
    """`~/people_polygons`: the same ids in every cycle, the heartbeat last."""

    def __init__(self, context: NodeContext) -> None:
        self._settings = context.settings
        self._class = message_class('geometry_msgs/msg/PolygonInstanceStamped', 'nav2.polygons')
        self._publisher = context.node.create_lifecycle_publisher(
            self._class, '~/people_polygons', DEPTH
        )

    def cycle(self, scene: Scene) -> None:
        """Send all ids; nothing while it is not known who is where, so that consumers stop."""
        if scene.faults or scene.met is None:
            return
        for polygon in polygons(scene.movers, scene.met, self._settings.prediction):
            self._publisher.publish(self._message(polygon, scene.stamp))

    def _message(self, polygon: NumberedPolygon, stamp: int) -> object:
        message = self._class(header=header_message(ros_type, stamp, self._settings.frame))
        message.polygon.id = polygon.id
        point = ros_type('geometry_msgs/msg/Point32')
        message.polygon.polygon.points = [
            point(x=float(x), y=float(y), z=self._settings.body.floor) for x, y in polygon.corners
        ]
        return message
