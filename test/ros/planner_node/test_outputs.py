"""Check what MoveIt, ROS4HRI, trackers and Foxglove get, where their messages are installed.

`python test/support/build_messages.py WORKSPACE` builds those that no wheel carries.
"""

import json
import time

import numpy as np
import pytest
from bridge_harness import EVERYTHING, FRAME, SIZE, detection, running_bridge
from geometry_msgs.msg import PointStamped, PoseStamped, TwistStamped
from node_harness import image_message, wait_for
from sensor_msgs.msg import Image

from actloc_ros.joints import COCO_JOINTS
from actloc_ros.messages import label_info_message
from actloc_ros.msg import ActionDetection, LabelInfo
from actloc_ros.planners.humans import SKELETON
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.inputs import LATCHED

NEEDED = {
    'moveit.objects': 'moveit_msgs/msg/CollisionObject',
    'moveit.handover': 'moveit_msgs/srv/GetPlanningScene',
    'hri.bodies': 'hri_msgs/msg/IdsList',
    'hri.cropped': 'sensor_msgs/msg/Image',
    'hri.tf': 'tf2_msgs/msg/TFMessage',
    'hri.intents': 'hri_actions_msgs/msg/Intent',
    'vision.detections': 'vision_msgs/msg/Detection2DArray',
    'people.people': 'people_msgs/msg/People',
    'foxglove.drawings': 'foxglove_msgs/msg/ImageAnnotations',
}
LABELS = ['standing', 'walking', 'waving']
# A person 2 m before the robot who faces it: in the image left and right are mirrored.
JOINTS = {
    'nose': (320, 60, 0.9),
    'left_eye': (330, 55, 0.8),
    'right_eye': (310, 55, 0.7),
    'left_shoulder': (350, 100, 0.9),
    'right_shoulder': (290, 100, 0.6),
    'left_wrist': (360, 180, 0.9),
    'right_wrist': (700, 180, 0.9),  # outside the image
}
IN_SPACE = {
    'left_shoulder': (2, -0.2, 1.4),
    'right_shoulder': (2, 0.2, 1.4),
    'left_hip': (2, -0.15, 0.9),
    'right_hip': (2, 0.15, 0.9),
    'left_elbow': (1.9, -0.25, 1.1),
    'left_wrist': (1.5, -0.25, 1.1),
    'right_wrist': (2, 0.25, 0.8),
}
NAN = (float('nan'),) * 3


def installed(name: str) -> bool:
    try:
        ros_type(name)
    except (ImportError, AttributeError):
        return False
    return True


def needs(parameter: str) -> pytest.MarkDecorator:
    package = NEEDED[parameter].partition('/')[0]
    missing = not installed(NEEDED[parameter])
    return pytest.mark.skipif(missing, reason=f'{package} is not installed, for {parameter}')


class Moveit:
    """A planning scene as move_group serves it: the arm's own exception must survive."""

    def __init__(self, client) -> None:
        self.names, self.rows = ['arm', 'gripper'], [[False, True], [True, False]]
        self.applied: list = []
        get = ros_type('moveit_msgs/srv/GetPlanningScene')
        apply = ros_type('moveit_msgs/srv/ApplyPlanningScene')
        client.node.create_service(get, 'get_planning_scene', self.get)
        client.node.create_service(apply, 'apply_planning_scene', self.apply)

    def get(self, request, response):
        """Answer `get_planning_scene`."""
        assert request.components.components == 128
        entry = ros_type('moveit_msgs/msg/AllowedCollisionEntry')
        matrix = response.scene.allowed_collision_matrix
        matrix.entry_names = self.names
        matrix.entry_values = [entry(enabled=row) for row in self.rows]
        matrix.default_entry_names, matrix.default_entry_values = ['floor'], [True]
        return response

    def apply(self, request, response):
        """Answer `apply_planning_scene`."""
        self.applied.append(request.scene)
        matrix = request.scene.allowed_collision_matrix
        self.names = list(matrix.entry_names)
        self.rows = [list(row.enabled) for row in matrix.entry_values]
        response.success = True
        return response


@pytest.fixture(scope='module')
def bridge():
    """Return client, node and the planning scene: one node with all outputs that can be."""
    there = {p.replace('.', '__'): True for p, name in NEEDED.items() if installed(name)}
    links = {'moveit__handover_links': ['gripper']} if 'moveit__handover' in there else {}
    with running_bridge(**there, **links, hold=0.5, stale=5.0) as (node, client):
        scene = Moveit(client) if links else None
        assert client.change_state('configure')
        assert client.change_state('activate')
        labels = client.publisher(LabelInfo, 'action_localizer/label_info', LATCHED)
        labels.publish(
            label_info_message(
                ros_type,
                stamp=1,
                model='test',
                labels=LABELS,
                threshold=0.5,
                joint_names=COCO_JOINTS,
            )
        )
        time.sleep(0.5)
        yield client, node, scene


