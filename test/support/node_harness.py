"""Run the real node and talk to it as a robot does: by topics, services and parameters."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool, Trigger

from actloc_ros.messages import header_message
from actloc_ros.msg import ActionDetection, ActionDetectionArray, LabelInfo
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.localizer_node.node import ActionLocalizer

NAME = 'action_localizer'
PATIENCE = 15.0  # s: every wait ends then
COLOURS = {'red': (250, 0, 0), 'green': (0, 250, 0), 'blue': (0, 0, 250)}
MILLISECOND = 1_000_000

Answer = TypeVar('Answer')


def wait_for(what: Callable[[], Answer], timeout: float = PATIENCE) -> Answer:
    """Return the first true answer of `what`; fail after `timeout` s."""
    deadline = time.monotonic() + timeout
    while not (answer := what()):
        assert time.monotonic() < deadline, f'waited {timeout} s in vain'
        time.sleep(0.005)
    return answer


def picture(
    colour: str | None = 'red', left: int = 10, size: tuple[int, int] = (64, 48)
) -> np.ndarray:
    """Return a dark picture of `size` (width, height) with a rectangle 12 wide and 20 high."""
    pixels = np.full((size[1], size[0], 3), 20, np.uint8)
    if colour:
        pixels[14:34, left : left + 12] = COLOURS[colour]
    return pixels


def image_message(pixels: np.ndarray, stamp: int) -> Image:
    """Return an rgb8 image taken at `stamp` (ns)."""
    message = Image(header=header_message(ros_type, stamp, 'optical'), encoding='rgb8')
    message.height, message.width = pixels.shape[:2]
    message.step = pixels.shape[1] * 3
    message.data = pixels.tobytes()
    return message


class Client:
    """What surrounds the node under test: cameras, a planner, a person who sets parameters.

    Attributes:
        detections: All `ActionDetectionArray` that came.
        events: All `ActionDetection` of `~/events` that came.
    """

    def __init__(self) -> None:
        self.node = Node('client')
        self.detections: list[ActionDetectionArray] = []
        self.events: list[ActionDetection] = []
        self.labels: list[LabelInfo] = []
        self._diagnostics: list[DiagnosticArray] = []
        self._clients: dict[str, Any] = {}
        everything = QoSProfile(depth=10, history=HistoryPolicy.KEEP_ALL)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        for message_type, topic, kept, qos in (
            (ActionDetectionArray, f'{NAME}/detections', self.detections, everything),
            (ActionDetection, f'{NAME}/events', self.events, everything),
            (LabelInfo, f'{NAME}/label_info', self.labels, latched),
            (DiagnosticArray, '/diagnostics', self._diagnostics, 10),
        ):
            self.node.create_subscription(message_type, topic, kept.append, qos)

    def camera(self, topic: str = 'image', message_type: Any = Image, qos: Any = 10) -> Any:
        """Return a publisher that the node has found."""
        publisher = self.node.create_publisher(message_type, topic, qos)
        wait_for(publisher.get_subscription_count)
        return publisher

    def show(self, publisher: Any, pixels: np.ndarray, stamp: int) -> ActionDetectionArray:
        """Send an image and return the node's answer."""
        count = len(self.detections)
        publisher.publish(image_message(pixels, stamp))
        return wait_for(
            lambda: next((m for m in self.detections[count:] if stamp_of(m) == stamp), None)
        )

    def call(self, service_type: Any, name: str, request: Any) -> Any:
        """Call one of the node's services."""
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self.node.create_client(service_type, f'{NAME}/{name}')
            assert client.wait_for_service(60)  # a process may just start
        future = client.call_async(request)
        wait_for(future.done, 30)
        return future.result()

    def enable(self, enabled: bool) -> Any:
        """Call `~/enable`."""
        return self.call(SetBool, 'enable', SetBool.Request(data=enabled))

    def reset(self) -> Any:
        """Call `~/reset`."""
        return self.call(Trigger, 'reset', Trigger.Request())

    def state(self) -> str:
        """Return the lifecycle state."""
        return self.call(GetState, 'get_state', GetState.Request()).current_state.label

    def change_state(self, transition: str) -> bool:
        """Ask for a transition as a lifecycle manager does; say whether it went well."""
        request = ChangeState.Request()
        request.transition.label = transition
        request.transition.id = TRANSITIONS[transition]
        return self.call(ChangeState, 'change_state', request).success

    def set(self, **values: Any) -> str:
        """Set parameters (`__` stands for a dot) at once; return why not, or nothing."""
        parameters = [
            Parameter(name.replace('__', '.'), value=value).to_parameter_msg()
            for name, value in values.items()
        ]
        return self.set_messages(parameters)

    def set_messages(self, parameters: list[ParameterMessage]) -> str:
        """Set parameters of any type; return why not, or nothing."""
        request = SetParameters.Request(parameters=parameters)
        results = self.call(SetParameters, 'set_parameters', request).results
        return '; '.join(result.reason for result in results if not result.successful)

    def diagnostics(self) -> DiagnosticArray:
        """Return the next diagnostics."""
        self._diagnostics.clear()
        return wait_for(lambda: self._diagnostics[-1] if self._diagnostics else None)

    def status(self, name: str = 'localizer', timeout: float = PATIENCE) -> Any:
        """Return the next diagnostic status of the node called `name`."""
        self._diagnostics.clear()
        return wait_for(
            lambda: next(
                (
                    status
                    for array in list(self._diagnostics)
                    for status in array.status
                    if status.name == f'{NAME}: {name}'
                ),
                None,
            ),
            timeout,
        )

    def wait_for_status(self, text: str, name: str = 'camera') -> Any:
        """Return the first status whose message holds `text`."""

        def found() -> Any:
            status = self.status(name)
            return status if text in status.message else None

        return wait_for(found)


