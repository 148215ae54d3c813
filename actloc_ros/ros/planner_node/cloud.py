"""Send people as point clouds: one that marks costmaps and stops robots, one that clears."""

from __future__ import annotations

import sys

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField

from actloc_ros.messages import header_message
from actloc_ros.planners.clouds import clearing_points, column_points
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.outputs import NodeContext, Output, Scene

DEPTH = 5
FLOAT = 4  # bytes


class CloudOutput(Output):
    """`~/people_cloud` and `~/clearing_cloud`, both in every cycle, also without people."""

    def __init__(self, context: NodeContext) -> None:
        self._settings = context.settings
        node = context.node
        self._people = node.create_lifecycle_publisher(PointCloud2, '~/people_cloud', DEPTH)
        self._clearing = node.create_lifecycle_publisher(PointCloud2, '~/clearing_cloud', DEPTH)

    def cycle(self, scene: Scene) -> None:
        """Send both; nothing while it is not known who is where, so that consumers stop."""
        if scene.faults:
            return
        settings = self._settings
        columns = column_points(scene.movers, settings.body, settings.prediction)
        rays = clearing_points(scene.movers, scene.robot, settings.body, settings.clearing)
        # The layer clears before it marks, so the order does not matter.
        self._clearing.publish(cloud_message(rays, scene.stamp, settings.frame))
        self._people.publish(cloud_message(columns, scene.stamp, settings.frame))


def cloud_message(points: np.ndarray, stamp: int, frame: str) -> PointCloud2:
    """Return points, float32 (P, 3) in m, with the fields x, y and z, which consumers need."""
    return PointCloud2(
        header=header_message(ros_type, stamp, frame),
        height=1,
        width=len(points),
        fields=[
            PointField(name=name, offset=FLOAT * index, datatype=PointField.FLOAT32, count=1)
            for index, name in enumerate('xyz')
        ],
        is_bigendian=sys.byteorder == 'big',
        point_step=3 * FLOAT,
        row_step=3 * FLOAT * len(points),
        data=np.ascontiguousarray(points, np.float32).tobytes(),
        is_dense=True,
    )