def listened(bridge, name, topic, *people, when=lambda message: True):
    """Report people until a message that fits comes on a topic; return it."""
    client = bridge[0]
    cls = ros_type(name) if isinstance(name, str) else name
    found = client.listen(cls, topic)
    return client.report_until(
        lambda: next((message for message in list(found) if when(message)), None), *people
    )


def person(track, label='waving', position=(2, 0, 1), **options):
    joints = [JOINTS.get(name, (0, 0, 0)) for name in COCO_JOINTS]
    joints_3d = [IN_SPACE.get(name, NAN) for name in COCO_JOINTS]
    return detection(track, position, label=label, joints=joints, joints_3d=joints_3d, **options)


@needs('moveit.objects')
def test_collision_objects_are_added_moved_and_removed(bridge):
    client = bridge[0]
    objects = client.listen(ros_type('moveit_msgs/msg/CollisionObject'), 'collision_object')

    def of(operation, name='person_1'):
        return [m for m in list(objects) if m.id == name and m.operation == bytes([operation])]

    client.report_until(lambda: len(of(0)) > 1 and len(of(3)) > 1, detection(1, (2, 1, 1)))
    begin = next(m for m in objects if m.id == 'person_1')
    assert begin.operation == b'\x00'
    assert [(p.type, list(p.dimensions)) for p in begin.primitives] == [
        (3, pytest.approx([1.1, 0.35])),
        (2, [0.35]),
        (2, [0.35]),
    ]
    assert len(begin.primitive_poses) == 3
    at = begin.pose.position
    assert (at.x, at.y, at.z) == pytest.approx((2, 1, 0.9))
    assert [p.position.z for p in begin.primitive_poses] == pytest.approx([0, 0.55, -0.55])
    moved = of(3)[0]
    assert not moved.primitives
    assert not moved.primitive_poses
    assert moved.pose.position.x == pytest.approx(2)
    client.report_until(lambda: of(1))
    assert all(m.id for m in objects)  # REMOVE without an id would remove everything
    assert all(m.operation in (b'\x00', b'\x01', b'\x03') for m in objects)


@needs('moveit.objects')
def test_who_lies_is_a_flat_object_whose_place_is_its_own(bridge):
    lying = listened(
        bridge,
        'moveit_msgs/msg/CollisionObject',
        'collision_object',
        detection(2, (1, 0, 0.2), label='lying'),
        when=lambda m: m.id == 'person_2' and m.operation == b'\x00',
    )
    assert [(p.type, list(p.dimensions)) for p in lying.primitives] == [(3, [0.5, 0.9])]
    assert lying.primitive_poses[0].position.z == 0.0
    assert lying.pose.position.z == pytest.approx(0.25)


@needs('moveit.handover')
def test_a_handover_sends_the_hand_and_excepts_the_partner_alone(bridge):
    client, _, scene = bridge
    hand = listened(bridge, PoseStamped, 'planner_bridge/handing_over', person(3, 'handing_over'))
    at, turn = hand.pose.position, hand.pose.orientation
    assert (at.x, at.y, at.z) == pytest.approx((1.5, -0.25, 1.1))
    assert (abs(turn.z), abs(turn.w)) == pytest.approx((1, 0), abs=0.01)  # forearm towards -x
    client.report_until(lambda: 'person_3' in scene.names, person(3, 'handing_over'))
    assert scene.names == ['arm', 'gripper', 'person_3']
    assert scene.rows == [[False, True, False], [True, False, True], [False, True, False]]
    sent = scene.applied[-1]
    assert sent.is_diff
    assert sent.robot_state.is_diff
    assert list(sent.allowed_collision_matrix.default_entry_names) == ['floor']
    client.report_until(lambda: 'person_3' not in scene.names, person(3, 'standing'))
    assert (scene.names, scene.rows) == (['arm', 'gripper'], [[False, True], [True, False]])


