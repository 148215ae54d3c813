"""Check that a replay drops nothing, repeats to the bit, and equals the offline tool."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from node_harness import MILLISECOND, Client, image_message, picture, running_node, wait_for
from rclpy.qos import HistoryPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image

from actloc_ros.frames import Frame
from actloc_ros.instances import InstanceOptions
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.messages import step_to_message
from actloc_ros.models.open import open_localizer
from actloc_ros.pipeline import Pipeline
from actloc_ros.ros.common.message_types import ros_type

START = 1_700_000_000_000_000_000
PERIOD = 40 * MILLISECOND
REPLAY = QoSProfile(depth=1, history=HistoryPolicy.KEEP_ALL)


def film(camera: str = '', count: int = 60) -> list[Frame]:
    """Return frames in which a rectangle moves and changes its colour; time jumps back once."""
    colours = ['red', 'green', None, 'blue']
    stamps = [START + i * PERIOD - (i >= count // 2) * 10**10 for i in range(count)]
    return [
        Frame(camera, stamp, picture(colours[i // 8 % 4], 5 + i % 40), 'optical')
        for i, stamp in enumerate(stamps)
    ]


def replay(films: Sequence[list[Frame]], **parameters: Any) -> Client:
    """Play films through the node as fast as they go; return the client that saw the results."""
    names = [frames[0].camera for frames in films]
    given = {'cameras': names, 'process_all': True, 'restart_gap': 2.0, **parameters}
    with running_node(**given) as client:
        cameras = [client.camera(f'{n}/image' if n else 'image', Image, REPLAY) for n in names]
        for frames in zip(*films, strict=True):
            for camera, frame in zip(cameras, frames, strict=True):
                camera.publish(image_message(frame.image, frame.stamp))
        for frames in films:
            newest = (frames[-1].camera, frames[-1].stamp)
            wait_for(lambda n=newest: n in {key(m) for m in client.detections}, 90)
        assert client.change_state('deactivate')
        wait_for(lambda: not any(is_open(client, name) for name in names))
    return client


def key(message: Any) -> tuple[str, int]:
    """Return a message's camera and stamp."""
    stamp = message.header.stamp
    return message.camera, stamp.sec * 10**9 + stamp.nanosec


def is_open(client: Client, camera: str) -> bool:
    events = [event for event in client.events if event.camera == camera]
    return sum(event.state == 1 for event in events) > sum(event.state == 3 for event in events)


def offline(frames: Sequence[Frame], model: str, options: InstanceOptions) -> list[Any]:
    """Return what the pipeline says of `frames` without ROS, as messages."""
    pipeline = Pipeline(open_localizer(model, LocalizerOptions()), instances=options)
    steps = [step for frame in frames for step in pipeline.step([frame])] + pipeline.reset()
    pipeline.close()
    return [
        step_to_message(step, ros_type, model=pipeline.name, labels=pipeline.labels)
        for step in steps
    ]


def test_a_replay_of_two_cameras_drops_nothing_and_repeats_to_the_bit() -> None:
    films = [film('left'), film('right')]
    first, second = replay(films), replay(films)
    assert first.detections == second.detections
    assert first.events == second.events
    assert len(first.detections) > 2 * 60  # and steps that end what was open
    stamps = [key(m)[1] for m in first.detections if m.camera == 'left']
    assert sorted(set(stamps)) == sorted(frame.stamp for frame in films[0])
    assert all(m.latency.sec == m.inference_time.nanosec == 0 for m in first.detections)


def test_a_replay_equals_the_pipeline_offline() -> None:
    frames = film()
    expected = offline(
        frames, 'colour_localizer:ColourLocalizer', InstanceOptions(min_duration=0.0)
    )
    live = replay([frames])
    assert live.detections == expected
    events = [d for m in expected for d in m.detections if d.state in (1, 3)]
    assert live.events == events
    assert {event.label for event in events} == {'red', 'green', 'blue'}


def test_real_video_live_equals_offline(shared: Path) -> None:
    video = sorted((shared / 'data/ucf24/videos').rglob('*.*'))[0]
    frames = list(islice(open_source(video), 40))
    expected = offline(frames, 'motion', InstanceOptions())
    live = replay([frames], model='motion', instances__min_duration=0.2)
    for message in live.detections:
        assert message.header.frame_id == 'optical'
        message.header.frame_id = frames[0].frame_id
        for detection in message.detections:
            detection.header.frame_id = frames[0].frame_id
    assert live.detections == expected
    assert any(message.detections for message in expected)


def test_best_effort_publishers_are_told_that_replay_needs_more(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with running_node(process_all=True) as client:
        client.node.create_publisher(Image, 'image', qos_profile_sensor_data)
        client.wait_for_status('the QoS of its publisher does not fit')
    assert 'offers less RELIABILITY' in capfd.readouterr().err
