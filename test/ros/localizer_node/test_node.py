"""Check the node by its topics and services: what it says of what cameras show."""

import cv2
import pytest
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
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage

from actloc_ros.msg import ActionDetection as Detection

START = 1_700_000_000_123_456_789
PERIOD = 40 * MILLISECOND


def states(client: Client) -> list[tuple[int, str]]:
    return [(event.state, event.label) for event in client.events]


def test_a_camera_is_answered_with_exact_headers_boxes_and_instances() -> None:
    with running_node() as client:
        camera = client.camera()
        first = client.show(camera, picture('red', 10), START)
        second = client.show(camera, picture('red', 12), START + PERIOD)
        empty = client.show(camera, picture(None), START + 2 * PERIOD)
        assert [stamp_of(m) - START for m in client.detections] == [0, PERIOD, 2 * PERIOD]
        assert first.header.frame_id == 'optical'
        assert (first.image_width, first.image_height, first.model) == (64, 48, 'colour')
        assert (first.clip_frames, first.clip_frames_missing) == (1, 0)
        assert first.latency.sec > 0  # an old stamp is an old image
        [seen], [again] = first.detections, second.detections
        assert seen.bbox.tolist() == [10, 14, 22, 34]
        assert again.bbox.tolist() == [12, 14, 24, 34]
        assert (seen.state, again.state) == (Detection.STARTED, Detection.ONGOING)
        assert (seen.track_id, seen.instance_id, seen.class_id, seen.label) == (1, 1, 0, 'red')
        assert (again.track_id, again.instance_id) == (1, 1)
        assert again.start_time == first.header.stamp
        assert again.end_time == second.header.stamp
        assert [result.label for result in seen.results] == ['red']
        assert seen.results[0].score == pytest.approx(250 / 255)
        assert not seen.has_pose
        assert not seen.has_velocity
        assert not empty.detections
        wait_for(lambda: client.labels)
        assert client.labels[0].labels == ['red', 'green', 'blue']
        assert client.labels[0].threshold == 0.5
        assert states(client) == [(Detection.STARTED, 'red')]


def test_cameras_are_told_apart_and_compressed_images_are_read() -> None:
    with running_node(cameras=['front', 'back'], transport='compressed') as client:
        for name, colour in (('front', 'red'), ('back', 'blue')):
            camera = client.camera(f'{name}/image/compressed', CompressedImage)
            message = CompressedImage(format='jpg')
            message.header.stamp.sec = 5
            message.data = cv2.imencode('.png', picture(colour)[..., ::-1])[1].tobytes()
            camera.publish(message)
        wait_for(lambda: len(client.detections) == 2)
        labels = {m.camera: [d.label for d in m.detections] for m in client.detections}
        assert labels == {'front': ['red'], 'back': ['blue']}
        assert {d.camera for m in client.detections for d in m.detections} == {'front', 'back'}


def test_time_that_jumps_back_ends_what_is_open_before_anything_starts() -> None:
    with running_node() as client:
        camera = client.camera()
        client.show(camera, picture('red'), START)
        client.show(camera, picture('red'), START + PERIOD)
        client.show(camera, picture('red'), START - 10**9)
        wait_for(lambda: len(client.events) == 3)
        ended, started = client.events[1:]
        assert (ended.state, started.state) == (Detection.ENDED, Detection.STARTED)
        assert stamp_of(ended) == START + PERIOD
        assert ended.end_time == ended.header.stamp
        assert stamp_of(started) == START - 10**9
        assert started.track_id != ended.track_id


def test_repeated_and_zero_stamps_are_counted_and_skipped() -> None:
    with running_node() as client:
        camera = client.camera()
        client.show(camera, picture('red'), START)
        camera.publish(image_message(picture('red'), START))
        client.wait_for_status('is that of the frame before')
        camera.publish(image_message(picture('red'), 0))
        status = client.wait_for_status('stamp of its header is zero')
        last = client.show(camera, picture('red'), START + PERIOD)
        assert len(client.detections) == 2
        assert last.frames_dropped == 2
        assert last.detections[0].state == Detection.ONGOING
        broken = {k: v for k, v in values(status).items() if 'broken' in k}
        assert broken == {'frames broken (repeated stamp)': '1', 'frames broken (zero stamp)': '1'}


def test_rate_and_resolution_may_change_and_gaps_restart() -> None:
    with running_node() as client:
        camera = client.camera()
        client.show(camera, picture('red'), START)
        client.show(camera, picture('red'), START + PERIOD)
        client.show(camera, picture('red'), START + 10 * PERIOD)
        wide = client.show(camera, picture('red', size=(80, 60)), START + 11 * PERIOD)
        assert (wide.image_width, wide.image_height) == (80, 60)
        assert wide.detections[0].state == Detection.STARTED
        later = client.show(camera, picture('red', size=(80, 60)), START + 10**10)
        assert later.detections[0].state == Detection.STARTED
        wait_for(lambda: len(client.events) == 5)
        assert [event.state for event in client.events] == [1, 3, 1, 3, 1]


