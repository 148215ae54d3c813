"""Check joints on their way to planners: on topics, in bags, in space and as markers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joint_localizer import JOINTS, SCORES, JointLocalizer, joints_of
from node_harness import MILLISECOND, NAME, Client, image_message, picture, running_node, wait_for
from rclpy.qos import HistoryPolicy, QoSProfile
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import CameraInfo, Image
from visualization_msgs.msg import Marker, MarkerArray

from actloc_ros.cli.main import main as actloc
from actloc_ros.frames import Frame
from actloc_ros.instances import InstanceOptions
from actloc_ros.io.bags import (
    DETECTIONS,
    DetectionWriter,
    find_type,
    message_types,
    read_detections,
    read_joint_names,
)
from actloc_ros.io.sinks import BagSink
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.messages import header_message
from actloc_ros.offline import pipeline_label_info
from actloc_ros.pipeline import Pipeline
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.recorder import Recorder
from actloc_ros.sinks import make_report

MODEL = 'joint_localizer:JointLocalizer'
START = 1_700_000_000_000_000_000
PERIOD = 100 * MILLISECOND
REPLAY = QoSProfile(depth=1, history=HistoryPolicy.KEEP_ALL)
SIZE, FOCAL = (160, 120), 100.0


def film() -> list[Frame]:
    """Return frames in which a rectangle moves, changes its colour, goes and comes."""
    colours = ['red', 'red', 'green', None, 'blue', 'blue']
    return [
        Frame('', START + index * PERIOD, picture(colours[index // 4], 5 + index), 'optical')
        for index in range(24)
    ]


def record(frames: list[Frame], bag: Path) -> None:
    """Localize frames without ROS, into a bag."""
    options = InstanceOptions(min_duration=0.0)
    pipeline = Pipeline(JointLocalizer(LocalizerOptions()), instances=options)
    sink = BagSink(bag, pipeline_label_info(pipeline))
    steps = [step for frame in frames for step in pipeline.step([frame])] + pipeline.reset()
    for step in steps:
        sink.write(make_report(step, find_type, model=pipeline.name, labels=pipeline.labels))
    sink.close()
    pipeline.close()


def data_of(message: Any) -> bytes:
    """Return the bytes of a message of either library; middleware leaves chance in the padding."""
    store = message_types()
    if not hasattr(message, '__msgtype__'):
        message = store.deserialize_cdr(serialize_message(message), DETECTIONS)
    return bytes(store.serialize_cdr(message, DETECTIONS))


def test_joints_live_equal_those_offline_to_the_bit(tmp_path: Path) -> None:
    frames = film()
    record(frames, tmp_path / 'bag')
    expected = list(read_detections(tmp_path / 'bag'))
    with (
        DetectionWriter(tmp_path / 'live') as writer,  # closed when no message can come any more
        running_node(model=MODEL, process_all=True, restart_gap=2.0) as client,
    ):
        recorder = Recorder(client.node, writer, f'/{NAME}')
        camera = client.camera('image', Image, REPLAY)
        for frame in frames:
            camera.publish(image_message(frame.image, frame.stamp))
        wait_for(lambda: len(client.detections) >= len(frames), 60)
        assert client.change_state('deactivate')
        wait_for(lambda: min(len(client.detections), recorder.messages) >= len(expected), 60)
        [labels] = wait_for(lambda: client.labels)
    assert [*map(data_of, client.detections)] == [*map(data_of, expected)]
    assert tuple(labels.joint_names) == read_joint_names(tmp_path / 'bag') == JOINTS
    assert read_joint_names(tmp_path / 'live') == JOINTS
    assert actloc(['compare', str(tmp_path / 'bag'), str(tmp_path / 'live')]) == 0
    with Reader(tmp_path / 'live') as reader:  # logged with the recording, not at activation
        assert reader.start_time == START
        assert reader.end_time == frames[-1].stamp + 1
    found = [d for message in client.detections for d in message.detections]
    assert {d.state for d in found} == {1, 2, 3}
    for detection in found:
        joints = np.array([detection.joints_x, detection.joints_y, detection.joints_score]).T
        ended = detection.state == 3
        assert len(joints) == (0 if ended else len(JOINTS))
        if not ended:
            [true] = joints_of(detection.bbox[None])
            assert np.array_equal(joints, true)
        assert len(detection.joints_3d) == 0


def show(client: Client, pixels: np.ndarray, depth: np.ndarray) -> Any:
    """Send an image with its depth and calibration; return the one detection in it."""
    k = [FOCAL, 0.0, 79.5, 0.0, FOCAL, 59.5, 0.0, 0.0, 1.0]
    info = CameraInfo(width=SIZE[0], height=SIZE[1], k=k)
    message = Image(header=header_message(ros_type, START, 'optical'), encoding='32FC1')
    message.height, message.width = depth.shape
    message.step, message.data = depth.strides[0], depth.tobytes()
    client.camera('camera_info', CameraInfo).publish(info)
    client.camera('depth').publish(message)
    client.status()  # time for both to come, which are other topics
    [detection] = client.show(client.camera(), pixels, START).detections
    return detection


def test_joints_have_places_in_space_and_limbs_as_markers() -> None:
    pixels = picture('red', 74, SIZE)
    depth = np.where(pixels.max(axis=2) > 100, 2.0, 5.0).astype(np.float32)
    with running_node(model=MODEL, depth__enabled=True, publish_markers=True) as client:
        markers: list[MarkerArray] = []
        client.node.create_subscription(MarkerArray, 'action_localizer/markers', markers.append, 10)
        detection = show(client, pixels, depth)
        [array] = wait_for(lambda: markers)
    assert detection.has_pose
    places = np.array([(point.x, point.y, point.z) for point in detection.joints_3d])
    expected = (np.array([detection.joints_x, detection.joints_y]).T - 60) / FOCAL * 2
    expected[:, 0] -= 20 / FOCAL * 2  # the image's middle is at 80
    # The nose is uncertain, and the wrist, outside the box, is before the wall behind.
    np.testing.assert_allclose(places[:4, :2], expected[:4], atol=1e-6)
    assert (places[:4, 2] == 2).all()
    assert np.isnan(places[4:]).all()
    assert detection.joints_score[4] == pytest.approx(SCORES[4])
    [limbs] = [m for m in array.markers if m.ns == 'limbs' and m.action == Marker.ADD]
    assert limbs.type == Marker.LINE_LIST
    assert len(limbs.points) == 2 * 4  # shoulders, hips, and both sides of the torso
    ends = {(point.x, point.y, point.z) for point in limbs.points}
    assert ends == set(map(tuple, places[:4].tolist()))
