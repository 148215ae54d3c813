"""Check how the node finds, misses and drops frames, and what it says of that."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import numpy as np
import pytest
import rclpy
from colour_localizer import ColourLocalizer
from node_harness import (
    MILLISECOND,
    NAME,
    Client,
    image_message,
    picture,
    running_node,
    stamp_of,
    values,
    wait_for,
)
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image

from actloc_ros.messages import time_message
from actloc_ros.msg import ActionDetection as Detection
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.localizer_node.camera_input import CameraInput

START = 1_700_000_000_000_000_000
PERIOD = 40 * MILLISECOND
RELIABILITIES = (ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT)
SURROUNDINGS = 'actloc_ros.ros.localizer_node.surroundings'
SILENCE = 'no frames on /image, because '


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Hold the localizer up while the gate is not set, as a slow model does."""
    gate = threading.Event()
    step = ColourLocalizer.step

    def wait(self: ColourLocalizer, frames: list) -> list:
        assert gate.wait(15)
        return step(self, frames)

    monkeypatch.setattr(ColourLocalizer, 'step', wait)
    yield gate
    gate.set()


def test_a_slow_model_gets_the_newest_frame_and_the_rest_is_counted(gate: threading.Event) -> None:
    with running_node() as client:
        camera = client.camera()
        for index in range(6):
            camera.publish(image_message(picture('red'), START + index * PERIOD))
            wait_for(lambda n=index: int(values(client.status('camera'))['frames in']) == n + 1)
        gate.set()
        wait_for(lambda: len(client.detections) == 2)
        first, last = client.detections
        assert (stamp_of(first), stamp_of(last)) == (START, START + 5 * PERIOD)
        assert (first.frames_dropped, last.frames_dropped) == (4, 4)
        assert values(client.status('camera'))['frames dropped'] == '4'


@contextmanager
def another_process(name: str = 'stranger') -> Iterator[Node]:
    """Give a node of a DDS participant of its own, which may publish any type on any topic."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node(name, context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


def test_every_reason_for_silence_is_told() -> None:
    with running_node() as client:
        status = client.wait_for_status(SILENCE + 'nobody publishes it')
        assert status.level == b'\x01'
        other = client.node.create_publisher(CompressedImage, 'image/compressed', 10)
        client.wait_for_status('/image/compressed is published: set transport to compressed')
        client.node.destroy_publisher(other)
        with another_process() as stranger:
            stranger.create_publisher(CompressedImage, 'image', 10)
            client.wait_for_status('published as sensor_msgs/msg/CompressedImage, not as sensor_')
        camera = client.camera()
        client.wait_for_status('its publisher (client) sends nothing')
        client.show(camera, picture('red'), START)
        client.wait_for_status(' Hz')


def test_reliability_is_matched_to_what_publishers_offer() -> None:
    with running_node() as client:
        reliable = client.camera()
        client.show(reliable, picture('red'), START)
        assert reliabilities(client) == [ReliabilityPolicy.RELIABLE]
        effort = client.node.create_publisher(Image, 'image', qos_profile_sensor_data)
        wait_for(effort.get_subscription_count)
        assert sorted(reliabilities(client)) == sorted(RELIABILITIES)
        for index, camera in enumerate((effort, reliable, effort, reliable), 1):
            client.show(camera, picture('red'), START + index * PERIOD)
        shown = values(client.status('camera'))
        assert shown['frames in'] == '5'  # no frame came twice
        client.node.destroy_publisher(effort)
        client.show(reliable, picture('red'), START + 9 * PERIOD)


def test_a_reliable_camera_loses_nothing_after_one_of_best_effort() -> None:
    with running_node() as client:
        effort = client.camera(qos=qos_profile_sensor_data)
        client.show(effort, picture('red'), START)
        client.node.destroy_publisher(effort)
        reliable = client.camera(qos=QoSProfile(depth=40))
        large = picture('red', size=(640, 480))  # of which best effort loses some
        for index in range(1, 31):
            client.show(reliable, large, START + index * PERIOD)
        assert values(client.status('camera'))['frames in'] == '31'
        client.wait_for_status(' Hz')  # and none of them counts as repeated


def test_a_broken_frame_is_the_state_for_a_while_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('actloc_ros.ros.localizer_node.diagnostics.FAULT_SHOWN', 1.0)
    with running_node() as client:
        camera = client.camera()
        client.show(camera, picture('red'), START)
        broken = image_message(picture('red'), START + PERIOD)
        broken.encoding = 'smell'
        camera.publish(broken)
        assert client.wait_for_status('broken frames are skipped').level == b'\x01'
        client.show(camera, picture('red'), START + 2 * PERIOD)
        status = client.wait_for_status(' Hz')
        assert status.level == b'\x00'
        assert [n for key, n in values(status).items() if key.startswith('frames broken')] == ['1']


def test_losses_of_a_reliable_camera_are_not_blamed_on_best_effort(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CameraInput, 'lost', 7)
    monkeypatch.setattr(CameraInput, 'lost_at', inf)
    with running_node() as client:
        reliable = client.camera()
        client.show(reliable, picture('red'), START)
        said = client.wait_for_status('7 frames were lost').message
        assert 'more memory' in said
        assert 'reliable' not in said
        client.show(client.camera(qos=qos_profile_sensor_data), picture('red'), START + PERIOD)
        client.wait_for_status('offer them reliable')
        monkeypatch.setattr(CameraInput, 'lost_at', 0.0)
        client.wait_for_status(' Hz')


def test_simulated_time_that_does_not_come_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f'{SURROUNDINGS}.PATIENCE', 0.5)
    with running_node(use_sim_time=True) as client:
        hint = client.wait_for_status('localizing; use_sim_time is true, but no time', 'localizer')
        assert hint.level == b'\x01'
        clock = client.camera('/clock', Clock)
        clock.publish(Clock(clock=time_message(ros_type, START)))
        wait_for(lambda: client.status().message == 'localizing')


def test_two_nodes_of_one_name_are_reported_where_both_live(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f'{SURROUNDINGS}.PATIENCE', 0.5)
    with running_node() as client:
        wait_for(lambda: client.status().message == 'localizing')
        with another_process(NAME):
            text = 'localizing; several nodes are called /action_localizer'
            assert client.wait_for_status(text, 'localizer').level == b'\x01'
        wait_for(lambda: client.status().message == 'localizing')


def test_qos_can_be_overridden() -> None:
    effort = {'qos_overrides./image.subscription.reliability': 'best_effort'}
    with running_node(**effort) as client:
        client.show(client.camera(), picture('red'), START)
        assert reliabilities(client) == [ReliabilityPolicy.BEST_EFFORT]


def reliabilities(client: Client) -> list[ReliabilityPolicy]:
    """Return what the node's subscriptions to its camera ask for."""
    found = client.node.get_subscriptions_info_by_topic('/image')
    return [endpoint.qos_profile.reliability for endpoint in found]