TRANSITIONS = {'configure': 1, 'cleanup': 2, 'activate': 3, 'deactivate': 4}


def values(status: Any) -> dict[str, str]:
    """Return a diagnostic status' values by key."""
    return {pair.key: pair.value for pair in status.values}


def stamp_of(message: Any) -> int:
    """Return the stamp of a message's header in ns."""
    stamp = message.header.stamp
    return stamp.sec * 1_000_000_000 + stamp.nanosec


@contextmanager
def spinning(*nodes: Node) -> Iterator[None]:
    """Spin each node in a thread of its own."""
    executors = [SingleThreadedExecutor() for _ in nodes]
    stop = threading.Event()

    def spin(executor: SingleThreadedExecutor) -> None:
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.05)

    threads = [threading.Thread(target=spin, args=(e,), daemon=True) for e in executors]
    for executor, node, thread in zip(executors, nodes, threads, strict=True):
        executor.add_node(node)
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread, executor in zip(threads, executors, strict=True):
            thread.join(PATIENCE)
            executor.shutdown()


@contextmanager
def running_node(autostart: bool = True, **parameters: Any) -> Iterator[Client]:
    """Run the node with `parameters` (`__` stands for a dot), and a client beside it."""
    given = {
        'model': 'colour_localizer:ColourLocalizer',
        'instances__min_duration': 0.0,
        'diagnostics__period': 0.1,
        'restart_gap': 9.0,  # longer than a busy machine may pause between two frames
        **parameters,
    }
    rclpy.init()
    try:
        overrides = [Parameter(k.replace('__', '.'), value=v) for k, v in given.items()]
        node, client = ActionLocalizer(parameter_overrides=overrides), Client()
        try:
            with spinning(node, client.node):
                if autostart:
                    assert client.change_state('configure')
                    assert client.change_state('activate')
                yield client
            node.trigger_shutdown()
        finally:  # or the next test would find this node as well
            node.quit()
            node.destroy_node()
            client.node.destroy_node()
    finally:
        rclpy.shutdown()
