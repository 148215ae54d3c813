"""Check the node as a process of its own: how it ends, and how it fails to start."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest
import rclpy
from colour_localizer import SlowlyOpenedLocalizer
from node_harness import (
    MILLISECOND,
    PATIENCE,
    Client,
    image_message,
    picture,
    spinning,
    stamp_of,
    wait_for,
)
from rcl_interfaces.msg import Log
from rcl_interfaces.srv import GetParameters
from rosgraph_msgs.msg import Clock

from actloc_ros.messages import time_message
from actloc_ros.msg import ActionDetection as Detection
from actloc_ros.ros.common.message_types import ros_type

START = 1_700_000_000_000_000_000
PERIOD = 40 * MILLISECOND
MODEL = 'model:=colour_localizer:ColourLocalizer'


class Start(Protocol):
    """Starts the installed executable with `NAME:=VALUE` parameters and a parameter file."""

    def __call__(self, *parameters: str, file: Path | None = None) -> subprocess.Popen:
        """Return the process."""
        ...


@pytest.fixture
def start() -> Iterator[Start]:
    """Return what starts a node; a test that fails leaves none behind."""
    executable = shutil.which('action_localizer')
    assert executable, 'source scripts/setup.bash first'
    path = f'{Path(__file__).resolve().parents[2] / "support"}:{os.environ["PYTHONPATH"]}'
    started: list[subprocess.Popen] = []

    def start(*parameters: str, file: Path | None = None) -> subprocess.Popen:
        arguments = [word for parameter in parameters for word in ('-p', parameter)]
        if file:
            arguments += ['--params-file', str(file)]
        process = subprocess.Popen(
            [executable, '--ros-args', *arguments],
            env={**os.environ, 'PYTHONPATH': path},
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(PATIENCE)


def finish(process: subprocess.Popen, timeout: float = 60) -> tuple[int, str]:
    """Return a process' exit code and what it said."""
    _, said = process.communicate(timeout=timeout)
    return process.returncode, said


@pytest.fixture
def client() -> Iterator[Client]:
    """Give a client that spins."""
    rclpy.init()
    client = Client()
    with spinning(client.node):
        yield client
    client.node.destroy_node()
    rclpy.shutdown()


@contextmanager
def filming(client: Client) -> Iterator[list[int]]:
    """Send images, now and in real time, all along."""
    camera = client.node.create_publisher(type(image_message(picture(), 0)), 'image', 10)
    stop, sent = threading.Event(), [START]

    def film() -> None:
        while not stop.wait(0.04):
            sent.append(sent[-1] + PERIOD)
            camera.publish(image_message(picture('red'), sent[-1]))

    thread = threading.Thread(target=film, daemon=True)
    thread.start()
    yield sent
    stop.set()
    thread.join(5)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_with_the_last_message_out(
    client: Client, start: Start, number: signal.Signals
) -> None:
    process = start(MODEL, 'instances.min_duration:=0.0')
    wait_for(lambda: client.labels, 60)  # the last of its topics that the node found here
    with filming(client):
        wait_for(lambda: len(client.detections) > 5, 60)
        process.send_signal(number)
        began = time.monotonic()
        code, said = finish(process)
        print(f'ended {time.monotonic() - began:.2f} s after {number.name}')
    assert code == 0, said
    assert 'Traceback' not in said
    assert [event.state for event in client.events] == [Detection.STARTED, Detection.ENDED]
    last = client.detections[-1]
    assert [d.state for d in last.detections] == [Detection.ENDED]
    assert stamp_of(last) == stamp_of(client.detections[-2])


def test_a_signal_ends_an_idle_node(client: Client, start: Start) -> None:
    process = start('autostart:=false')
    assert client.status(timeout=60).message == 'unconfigured'
    process.send_signal(signal.SIGINT)
    code, said = finish(process)
    assert (code, said) == (0, '')