@needs('hri.bodies')
def test_bodies_are_those_of_rep_155(bridge):
    tracked = listened(
        bridge,
        'hri_msgs/msg/IdsList',
        '/humans/bodies/tracked',
        person(4),
        when=lambda m: list(m.ids) == ['b4'],
    )
    assert tracked.header.frame_id == 'optical'
    roi = listened(
        bridge, 'hri_msgs/msg/NormalizedRegionOfInterest2D', '/humans/bodies/b4/roi', person(4)
    )
    assert (roi.xmin, roi.xmax) == pytest.approx((100 / 640, 200 / 640))
    assert (roi.ymin, roi.ymax, roi.c) == pytest.approx((40 / 480, 440 / 480, 0.8))
    skeleton = listened(
        bridge, 'hri_msgs/msg/Skeleton2D', '/humans/bodies/b4/skeleton2d', person(4)
    ).skeleton
    assert len(skeleton) == 18
    for constant, name in ((14, 'left_eye'), (15, 'right_eye'), (2, 'right_shoulder')):
        x, y, score = JOINTS[name]
        assert SKELETON[constant] == name
        point = skeleton[constant]
        assert (point.x, point.y, point.c) == pytest.approx((x / 640, y / 480, score))
    neck, hidden = skeleton[1], skeleton[4]
    assert (neck.x, neck.y, neck.c) == pytest.approx((320 / 640, 100 / 480, 0.6))
    assert (hidden.x, hidden.y, hidden.c) == (0, 0, 0)
    constants = ros_type('hri_msgs/msg/Skeleton2D')
    assert (constants.LEFT_EYE, constants.RIGHT_EYE, constants.NECK) == (14, 15, 1)


@needs('hri.bodies')
def test_actions_become_postures_and_gestures_and_nobody_an_empty_list(bridge):
    postures = ros_type('hri_msgs/msg/BodyPosture')
    for track, label, expected in (
        (5, 'lying', postures.LAYING),
        (6, 'sitting', postures.SITTING),
        (7, 'falling', postures.OTHER),
    ):
        topic = f'/humans/bodies/b{track}/posture'
        assert listened(bridge, postures, topic, person(track, label)).posture == expected
    gestures = ros_type('hri_msgs/msg/Gesture')
    waving = listened(bridge, gestures, '/humans/bodies/b8/gesture', person(8, 'waving'))
    assert waving.gesture == gestures.WAVING
    action = listened(bridge, ActionDetection, '/humans/bodies/b8/action', person(8, 'waving'))
    assert action.label == 'waving'
    empty = listened(
        bridge, 'hri_msgs/msg/IdsList', '/humans/bodies/tracked', when=lambda m: not m.ids
    )
    assert empty.header.stamp.sec > 0


@needs('hri.bodies')
def test_position_is_the_hips_and_velocity_is_in_the_bodys_frame(bridge):
    walker = person(9, 'walking', velocity=(-1, 0, 0))
    position = listened(bridge, PointStamped, '/humans/bodies/b9/position', walker)
    at = position.point
    assert (at.x, at.y, at.z) == pytest.approx((2, 0, 0.9))
    velocity = listened(bridge, TwistStamped, '/humans/bodies/b9/velocity', walker)
    assert velocity.header.frame_id == 'body_b9'
    linear = velocity.twist.linear
    assert (linear.x, linear.y, linear.z) == pytest.approx((1, 0, 0))  # he walks forwards


@needs('hri.tf')
def test_the_bodys_frame_has_x_out_of_the_chest_and_z_to_the_head(bridge):
    message = listened(bridge, 'tf2_msgs/msg/TFMessage', '/tf', person(10))
    [transform] = [t for t in message.transforms if t.child_frame_id == 'body_b10']
    assert transform.header.frame_id == FRAME
    at, turn = transform.transform.translation, transform.transform.rotation
    assert (at.x, at.y, at.z) == pytest.approx((2, 0, 0.9))
    assert (abs(turn.z), abs(turn.w)) == pytest.approx((1, 0), abs=1e-6)  # faces the robot


@needs('hri.cropped')
def test_a_crop_is_sent_to_who_subscribes(bridge):
    client = bridge[0]
    pixels = np.arange(SIZE[1] * SIZE[0] * 3, dtype=np.uint32).astype(np.uint8)
    pixels = pixels.reshape(SIZE[1], SIZE[0], 3)
    crops = client.listen(Image, '/humans/bodies/b11/cropped')
    client.report_until(lambda: client.node.count_subscribers('image'), person(11))
    images = client.publisher(Image, 'image')

    def step():
        stamp = client.now()
        images.publish(image_message(pixels, stamp))
        time.sleep(0.05)
        client.report(person(11), stamp=stamp)
        return crops

    [crop, *_] = wait_for(step)
    found = np.frombuffer(bytes(crop.data), np.uint8).reshape(crop.height, crop.width, 3)
    assert (found == pixels[40:440, 100:200]).all()


