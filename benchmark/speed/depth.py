"""Measure which share of poses comes with the depth of its own image, with depth that is late.

The node runs as its own process; this one is the camera and the planner. Every depth image holds
one distance, which says whose it is. `python -m benchmark.speed.depth --help` lists the options.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions
from actloc_ros.messages import header_message, stamp_of
from actloc_ros.msg import ActionDetectionArray
from actloc_ros.ros.common.message_types import ros_type

RATES, DELAYS = (12.0, 15.0, 20.0, 30.0), (0.0, 0.02, 0.045, 0.05)
SIZE = (320, 240)
DISTANCES = 500  # m from 1 on in steps of 0.01, then again
WARM_UP = 10  # images until both periods are known
START_TIME = 60.0  # s that the node has to take its subscriptions
END_TIME = 3.0  # s for the last results


class OneActor(Localizer):
    """Finds one actor in the middle of every image, after the time of a small network."""

    name, labels, threshold = 'one_actor', ('standing',), 0.5

    def __init__(self, options: LocalizerOptions) -> None:
        self._time = float(os.environ.get('STEP_TIME', '0.015'))

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the actor in each frame."""
        time.sleep(self._time)
        box = np.float32([[SIZE[0] / 4, SIZE[1] / 4, SIZE[0] * 3 / 4, SIZE[1] * 3 / 4]])
        one = np.ones((1, 1), np.float32)
        return [Detections(box, one[0], one, ClipInfo(f.stamp, f.stamp)) for f in frames]

    def reset(self, camera: str | None = None) -> None:
        """Do nothing: there is no past."""


@dataclass
class Row:
    """What one run gave: of the images after the warm-up, how many had which end."""

    rate: float
    delay: float
    sent: int
    processed: int = 0
    own: int = 0
    others: int = 0
    without: int = 0
    latency_p50: float = 0.0
    latency_p99: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=int, default=300, help='of each run (default: 300)')
    parser.add_argument('--rates', type=float, nargs='+', default=RATES, help='in Hz')
    parser.add_argument('--delays', type=float, nargs='+', default=DELAYS, help='of depth, in s')
    parser.add_argument('--jitter', type=float, default=0.0, help='most that is added, in s')
    parser.add_argument('--step-time', type=float, default=0.015, help="the model's, in s")
    parser.add_argument('--offset', type=float, default=0.0, help="of depth's stamps, in s")
    parser.add_argument('--json', type=Path, help='also write the figures here')
    args = parser.parse_args()
    rows = [measure(rate, delay, args) for rate in args.rates for delay in args.delays]
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + '\n')
    return 0


def measure(rate: float, delay: float, args: argparse.Namespace) -> Row:
    """Run the node with a camera of `rate` Hz whose depth comes `delay` s late; print the row."""
    with node_process(args.step_time), Camera() as camera:
        camera.wait()
        sent = camera.play(rate, delay, args.images, args.jitter, args.offset)
        row = judge(camera.results, sent, Row(rate, delay, len(sent) - WARM_UP))
    share = row.own / max(row.processed, 1)
    print(
        f'{rate:4.0f} Hz, depth {delay * 1e3:3.0f} ms late: {row.processed} of {row.sent} images'
        f' processed, {share:7.2%} with their own depth, {row.others} with another,'
        f' {row.without} without; latency p50 {row.latency_p50:.0f} ms,'
        f' p99 {row.latency_p99:.0f} ms',
        flush=True,
    )
    return row


def judge(results: Sequence[Any], sent: dict[int, float], row: Row) -> Row:
    """Complete `row` from the results, given the distance in m that belongs to each stamp."""
    latencies = []
    measured = set(list(sent)[WARM_UP:])
    for message in results:
        stamp = stamp_of(message.header.stamp)
        if stamp not in measured:
            continue
        measured.remove(stamp)  # a second message ends what is open when the camera falls silent
        row.processed += 1
        latencies.append(stamp_of(message.latency) / 1e6)
        [actor] = message.detections
        if not actor.has_pose:
            row.without += 1
        elif abs(actor.pose.pose.pose.position.z - sent[stamp]) < 0.005:
            row.own += 1
        else:
            row.others += 1
    row.latency_p50, row.latency_p99 = np.percentile(latencies or [0.0], [50, 99]).tolist()
    return row