def test_a_signal_ends_it_also_where_the_model_is_stuck(client: Client, start: Start) -> None:
    process = start('model:=colour_localizer:StuckLocalizer', 'diagnostics.period:=0.1')
    with filming(client):
        wait_for(lambda: 'Hz' in client.status('camera', timeout=60).message)
        process.send_signal(signal.SIGTERM)
        code, said = finish(process, timeout=20)
    assert code == 1
    assert 'the model still works on a step' in said


@pytest.mark.parametrize(
    ('parameters', 'code', 'reason'),
    [
        ((MODEL, 'weights:=lost.pt'), 1, 'cannot be configured: there are no weights "lost.pt"'),
        (('max_rate:=soon',), 2, "action_localizer: error: Trying to set parameter 'max_rate'"),
        (('strict:=true', 'modle:=motion'), 2, 'no parameter modle (did you mean model?); strict'),
        (('cameras:=[front, /front]',), 2, 'holds a name twice'),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(
    start: Start, parameters: tuple[str, ...], code: int, reason: str
) -> None:
    returned, said = finish(start(*parameters))
    assert returned == code
    assert reason in said
    assert 'Traceback' not in said


def test_a_missing_parameter_file_is_one_line(start: Start, tmp_path: Path) -> None:
    code, said = finish(start(file=tmp_path / 'lost.yaml'))
    assert code == 2
    assert 'lost.yaml' in said
    assert 'Traceback' not in said


def test_what_rclpy_raises_is_logged_and_the_node_lives_on(client: Client, start: Start) -> None:
    process = start(MODEL, 'use_sim_time:=true', 'instances.min_duration:=0.0')
    wait_for(lambda: client.state() == 'active', 60)
    clock = client.camera('/clock', Clock)
    before_zero = Clock()
    before_zero.clock.sec = -5
    said: list[Log] = []
    client.node.create_subscription(Log, '/rosout', said.append, 100)

    def ignored() -> bool:
        clock.publish(before_zero)  # again, since best effort may lose one
        client.diagnostics()
        return any('what came is ignored' in log.msg for log in said)

    wait_for(ignored, 30)

    def starts() -> bool:
        clock.publish(Clock(clock=time_message(ros_type, START)))
        return stamp_of(client.diagnostics()) == START

    wait_for(starts)
    assert client.state() == 'active'
    client.show(client.camera(), picture('red'), START)
    process.send_signal(signal.SIGINT)
    code, output = finish(process)
    assert code == 0, output
    assert 'Traceback' not in output


def test_services_answer_while_the_node_starts_by_itself(client: Client, start: Start) -> None:
    process = start('model:=colour_localizer:SlowlyOpenedLocalizer')
    assert client.state() == 'configuring'
    status = client.status()
    assert 'opening the model colour_localizer' in status.message
    assert status.level == b'\x00'
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    code, said = finish(process)
    assert time.monotonic() - began < SlowlyOpenedLocalizer.takes / 2
    assert code == 0, said
    assert 'Traceback' not in said


def test_a_parameter_file_is_taken_as_offline(client: Client, start: Start, tmp_path: Path) -> None:
    file = tmp_path / 'robot.yaml'
    file.write_text(PARAMETERS)
    process = start(file=file)
    wait_for(lambda: client.state() == 'active', 60)
    names = ['max_rate', 'cameras', 'instances.overrides']
    answer = client.call(GetParameters, 'get_parameters', GetParameters.Request(names=names))
    rate, cameras, overrides = answer.values
    assert rate.double_value == 10.0
    assert list(cameras.string_array_value) == list(overrides.string_array_value) == ['']
    process.send_signal(signal.SIGINT)
    code, said = finish(process)
    assert code == 0, said
    assert said.count('no parameter max_rat (did you mean max_rate?); it is ignored') == 1
    assert said.count('no parameter robot_radius (none of its parameters has a similar') == 1


PARAMETERS = """
/**:
  ros__parameters:
    model: colour_localizer:ColourLocalizer
    robot_radius: 0.3
    cameras: []
    instances: {overrides: []}
action_localizer:
  ros__parameters:
    max_rate: 1e1
    max_rat: 5.0
"""
