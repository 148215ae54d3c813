"""Check that a skeleton network takes the joints that another node finds, by stamp."""

import numpy as np
import pytest
import torch
from geometry_msgs.msg import Point
from node_harness import MILLISECOND, picture, running_node, values, wait_for
from rclpy.qos import DurabilityPolicy, QoSProfile

from actloc_ros.joints import COCO_JOINTS, NTU_JOINTS
from actloc_ros.messages import header_message
from actloc_ros.models.skeleton_n.export import to_onnx
from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.msg import ActionDetection, ActionDetectionArray, LabelInfo
from actloc_ros.planners.humans import SKELETON
from actloc_ros.ros.common.message_types import ros_type

START = 1_700_000_000_000_000_000
PERIOD = 200 * MILLISECOND  # two frames confirm a track
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
NAMES = ('left_shoulder', 'tail', 'right_hip', 'nose')
NAN = float('nan')


@pytest.fixture(scope='module')
def given(tmp_path_factory):
    """Return the node's parameters, with a small network of motion."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('skeleton') / 'skeleton.onnx'
    net = SkeletonNet(3, width=16, layers=1).eval()
    path.write_bytes(to_onnx(net, ('standing', 'walking', 'falling'), (0.5, 0.3, 0.7)))
    return {
        'model': 'topic+skeleton_n',
        'weights': str(path),
        'joints__type': 'actloc_ros/ActionDetectionArray',
        'joints__patience': 2.0,
    }


def actor(track=1, joints=((30, 10, 0.9), (1, 1, 0.9), (25, 30, 0.8), (28, 5, 0.7)), **others):
    x, y, score = (list(map(float, part)) for part in zip(*joints, strict=True))
    return ActionDetection(
        track_id=track,
        state=ActionDetection.ONGOING,
        bbox=[20.0, 2.0, 40.0, 36.0],
        box_score=0.75,
        joints_x=x,
        joints_y=y,
        joints_score=score,
        **others,
    )


def array(stamp, *actors):
    return ActionDetectionArray(
        header=header_message(ros_type, stamp, 'optical'), detections=list(actors)
    )


def publish_names(client, names=NAMES):
    publisher = client.node.create_publisher(LabelInfo, '/joints_info', LATCHED)
    wait_for(publisher.get_subscription_count)
    publisher.publish(LabelInfo(joint_names=list(names)))
    return publisher


def joints_of(detection):
    return np.stack([detection.joints_x, detection.joints_y, detection.joints_score], axis=1)


def test_our_own_detections_give_joints_by_name(given):
    with running_node(**given) as client:
        images, joints = client.camera(), client.camera('joints', ActionDetectionArray)
        publish_names(client)
        ended = actor(9)
        ended.state = ActionDetection.ENDED
        for index in range(3):
            joints.publish(array(START + index * PERIOD, actor(), ended))
            answer = client.show(images, picture(), START + index * PERIOD)
        [found] = {d.track_id: d for d in answer.detections}.values()
        assert list(found.bbox) == [20, 2, 40, 36]
        assert found.box_score == pytest.approx(0.75)
        by_name = dict(zip(COCO_JOINTS, joints_of(found).tolist(), strict=True))
        assert by_name['left_shoulder'] == pytest.approx([30, 10, 0.9])
        assert by_name['right_hip'] == pytest.approx([25, 30, 0.8])
        assert by_name['left_ankle'] == [0, 0, 0]
        assert values(client.status('camera'))['joints broken'] == '0'


def test_joints_that_are_none_are_counted_and_left_out(given):
    wrong = [
        actor(2, [(NAN, 1, 0.5)] * 4),
        actor(3, [(1, 1, 0.5)] * 3),
        actor(4, [(1, 1, 7)] * 4),
        actor(5, [(1, 1, -1)] * 4),
        actor(6, [(1e9, 1, 0.5)] * 4),
    ]
    wrong[0].joints_x[0] = NAN
    with running_node(**given) as client:
        images, joints = client.camera(), client.camera('joints', ActionDetectionArray)
        publish_names(client)
        for index in range(3):
            joints.publish(array(START + index * PERIOD, *wrong, actor()))
            answer = client.show(images, picture(), START + index * PERIOD)
        assert len({d.track_id for d in answer.detections}) == 1
        wait_for(lambda: values(client.status('camera'))['joints broken'] == '15')
        assert client.state() == 'active'


def test_joints_without_names_are_left_out(given):
    with running_node(**given) as client:
        images, joints = client.camera(), client.camera('joints', ActionDetectionArray)
        joints.publish(array(START, actor()))
        assert client.show(images, picture(), START).detections == []
        publish_names(client, ['tail', 'horn', 'wing', 'fin'])
        joints.publish(array(START + PERIOD, actor()))
        assert client.show(images, picture(), START + PERIOD).detections == []
        wait_for(lambda: values(client.status('camera'))['joints broken'] == '2')


def test_an_image_without_joints_is_published_without_actors_after_patience(given):
    with running_node(**given | {'joints__patience': 0.05}) as client:
        images, joints = client.camera(), client.camera('joints', ActionDetectionArray)
        assert client.show(images, picture(), START).detections == []
        assert values(client.status('camera'))['frames without joints'] == '1'
        joints.publish(array(START, actor()))
        wait_for(lambda: values(client.status('camera'))['joints too late'] == '1')


def test_a_package_that_is_not_installed_is_named(given):
    try:
        import hri_msgs.msg  # noqa: F401
    except ImportError:
        hri = given | {'joints__type': 'hri_msgs/Skeleton2D'}
        with running_node(autostart=False, **hri) as client:
            assert not client.change_state('configure')
            status = wait_for(lambda: client.status() or None)
            assert 'hri_msgs cannot be imported' in status.message
    else:
        pytest.skip('hri_msgs is installed')


def test_joints_in_space_reach_a_network_of_ntu(given):
    places = np.random.default_rng(0).uniform((-1, -1, 2), (1, 1, 3), (25, 3))
    inside = [(30.0, 20.0, 0.9)] * 25
    known = [Point(x=x, y=y, z=z) for x, y, z in places.tolist()]
    model = {'model': 'topic+stgcnpp_ntu60_3dkp_j', 'weights': '', 'random_weights': True}
    with running_node(**given | model | {'device': 'cpu'}) as client:
        images, joints = client.camera(), client.camera('joints', ActionDetectionArray)
        publish_names(client, NTU_JOINTS)
        for index in range(3):
            stamp = START + index * PERIOD
            joints.publish(array(stamp, actor(1, inside, joints_3d=known), actor(2, inside)))
            answer = client.show(images, picture(), stamp)
        found = answer.detections
        scores = {d.track_id: max((r.score for r in d.results), default=0) for d in found}
        assert len(scores) == 2
        assert min(scores.values()) == 0 < max(scores.values())  # one has no joints in space
        assert values(client.status('camera'))['joints broken'] == '0'


class Bodies:
    """Publishes bodies as ROS4HRI has them, below `place`."""

    def __init__(self, client, messages, place='/humans/bodies'):
        self._node, self._types, self._place = client.node, messages, place
        self._ids = client.node.create_publisher(messages.IdsList, f'{place}/tracked', 10)
        self._bodies = {}
        wait_for(self._ids.get_subscription_count)

    def announce(self, message):
        """Publish a list of ids."""
        self._ids.publish(message)

    def track(self, stamp, *ids):
        """Say who is tracked, and let each have a topic."""
        header = header_message(ros_type, stamp, 'optical')
        self.announce(self._types.IdsList(header=header, ids=list(ids)))
        for body in set(ids) - set(self._bodies):
            topic = f'{self._place}/{body}/skeleton2d'
            self._bodies[body] = self._node.create_publisher(self._types.Skeleton2D, topic, 10)
            wait_for(self._bodies[body].get_subscription_count)

    def publish(self, stamp, body, points):
        """Publish joints, x, y and confidence, by name."""
        place = self._types.NormalizedPointOfInterest2D
        skeleton = [place(x=0.0, y=0.0, c=0.0) for _ in SKELETON]
        for name, (x, y, c) in points.items():
            skeleton[SKELETON.index(name)] = place(x=float(x), y=float(y), c=float(c))
        header = header_message(ros_type, stamp, 'optical')
        self._bodies[body].publish(self._types.Skeleton2D(header=header, skeleton=skeleton))


LEFT = {'left_shoulder': (0.25, 0.25, 0.9), 'right_hip': (0.125, 0.5, 0.7), 'neck': (0, 0, 1)}
RIGHT = {'nose': (0.75, 0.25, 0.9), 'right_wrist': (0.875, 0.5, 0.8)}


def test_bodies_of_ros4hri_give_joints(given):
    messages = pytest.importorskip('hri_msgs.msg', reason='hri_msgs is not built here')
    with running_node(**given | {'joints__type': 'hri_msgs/Skeleton2D'}) as client:
        images, bodies = client.camera(), Bodies(client, messages)
        image = picture()
        height, width = image.shape[:2]
        bodies.track(START - PERIOD, 'abc', 'xyz')
        for index in range(3):
            stamp = START + index * PERIOD
            bodies.track(stamp, 'abc', 'xyz')
            bodies.publish(stamp, 'abc', LEFT)
            bodies.publish(stamp, 'xyz', RIGHT)
            answer = client.show(images, image, stamp)
        found = {d.track_id: joints_of(d) for d in answer.detections}
        assert len(found) == 2
        names = list(COCO_JOINTS)
        left, right = sorted(found.values(), key=lambda j: j[:, 0].max())
        expected = [0.25 * width, 0.25 * height, 0.9]
        assert left[names.index('left_shoulder')] == pytest.approx(expected)
        assert (left[:, 2] > 0).sum() == 2  # COCO has no neck
        expected = [0.875 * width, 0.5 * height, 0.8]
        assert right[names.index('right_wrist')] == pytest.approx(expected)
        scores = {round(d.box_score, 3) for d in answer.detections}
        assert scores == {0.8, 0.85}

        bodies.track(START + 3 * PERIOD)
        assert client.show(images, image, START + 3 * PERIOD).detections == []
        bodies.track(START + 4 * PERIOD, 'abc')
        bodies.publish(START + 4 * PERIOD, 'abc', LEFT | {'nose': (NAN, 0, 0.5)})
        assert client.show(images, image, START + 4 * PERIOD).detections == []
        assert values(client.status('camera'))['joints broken'] == '1'


def test_bodies_of_several_cameras_come_below_their_names(given):
    messages = pytest.importorskip('hri_msgs.msg', reason='hri_msgs is not built here')
    hri = given | {'joints__type': 'hri_msgs/Skeleton2D', 'cameras': ['left', 'right']}
    with running_node(**hri) as client:
        cameras = {'left': LEFT, 'right': RIGHT}
        images = {name: client.camera(f'{name}/image') for name in cameras}
        bodies = {name: Bodies(client, messages, f'{name}/humans/bodies') for name in cameras}
        image = picture()
        for each in bodies.values():
            each.track(START - PERIOD, 'abc')  # an id means somebody else in each camera
        found = {}
        for index in range(3):
            stamp = START + index * PERIOD
            for name, points in cameras.items():
                bodies[name].publish(stamp, 'abc', points)
                [detection, *_] = client.show(images[name], image, stamp).detections or [None]
                found[name] = detection
        height, width = image.shape[:2]
        for name, points in cameras.items():
            by_name = dict(zip(COCO_JOINTS, joints_of(found[name]).tolist(), strict=True))
            for joint in set(points) & set(COCO_JOINTS):
                x, y, c = points[joint]
                assert by_name[joint] == pytest.approx([x * width, y * height, c])
            assert sum(c > 0 for _, _, c in by_name.values()) == 2
            assert values(client.status(f'camera {name}'))['frames without joints'] == '0'


def test_ids_that_name_no_topic_are_counted_and_left_out(given):
    messages = pytest.importorskip('hri_msgs.msg', reason='hri_msgs is not built here')
    with running_node(**given | {'joints__type': 'hri_msgs/Skeleton2D'}) as client:
        images, bodies = client.camera(), Bodies(client, messages)
        bodies.track(START - PERIOD, 'abc')
        wrong = messages.IdsList(header=header_message(ros_type, START, 'optical'))
        wrong.ids = ['a b', '', '/c', 'abc']
        bodies.announce(wrong)
        wait_for(lambda: values(client.status('camera'))['joints broken'] == '3')
        for index in range(2):
            bodies.publish(START + index * PERIOD, 'abc', LEFT)
            answer = client.show(images, picture(), START + index * PERIOD)
        assert len(answer.detections) > 0
        assert client.state() == 'active'