class Camera:
    """An RGB-D camera, and the planner that takes the results.

    Attributes:
        node: Its node, with a thread that spins.
        results: The `ActionDetectionArray`s that came.
    """

    def __enter__(self) -> Camera:
        rclpy.init()
        self.results: list[Any] = []
        self.node = Node('camera')
        publish = self.node.create_publisher
        self._image, self._depth = publish(Image, 'image', 10), publish(Image, 'depth', 10)
        self._info = publish(CameraInfo, 'camera_info', 10)
        self.node.create_subscription(
            ActionDetectionArray, 'action_localizer/detections', self.results.append, 100
        )
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()
        self._thread.join(5)
        self.node.destroy_node()
        rclpy.shutdown()

    def wait(self, *others: Any) -> None:
        """Wait until the node subscribes to the camera, and to the publishers `others`."""
        publishers = (self._image, self._depth, self._info, *others)
        deadline = time.monotonic() + START_TIME
        while not all(p.get_subscription_count() for p in publishers):
            if time.monotonic() > deadline:
                sys.exit('the node did not subscribe')
            time.sleep(0.1)
        time.sleep(1.0)

    def play(
        self, rate: float, delay: float, count: int, jitter: float, offset: float
    ) -> dict[int, float]:
        """Send `count` images and their depth; return the distance in m by the image's stamp."""
        order, sent = random.Random(0), {}
        began = time.monotonic() + 0.1
        events: list[tuple[float, int, bool]] = []
        for index in range(count):
            at = began + index / rate
            late = delay + order.uniform(0, jitter)
            events += [(at, index, False), (at + late, index, True)]
        heapq.heapify(events)
        stamps: dict[int, int] = {}
        while events:
            at, index, is_depth = heapq.heappop(events)
            time.sleep(max(at - time.monotonic(), 0))
            if is_depth:
                stamp = stamps[index] + nanoseconds(offset)
                self._depth.publish(depth_message(distance(index), stamp))
                self._info.publish(info_message(stamp))
            else:
                stamps[index] = self.node.get_clock().now().nanoseconds
                sent[stamps[index]] = distance(index)
                self._image.publish(image_message(stamps[index]))
        time.sleep(END_TIME)
        return sent


@contextmanager
def node_process(step_time: float, **others: object) -> Iterator[None]:
    """Run the node with depth and with parameters `others` (`__` stands for a dot)."""
    executable = shutil.which('action_localizer')
    assert executable, 'source scripts/setup.bash first'
    given = {'model': 'benchmark.speed.depth:OneActor', 'depth__enabled': 'true', **others}
    parameters = [f'{name.replace("__", ".")}:={value}' for name, value in given.items()]
    environment = {
        **os.environ,
        'STEP_TIME': str(step_time),
        # Last: the source tree must not hide the installed package.
        'PYTHONPATH': f'{os.environ.get("PYTHONPATH", "")}:{Path(__file__).resolve().parents[2]}',
    }
    node = subprocess.Popen(
        [executable, '--ros-args', *(word for each in parameters for word in ('-p', each))],
        env=environment,
    )
    try:
        yield
    finally:
        node.terminate()
        node.wait(30)


def distance(index: int) -> float:
    """Return what the depth image of an image holds, in m."""
    return 1 + index % DISTANCES / 100


def image_message(stamp: int) -> Image:
    """Return a grey image."""
    header = header_message(ros_type, stamp, 'optical')
    pixels = bytes(SIZE[0] * SIZE[1] * 3)
    return Image(
        header=header,
        encoding='rgb8',
        width=SIZE[0],
        height=SIZE[1],
        step=SIZE[0] * 3,
        data=pixels,
    )


def depth_message(metres: float, stamp: int) -> Image:
    """Return a depth image of one distance."""
    pixels = np.full(SIZE[::-1], metres, np.float32)
    return Image(
        header=header_message(ros_type, stamp, 'optical'),
        encoding='32FC1',
        width=SIZE[0],
        height=SIZE[1],
        step=SIZE[0] * 4,
        data=pixels.tobytes(),
    )


def info_message(stamp: int) -> CameraInfo:
    """Return the calibration."""
    k = [300.0, 0.0, SIZE[0] / 2, 0.0, 300.0, SIZE[1] / 2, 0.0, 0.0, 1.0]
    header = header_message(ros_type, stamp, 'optical')
    return CameraInfo(header=header, width=SIZE[0], height=SIZE[1], k=k)


if __name__ == '__main__':
    sys.exit(main())
