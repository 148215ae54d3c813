"""Check that a two-stage model takes the people that another node finds, by stamp."""

import threading
from math import inf, nan

import pytest
from node_harness import MILLISECOND, picture, running_node, values, wait_for

from actloc_ros.messages import header_message
from actloc_ros.msg import ActionDetection, ActionDetectionArray
from actloc_ros.ros.common.message_types import ros_type

START = 1_700_000_000_000_000_000
PERIOD = 100 * MILLISECOND
BOX = [10.0, 14.0, 22.0, 34.0]
OURS = {
    'model': 'topic+mc3_18',
    'random_weights': True,
    'device': 'cpu',
    'boxes__type': 'actloc_ros/ActionDetectionArray',
    'boxes__patience': 2.0,
    'instances__start_score': 1.0,
}


def boxes_message(stamp: int, *states: int) -> ActionDetectionArray:
    """Return one actor's detections at `stamp` (ns), one for each state."""
    detections = [
        ActionDetection(track_id=3, instance_id=i, state=state, bbox=BOX, box_score=0.75)
        for i, state in enumerate(states)
    ]
    return ActionDetectionArray(
        header=header_message(ros_type, stamp, 'optical'), detections=detections
    )


def test_boxes_meet_the_image_of_their_stamp():
    with running_node(**OURS) as client:
        images = client.camera()
        boxes = client.camera('boxes', ActionDetectionArray)

        boxes.publish(boxes_message(START, ActionDetection.ONGOING, ActionDetection.STARTED))
        first = client.show(images, picture(), START)
        assert [list(d.bbox) for d in first.detections] == [BOX]
        assert first.detections[0].box_score == pytest.approx(0.75)

        late = threading.Timer(0.3, boxes.publish, [boxes_message(START + PERIOD, 2)])
        late.start()
        second = client.show(images, picture(), START + PERIOD)
        assert [list(d.bbox) for d in second.detections] == [BOX]

        ended = boxes_message(START + 2 * PERIOD, ActionDetection.ENDED)
        boxes.publish(ended)
        assert client.show(images, picture(), START + 2 * PERIOD).detections == []


def test_an_image_without_boxes_is_published_without_actors_after_patience():
    with running_node(**OURS | {'boxes__patience': 0.1}) as client:
        images = client.camera()
        assert client.show(images, picture(), START).detections == []


def test_boxes_that_are_none_are_counted_and_left_out():
    wrong = [
        ([nan, 1, 9, 9], 0.5),
        ([0, 0, inf, 9], 0.5),
        ([-inf, -inf, inf, inf], 0.5),
        ([9, 9, 1, 1], 0.5),
        ([0, 0, 3e38, 9], 0.5),
        (BOX, nan),
        (BOX, inf),
        (BOX, -0.5),
        (BOX, 2.0),
    ]
    message = boxes_message(START, 1)
    for box, score in wrong:
        message.detections += boxes_message(START, 1).detections
        message.detections[-1].track_id = len(message.detections) + 3
        message.detections[-1].bbox = [float(x) for x in box]
        message.detections[-1].box_score = score
    with running_node(**OURS) as client:
        images = client.camera()
        client.camera('boxes', ActionDetectionArray).publish(message)
        answer = client.show(images, picture(), START)
        assert [list(d.bbox) for d in answer.detections] == [BOX]
        assert values(client.status('camera'))['boxes broken'] == str(len(wrong))
        assert client.state() == 'active'


def test_boxes_that_come_too_late_are_counted():
    with running_node(**OURS | {'boxes__patience': 0.05}) as client:
        images = client.camera()
        boxes = client.camera('boxes', ActionDetectionArray)
        client.show(images, picture(), START)
        assert values(client.status('camera'))['frames without boxes'] == '1'
        boxes.publish(boxes_message(START, 1))
        wait_for(lambda: values(client.status('camera'))['boxes too late'] == '1')


def test_a_message_type_that_is_not_installed_is_named():
    try:
        import vision_msgs.msg  # noqa: F401
    except ImportError:
        given = OURS | {'boxes__type': 'vision_msgs/Detection2DArray'}
        with running_node(autostart=False, **given) as client:
            assert not client.change_state('configure')
            status = wait_for(lambda: client.status() or None)
            assert 'vision_msgs cannot be imported' in status.message
    else:
        pytest.skip('vision_msgs is installed')


def test_vision_msgs_are_read():
    vision_msgs = pytest.importorskip('vision_msgs.msg')
    message = vision_msgs.Detection2DArray(header=header_message(ros_type, START, 'optical'))
    found = vision_msgs.Detection2D()
    found.bbox.center.position.x, found.bbox.center.position.y = 16.0, 24.0
    found.bbox.size_x, found.bbox.size_y = 12.0, 20.0
    hypothesis = vision_msgs.ObjectHypothesisWithPose()
    hypothesis.hypothesis.class_id, hypothesis.hypothesis.score = 'person', 0.5
    found.results = [hypothesis]
    message.detections = [found]
    given = OURS | {'boxes__type': 'vision_msgs/Detection2DArray'}
    with running_node(**given) as client:
        images = client.camera()
        client.camera('boxes', vision_msgs.Detection2DArray).publish(message)
        answer = client.show(images, picture(), START)
        assert [list(d.bbox) for d in answer.detections] == [BOX]
        assert answer.detections[0].box_score == pytest.approx(0.5)


def test_offline_says_how_to_give_boxes():
    from actloc_ros.localizer import LocalizerOptions
    from actloc_ros.models.errors import ModelError
    from actloc_ros.models.open import open_localizer

    with pytest.raises(ModelError, match='boxes=PATH'):
        open_localizer('topic+mc3_18', LocalizerOptions(random_weights=True))