@needs('hri.intents')
def test_waving_is_an_intent_once(bridge):
    client = bridge[0]
    intents = client.listen(ros_type('hri_actions_msgs/msg/Intent'), '/intents')
    client.report_until(lambda: intents, person(12, 'waving'))
    for _ in range(20):
        client.report(person(12, 'waving'))
    [intent] = intents
    assert intent.intent == '__intent_engage_with__'
    assert json.loads(intent.data) == {'recipient': 'b12'}
    assert (intent.source, intent.modality) == ('__unknown_agent__', '__modality_motion__')
    assert (intent.priority, intent.confidence) == (128, pytest.approx(0.9))


@needs('vision.detections')
def test_vision_messages_name_label_and_track(bridge):
    where = 'planner_bridge/detections'
    flat = listened(
        bridge,
        'vision_msgs/msg/Detection2DArray',
        f'{where}_2d',
        person(13),
        when=lambda m: [d.id for d in m.detections] == ['13'],
    )
    [found] = flat.detections
    assert (found.id, found.results[0].hypothesis.class_id) == ('13', 'waving')
    centre = found.bbox.center.position
    assert (centre.x, centre.y, found.bbox.size_x, found.bbox.size_y) == (150, 240, 100, 400)
    deep = listened(
        bridge,
        'vision_msgs/msg/Detection3DArray',
        f'{where}_3d',
        detection(13, (2, 0, 1)),
        when=lambda m: m.detections and m.detections[0].results[0].hypothesis.class_id == 'person',
    )
    [placed] = deep.detections
    assert deep.header.frame_id == placed.header.frame_id == FRAME
    assert placed.results[0].hypothesis.class_id == 'person'
    assert (placed.bbox.center.position.x, placed.bbox.size.y) == (2.0, pytest.approx(1.7))
    labels = bridge[0].listen(
        ros_type('vision_msgs/msg/LabelInfo'), 'planner_bridge/vision_labels', LATCHED
    )
    wait_for(lambda: labels)
    assert [(c.class_id, c.class_name) for c in labels[0].class_map] == list(enumerate(LABELS))


@needs('people.people')
def test_people_have_actions_as_tags_and_nobody_is_an_empty_list(bridge):
    walker = detection(14, (2, 0, 1), (-1, 0, 0), 'walking')
    message = listened(
        bridge,
        'people_msgs/msg/People',
        'people',
        walker,
        when=lambda m: [p.name for p in m.people] == ['14'],
    )
    [found] = message.people
    assert (list(found.tagnames), list(found.tags)) == (['action'], ['walking'])
    assert found.velocity.x == pytest.approx(-1)
    assert found.reliability == pytest.approx(0.8)
    listened(bridge, 'people_msgs/msg/People', 'people', when=lambda m: not m.people)


@needs('foxglove.drawings')
def test_drawings_vanish_by_themselves(bridge):
    flat = listened(
        bridge,
        'foxglove_msgs/msg/ImageAnnotations',
        'planner_bridge/annotations',
        person(15),
        when=lambda m: [t.text for t in m.texts] == ['15 waving'],
    )
    box, limbs = flat.points
    assert box.type == box.LINE_LOOP
    assert [(p.x, p.y) for p in box.points] == [(100, 40), (200, 40), (200, 440), (100, 440)]
    assert (limbs.type, len(limbs.points) % 2) == (limbs.LINE_LIST, 0)
    deep = listened(
        bridge,
        'foxglove_msgs/msg/SceneUpdate',
        'planner_bridge/scene',
        person(15),
        when=lambda m: [e.id for e in m.entities] == ['person_15'],
    )
    [entity] = deep.entities
    assert entity.lifetime.sec == 1
    assert entity.frame_id == FRAME
    assert entity.cylinders[0].size.z == pytest.approx(1.8)


def test_deactivating_takes_people_back(bridge):
    """Runs last: it ends the node's activity."""
    client, _, _ = bridge
    kept = {}
    for parameter, name, topic in (
        ('moveit.objects', 'moveit_msgs/msg/CollisionObject', 'collision_object'),
        ('hri.bodies', 'hri_msgs/msg/IdsList', '/humans/bodies/tracked'),
        ('people.people', 'people_msgs/msg/People', 'people'),
        ('foxglove.drawings', 'foxglove_msgs/msg/SceneUpdate', 'planner_bridge/scene'),
    ):
        if installed(name):
            kept[parameter] = client.listen(ros_type(name), topic, EVERYTHING)
    if not kept:
        pytest.skip('none of the message packages is installed')
    client.report_until(lambda: all(kept.values()), person(16))
    assert client.change_state('deactivate')
    ends = {
        'moveit.objects': lambda m: (m.id, m.operation) == ('person_16', b'\x01'),
        'hri.bodies': lambda m: not m.ids,
        'people.people': lambda m: not m.people,
        'foxglove.drawings': lambda m: bool(m.deletions),
    }
    wait_for(lambda: all(ends[p](messages[-1]) for p, messages in kept.items()))
