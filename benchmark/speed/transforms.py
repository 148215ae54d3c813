"""Measure which share of poses reaches a moving `target_frame`, by how often transforms come.

The node runs as its own process with tf2; this one is an RGB-D camera that drives along the x axis
of `map`, and the planner. `python -m benchmark.speed.transforms --help` lists the options.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from math import sin, tau
from pathlib import Path

import numpy as np
import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.context import Context
from rclpy.node import Node

from actloc_ros.messages import header_message, stamp_of
from actloc_ros.ros.common.message_types import ros_type
from benchmark.speed.depth import WARM_UP, Camera, node_process

RATES, DELAYS = (10.0, 20.0, 30.0, 50.0), (0.0, 0.05)
SPEED, SWING, SWINGS = 1.0, 0.1, 0.5  # m/s, m to and fro, times a second
CENTRE = -0.5 / 300  # x by z of the middle of the actor's box


@dataclass
class Row:
    """What one run gave: of the images after the warm-up, how many had which end.

    Attributes:
        moved: Poses in the target frame.
        untransformed: Poses that stayed in the camera's frame, and said so.
        error_p50, error_max: In m, of poses in the target frame.
        latency_p50, latency_p99: In ms, from an image's stamp to its detections.
    """

    rate: float
    delay: float
    sent: int
    processed: int = 0
    moved: int = 0
    untransformed: int = 0
    without: int = 0
    errors: list[float] = field(default_factory=list)
    error_p50: float = 0.0
    error_max: float = 0.0
    latency_p50: float = 0.0
    latency_p99: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=int, default=200, help='of each run (default: 200)')
    parser.add_argument('--camera-rate', type=float, default=30.0, help='in Hz (default: 30)')
    parser.add_argument('--rates', type=float, nargs='+', default=RATES, help='in Hz')
    parser.add_argument('--delays', type=float, nargs='+', default=DELAYS, help='of tf, in s')
    parser.add_argument('--patience', type=float, default=0.2, help='transform_patience, in s')
    parser.add_argument('--step-time', type=float, default=0.015, help="the model's, in s")
    parser.add_argument('--json', type=Path, help='also write the figures here')
    args = parser.parse_args()
    if importlib.util.find_spec('tf2_ros') is None:
        parser.error('tf2_ros is not installed; see doc/planners.md for building it')
    rows = [measure(rate, delay, args) for rate in args.rates for delay in args.delays]
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + '\n')
    return 0


def measure(rate: float, delay: float, args: argparse.Namespace) -> Row:
    """Run the node with transforms at `rate` Hz that come `delay` s late; print the row."""
    given = {'target_frame': 'map', 'transform_patience': args.patience}
    with node_process(args.step_time, **given), Camera() as camera, Drive() as drive:
        camera.wait(drive.publisher)
        drive.start(rate, delay)
        sent = camera.play(args.camera_rate, 0.0, args.images, 0.0, 0.0)
        row = judge(camera, drive, sent, Row(rate, delay, len(sent) - WARM_UP))
    print(
        f'tf at {rate:3.0f} Hz, {delay * 1e3:3.0f} ms late: {row.processed} of {row.sent} images'
        f' processed, {row.moved / max(row.processed, 1):7.2%} in map, {row.untransformed} in the'
        f" camera's frame, {row.without} without; off by p50 {row.error_p50 * 1e3:.1f} mm, most"
        f' {row.error_max * 1e3:.1f} mm; latency p50 {row.latency_p50:.0f} ms,'
        f' p99 {row.latency_p99:.0f} ms',
        flush=True,
    )
    return row


def judge(camera: Camera, drive: Drive, sent: dict[int, float], row: Row) -> Row:
    """Complete `row` from the results, given the distance in m that belongs to each stamp."""
    latencies = []
    measured = set(list(sent)[WARM_UP:])
    for message in camera.results:
        stamp = stamp_of(message.header.stamp)
        if stamp not in measured:
            continue
        measured.remove(stamp)
        row.processed += 1
        latencies.append(stamp_of(message.latency) / 1e6)
        [actor] = message.detections
        if not actor.has_pose:
            row.without += 1
        elif actor.pose_untransformed:
            row.untransformed += 1
        else:
            row.moved += 1
            expected = drive.place(stamp) + CENTRE * sent[stamp]
            row.errors.append(abs(actor.pose.pose.pose.position.x - expected))
    row.error_p50, row.error_max = np.percentile(row.errors or [0.0], [50, 100]).tolist()
    row.latency_p50, row.latency_p99 = np.percentile(latencies or [0.0], [50, 99]).tolist()
    return row


class Drive:
    """Sends where the camera is, from a thread of its own.

    Attributes:
        publisher: Of tf.
    """

    def __init__(self) -> None:
        from tf2_msgs.msg import TFMessage

        self._message = TFMessage
        # As another process on a robot: images must not fill the shared memory that tf goes by.
        self._context = Context()
        rclpy.init(context=self._context)
        self._node = Node('drive', context=self._context)
        self.publisher = self._node.create_publisher(TFMessage, '/tf', 100)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Drive:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5)
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    def start(self, rate: float, delay: float) -> None:
        """Send transforms at `rate` Hz, each `delay` s after its stamp."""
        self._began = self._node.get_clock().now().nanoseconds
        self._thread = threading.Thread(target=self._send, args=(rate, delay), daemon=True)
        self._thread.start()

    def place(self, stamp: int) -> float:
        """Return where along x the camera is, in m: it drives and swings."""
        seconds = (stamp - self._began) / 1e9
        return SPEED * seconds + SWING * sin(tau * SWINGS * seconds)

    def _send(self, rate: float, delay: float) -> None:
        began = time.monotonic()
        index = 0
        while not self._stopping.is_set():
            time.sleep(max(began + index / rate - time.monotonic(), 0))
            stamp = self._node.get_clock().now().nanoseconds - round(delay * 1e9)
            message = TransformStamped(header=header_message(ros_type, stamp, 'map'))
            message.child_frame_id = 'optical'
            message.transform.translation.x = self.place(stamp)
            message.transform.rotation.w = 1.0
            self.publisher.publish(self._message(transforms=[message]))
            index += 1


if __name__ == '__main__':
    sys.exit(main())
