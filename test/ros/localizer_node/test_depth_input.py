"""Check that actors get a place in space where depth is at hand, and honest flags where not."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from depth_camera import FOCAL, KEEP_ALL, SIZE, depth_message, info_message
from node_harness import (
    MILLISECOND,
    Client,
    image_message,
    picture,
    running_node,
    stamp_of,
    values,
    wait_for,
)
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image
from visualization_msgs.msg import Marker, MarkerArray

from actloc_ros.ros.common.transforms import rotation_matrix

START = 1_700_000_000_000_000_000
PERIOD = 100 * MILLISECOND


class DepthCamera:
    """An RGB-D camera, whose depth and calibration come before its image."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._image = client.camera()
        self._depth = client.camera('depth')
        self._info = client.camera('camera_info', CameraInfo)

    def calibrate(self, message: CameraInfo) -> None:
        """Send the calibration."""
        self._info.publish(message)

    def show(self, pixels: np.ndarray, depth: Image, stamp: int) -> Any:
        """Send depth, then the image; return the node's answer."""
        self._depth.publish(depth)
        self._client.status()  # time for the depth to come, which is another topic
        return self._client.show(self._image, pixels, stamp)


def scene(left: int, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture, and depth in m, of a rectangle before a wall at 5 m."""
    pixels = picture('red', left, SIZE)
    depth = np.where(pixels.max(axis=2) > 100, distance, 5.0).astype(np.float32)
    depth[:, ::7] = np.nan
    return pixels, depth


def test_actors_have_a_place_a_size_and_a_velocity() -> None:
    with running_node(depth__enabled=True, publish_markers=True) as client:
        markers: list[MarkerArray] = []
        client.node.create_subscription(MarkerArray, 'action_localizer/markers', markers.append, 10)
        camera = DepthCamera(client)
        camera.calibrate(info_message(SIZE, FOCAL, (79.5, 59.5)))
        for index in range(5):
            stamp = START + index * PERIOD
            pixels, depth = scene(74, 2.0 + 0.1 * index)
            [seen] = camera.show(pixels, depth_message(depth, stamp), stamp).detections
            assert seen.has_pose
            assert seen.pose.header == seen.header
            position = seen.pose.pose.pose.position
            assert position.z == pytest.approx(2.0 + 0.1 * index, abs=0.01)
            assert position.x == pytest.approx(0, abs=0.01)
            assert position.y == pytest.approx((24 - 60) / FOCAL * position.z, abs=0.01)
            assert seen.size.x == pytest.approx(12 / FOCAL * position.z, abs=0.01)
            assert seen.size.y == pytest.approx(20 / FOCAL * position.z, abs=0.01)
            assert seen.pose.pose.covariance[14] > 0
        assert seen.has_velocity
        assert seen.velocity.header == seen.header
        assert seen.velocity.vector.z == pytest.approx(1.0, abs=0.05)
        wait_for(lambda: len(markers) == 5)
        drawn = [m for m in markers[-1].markers if m.action == Marker.ADD]
        assert [m.type for m in drawn] == [Marker.CUBE, Marker.TEXT_VIEW_FACING]
        assert drawn[0].pose.position == position
        assert drawn[0].header == seen.header
        assert drawn[1].text == '1 red'


def test_without_usable_depth_nothing_is_claimed() -> None:
    with running_node(depth__enabled=True) as client:
        camera = DepthCamera(client)
        pixels, depth = scene(74, 2.0)
        nothing = np.full_like(depth, np.nan)
        uncalibrated = info_message(SIZE, 0.0, (0.0, 0.0))
        calibrated = info_message(SIZE, FOCAL, (79.5, 59.5))
        late = START - 10**9
        cases: list[tuple[CameraInfo | None, Image]] = [
            (None, depth_message(depth, START)),
            (uncalibrated, depth_message(depth, START + PERIOD)),
            (calibrated, depth_message(nothing, START + 2 * PERIOD)),
            (None, depth_message(depth, late)),
            (None, depth_message(depth, START + 4 * PERIOD, 'mono8')),
        ]
        for index, (info, message) in enumerate(cases):
            if info is not None:
                camera.calibrate(info)
            [seen] = camera.show(pixels, message, START + index * PERIOD).detections
            assert not seen.has_pose
            assert not seen.has_velocity
            assert seen.pose.pose.pose.position.z == 0
        stamp = START + 5 * PERIOD
        [seen] = camera.show(pixels, depth_message(depth, stamp), stamp).detections
        assert seen.has_pose


def test_a_real_depth_image_gives_a_place(shared: Path) -> None:
    depth = np.load(shared / 'data/rgbd/depth_image_raw.npz')['arr_0']
    pixels = np.full((480, 640, 3), 20, np.uint8)
    pixels[200:300, 250:350] = (250, 0, 0)  # where an actor is said to be
    with running_node(depth__enabled=True) as client:
        camera = DepthCamera(client)
        camera.calibrate(info_message((640, 480), 570.34, (319.5, 239.5)))
        message = depth_message(depth, START, '16UC1')
        [seen] = camera.show(pixels, message, START).detections
    near, far = np.percentile(depth[225:275, 275:325][depth[225:275, 275:325] > 0] / 1e3, [0, 100])
    assert seen.has_pose
    assert near <= seen.pose.pose.pose.position.z <= far


def test_a_replay_waits_for_depth_that_comes_after_its_image() -> None:
    with running_node(depth__enabled=True, process_all=True) as client:
        image, depth = client.camera(qos=KEEP_ALL), client.camera('depth', Image, KEEP_ALL)
        client.camera('camera_info', CameraInfo).publish(info_message(SIZE, FOCAL, (79.5, 59.5)))
        client.status()
        pixels, metres = scene(74, 2.0)
        stamps = [START + index * PERIOD for index in range(40)]
        for stamp in stamps:
            image.publish(image_message(pixels, stamp))
        client.status()
        for stamp in stamps:
            depth.publish(depth_message(metres, stamp))
        wait_for(lambda: len(client.detections) == len(stamps))
        placed = [message.detections[0].has_pose for message in client.detections]
        assert all(placed[1:])  # the first may have waited in vain


@pytest.mark.parametrize(('rate', 'delay'), [(30, 0.02), (12, 0.02), (15, 0.045), (30, 0.05)])
def test_depth_that_comes_late_meets_its_own_image(rate: int, delay: float) -> None:
    """Every depth image holds one distance, which says whose it is."""
    with running_node(depth__enabled=True, depth__patience=10.0) as client:
        image, depth = client.camera(), client.camera('depth', Image, KEEP_ALL)
        client.camera('camera_info', CameraInfo).publish(info_message(SIZE, FOCAL, (79.5, 59.5)))
        client.status()
        pixels = picture('red', 74, SIZE)
        stamps = [START + index * 10**9 // rate for index in range(40)]
        events = [(index / rate, 0, index) for index in range(len(stamps))]
        events += [(at + delay, 1, index) for at, _, index in events]
        began = time.monotonic()
        for at, is_depth, index in sorted(events):
            time.sleep(max(began + at - time.monotonic(), 0))
            if is_depth:
                metres = np.full(SIZE[::-1], 1 + index / 10, np.float32)
                depth.publish(depth_message(metres, stamps[index]))
            else:
                image.publish(image_message(pixels, stamps[index]))
        last = wait_for(lambda: stamps[-1] in map(stamp_of, client.detections))
        assert last
        for message in client.detections:
            [seen] = message.detections
            distance = 1 + stamps.index(stamp_of(message)) / 10
            assert seen.has_pose
            assert seen.pose.pose.pose.position.z == pytest.approx(distance, abs=0.01)


def test_results_without_actors_and_of_dead_depth_do_not_wait() -> None:
    with running_node(depth__enabled=True, depth__patience=1.2) as client:
        camera = client.camera()
        client.show(camera, picture(None), START)
        depth = client.camera('depth')
        depth.publish(depth_message(np.ones(SIZE[::-1], np.float32), START))
        client.show(camera, picture('red'), START + PERIOD)  # waits until depth counts as dead
        client.show(camera, picture('red'), START + 2 * PERIOD)
        status = client.wait_for_status('actors have no pose, since no depth image')
        assert int(values(status)['actors without pose (no depth image comes)']) >= 1


def test_results_leave_in_order_and_late_depth_is_counted() -> None:
    with running_node(depth__enabled=True, depth__patience=0.3) as client:
        camera, depth = client.camera(), client.camera('depth')
        client.camera('camera_info', CameraInfo).publish(info_message(SIZE, FOCAL, (79.5, 59.5)))
        metres = np.ones(SIZE[::-1], np.float32)
        depth.publish(depth_message(metres, START - PERIOD))
        client.status()
        camera.publish(image_message(picture('red', size=SIZE), START))
        wait_for(lambda: values(client.status('camera'))['frames processed'] == '1')
        client.show(camera, picture(None, size=SIZE), START + PERIOD)
        assert [stamp_of(m) for m in client.detections] == [START, START + PERIOD]
        assert not client.detections[0].detections[0].has_pose
        depth.publish(depth_message(metres, START))
        shown = wait_for(
            lambda: (v := values(client.status('camera')))['depth images too late'] == '1' and v
        )
        # Of two reasons: on a machine that stalls, depth counts as dead.
        reasons = {key: n for key, n in shown.items() if 'without pose (no depth image' in key}
        assert list(reasons.values()) == ['1']
        assert shown['actors with pose'] == '0'


@pytest.mark.parametrize(
    'k', [(0, 1, 0, 1), (np.nan, 1, 0, 1), (np.inf, 1, 0, 1), (-5, 80, 5, 60), (1e-9, 80, 5, 60)]
)
def test_an_impossible_calibration_is_counted_and_the_last_good_one_stays(k: tuple) -> None:
    with running_node(depth__enabled=True) as client:
        camera = DepthCamera(client)
        camera.calibrate(info_message(SIZE, FOCAL, (79.5, 59.5)))
        broken = info_message(SIZE, FOCAL, (79.5, 59.5))
        broken.k[0], broken.k[2], broken.k[4], broken.k[5] = map(float, k)
        camera.calibrate(broken)
        wait_for(lambda: values(client.status('camera')).get('broken (camera_info)') == '1')
        pixels, depth = scene(74, 2.0)
        [seen] = camera.show(pixels, depth_message(depth, START), START).detections
        assert seen.has_pose


def test_images_without_depth_are_still_localized() -> None:
    with running_node(depth__enabled=True) as client:
        camera = client.camera()
        camera.publish(image_message(picture('red'), START))
        wait_for(lambda: client.detections)
        assert not client.detections[0].detections[0].has_pose


def test_quaternions_turn_as_scipy_says() -> None:
    for quaternion in np.random.default_rng(0).normal(size=(10, 4)):
        rotation = Rotation.from_quat(quaternion)
        np.testing.assert_allclose(rotation_matrix(*rotation.as_quat()), rotation.as_matrix())
