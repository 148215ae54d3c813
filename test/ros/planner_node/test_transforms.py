"""Place people by the transforms of a robot that drives (tf2_ros)."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from bridge_harness import detection, running_bridge
from nav2_arithmetic import cloud_points
from node_harness import wait_for
from sensor_msgs.msg import PointCloud2

from actloc_ros.messages import header_message
from actloc_ros.ros.common.message_types import ros_type

pytest.importorskip('tf2_ros', reason='tf2_ros is not installed')

from geometry_msgs.msg import TransformStamped
from tf2_msgs.msg import TFMessage

SPEED = 0.5  # m/s along the x axis of odom
PERSON = (4.0, 1.0)  # where somebody stands in odom
HEIGHT = 1.0  # m of the camera above the robot's base
OPTICAL = (-0.5, 0.5, -0.5, 0.5)  # x y z w: z forward, x to the right, y down


def transform(stamp: int, parent: str, child: str, at: tuple, turn: tuple) -> TransformStamped:
    """Return where `child` is in `parent`."""
    message = TransformStamped(header=header_message(ros_type, stamp, parent))
    message.child_frame_id = child
    place, rotation = message.transform.translation, message.transform.rotation
    place.x, place.y, place.z = (float(value) for value in at)
    rotation.x, rotation.y, rotation.z, rotation.w = turn
    return message


class Drive:
    """Sends where the robot is, 10 times a second, in a thread."""

    def __init__(self, client) -> None:
        self._client = client
        self._publisher = client.publisher(TFMessage, '/tf', 100)
        self._began = client.now()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def place(self, stamp: int) -> float:
        """Return the robot's x in odom."""
        return SPEED * (stamp - self._began) / 1e9

    def stop(self) -> None:
        """Send nothing any more."""
        self._stopping.set()
        self._thread.join()

    def person(self, stamp: int) -> tuple:
        """Return where the person is in the optical frame."""
        return (-PERSON[1], 0.0, PERSON[0] - self.place(stamp))

    def _run(self) -> None:
        while not self._stopping.wait(0.1):
            now = self._client.now()
            at = (self.place(now), 0, 0)
            base = transform(now, 'odom', 'base_link', at, (0.0, 0.0, 0.0, 1.0))
            camera = transform(now, 'base_link', 'optical', (0, 0, HEIGHT), OPTICAL)
            self._publisher.publish(TFMessage(transforms=[base, camera]))


@contextmanager
def driving() -> Iterator[tuple]:
    with running_bridge(frame='odom', nav2__cloud=True) as (node, client):
        clouds = client.listen(PointCloud2, 'planner_bridge/people_cloud')
        assert node.autostart()
        drive = Drive(client)
        try:
            yield node, client, drive, clouds
        finally:
            drive.stop()


def show(client, drive) -> None:
    """Report the person as the camera sees it now."""
    stamp = client.now()
    client.report(detection(1, drive.person(stamp), frame='optical'), stamp=stamp)


def test_who_stands_stays_where_he_is_while_the_robot_drives():
    with driving() as (node, client, drive, clouds):

        def newest() -> np.ndarray:
            show(client, drive)
            time.sleep(0.03)
            found = cloud_points(clouds[-1]) if clouds else np.empty((0, 3))
            return found if len(found) else None

        def some() -> bool:
            return newest() is not None

        wait_for(some)
        before = node._placer.unplaced
        for _ in range(40):
            points = newest()
            centre = (points[:, :2].min(axis=0) + points[:, :2].max(axis=0)) / 2
            # The transform may be up to 0.2 s older than the report.
            assert centre == pytest.approx(PERSON, abs=0.12)
        assert node._placer.unplaced == before


def test_without_new_transforms_nobody_has_a_place():
    with driving() as (node, client, drive, _clouds):

        def placed() -> bool:
            show(client, drive)
            time.sleep(0.05)
            return bool(node._memory.people(client.now())) and not node._memory.unplaced()

        wait_for(placed)
        drive.stop()
        time.sleep(0.3)

        def unplaced() -> int:
            show(client, drive)
            time.sleep(0.05)
            return node._memory.unplaced()

        assert wait_for(unplaced) == 1