def test_what_a_camera_saw_ends_when_it_dies() -> None:
    with running_node(restart_gap=0.5) as client:
        camera = client.camera()
        client.show(camera, picture('red'), START)
        client.node.destroy_publisher(camera)
        wait_for(lambda: len(client.events) == 2)
        assert client.events[1].state == Detection.ENDED
        assert stamp_of(client.events[1]) == START
        again = client.show(client.camera(), picture('red'), START + PERIOD)
        assert again.detections[0].state == Detection.STARTED


def test_publishers_may_die_and_come_back() -> None:
    with running_node() as client:
        for attempt in range(3):
            camera = client.camera(qos=qos_profile_sensor_data if attempt else 10)
            answer = client.show(camera, picture('red'), START + attempt * PERIOD)
            assert answer.detections[0].track_id == 1
            client.node.destroy_publisher(camera)
            wait_for(lambda: not client.node.count_publishers('image'))


def test_broken_images_are_counted_and_skipped() -> None:
    with running_node() as client:
        camera = client.camera()
        client.show(camera, picture('red'), START)
        for index, fault in enumerate(({'step': 3}, {'encoding': 'klingon'}, {'width': 0})):
            message = image_message(picture('red'), START + index * MILLISECOND + 1)
            for name, value in fault.items():
                setattr(message, name, value)
            camera.publish(message)
            client.wait_for_status('broken frames are skipped')
        cut = image_message(picture('red'), START + PERIOD // 2)
        cut.data = cut.data[:100]
        camera.publish(cut)
        status = client.wait_for_status('data has 100 bytes')
        broken = {k: v for k, v in values(status).items() if 'broken' in k}
        assert sum(map(int, broken.values())) == 4
        answer = client.show(camera, picture('red'), START + PERIOD)
        assert answer.detections[0].state == Detection.ONGOING
        assert answer.frames_dropped == 4


def test_disabled_it_ends_what_is_open_and_looks_away() -> None:
    with running_node() as client:
        camera = client.camera()
        client.show(camera, picture('red'), START)
        assert client.enable(False).success
        wait_for(lambda: len(client.events) == 2)
        assert client.events[1].state == Detection.ENDED
        count = len(client.detections)
        camera.publish(image_message(picture('red'), START + PERIOD))
        assert client.status().message == 'disabled'
        assert len(client.detections) == count
        assert client.enable(True).success
        answer = client.show(camera, picture('red'), START + 2 * PERIOD)
        assert answer.detections[0].state == Detection.STARTED


def test_reset_ends_what_is_open_with_its_last_evidence() -> None:
    with running_node() as client:
        camera = client.camera()
        client.show(camera, picture('red'), START)
        client.show(camera, picture(None), START + PERIOD)
        assert client.reset().success
        wait_for(lambda: len(client.events) == 2)
        ended = client.events[1]
        assert ended.state == Detection.ENDED
        assert stamp_of(ended) == START + PERIOD
        assert ended.end_time.nanosec == client.events[0].header.stamp.nanosec


def test_max_rate_goes_by_stamps_and_changes_at_run_time() -> None:
    with running_node(max_rate=10.0) as client:
        camera = client.camera()
        stamps = [START + i * PERIOD for i in range(11)]
        due = [stamps[i] for i in (0, 3, 5, 8, 10)]
        for stamp in stamps:
            if stamp in due:
                client.show(camera, picture('red'), stamp)
            else:
                received = int(values(client.status('camera'))['frames in'])
                camera.publish(image_message(picture('red'), stamp))
                wait_for(lambda r=received: int(values(client.status('camera'))['frames in']) > r)
        assert [stamp_of(m) for m in client.detections] == due
        assert client.detections[-1].frames_dropped == 6
        assert client.set(max_rate=0.0) == ''
        client.show(camera, picture('red'), stamps[-1] + MILLISECOND)


def test_late_frames_are_counted_and_forget_nothing() -> None:
    with running_node() as client:
        camera = client.camera()
        for index in range(25):
            stamp = START + index * 100 * MILLISECOND
            if index % 5 == 4:
                camera.publish(image_message(picture('red'), stamp - 250 * MILLISECOND))
                wait_for(
                    lambda n=index // 5 + 1: (
                        values(client.status('camera'))['frames late'] == str(n)
                    )
                )
            else:
                answer = client.show(camera, picture('red'), stamp)
        assert {d.track_id for m in client.detections for d in m.detections} == {1}
        assert states(client) == [(Detection.STARTED, 'red')]
        assert answer.frames_dropped == 4
        assert values(client.status('camera'))['restarts'] == '0'
        client.show(camera, picture('red'), START - 10**10)
        assert values(client.status('camera'))['restarts'] == '1'


def test_stamps_far_from_now_are_answered() -> None:
    with running_node() as client:
        camera = client.camera()
        for sec in (1, 2**31 - 1, -(2**31), 5):
            # A jump first ends what was seen before it, under the last stamp before it.
            answer = client.show(camera, picture('red'), sec * 10**9)
            assert (answer.latency.sec < 0) == (sec == 2**31 - 1)


def test_a_stamp_with_too_many_nanoseconds_is_skipped() -> None:
    with running_node() as client:
        camera = client.camera()
        message = image_message(picture('red'), START)
        message.header.stamp.sec, message.header.stamp.nanosec = 2**31 - 1, 2**32 - 1
        camera.publish(message)
        client.wait_for_status('4294967295 nanoseconds')
        client.show(camera, picture('red'), START)