def test_an_8k_image_is_localized() -> None:
    with running_node() as client:
        camera = client.camera()
        pixels = np.zeros((4320, 7680, 3), np.uint8)
        pixels[1000:2000, 3000:4000, 0] = 250
        answer = client.show(camera, pixels, START)
        assert answer.detections[0].bbox.tolist() == [3000, 1000, 4000, 2000]
        client.show(camera, picture('red'), START + PERIOD)


def test_simulated_time_that_jumps_back_ends_what_is_open() -> None:
    with running_node(use_sim_time=True) as client:
        clock = client.camera('/clock', Clock)
        camera = client.camera()

        def tick(stamp: int) -> None:
            clock.publish(Clock(clock=time_message(ros_type, stamp)))
            wait_for(lambda: stamp_of(client.diagnostics()) == stamp)

        tick(START)
        answer = client.show(camera, picture('red'), START)
        assert (answer.latency.sec, answer.latency.nanosec) == (0, 0)
        tick(START + PERIOD)
        client.show(camera, picture('red'), START + PERIOD)
        tick(START - 5 * 10**9)
        wait_for(lambda: len(client.events) == 2)
        assert client.events[1].state == Detection.ENDED
        assert stamp_of(client.events[1]) == START + PERIOD


def test_a_jump_that_frames_told_first_ends_nothing_twice() -> None:
    with running_node(use_sim_time=True) as client:
        clock = client.camera('/clock', Clock)
        camera = client.camera()

        def tick(stamp: int) -> None:
            clock.publish(Clock(clock=time_message(ros_type, stamp)))
            wait_for(lambda: stamp_of(client.diagnostics()) == stamp)

        tick(START)
        client.show(camera, picture('red'), START)
        client.show(camera, picture('red'), START - 10**10)
        tick(START - 10**10)
        client.show(camera, picture('red'), START - 10**10 + PERIOD)
        states = [event.state for event in client.events]
        assert states == [Detection.STARTED, Detection.ENDED, Detection.STARTED]
