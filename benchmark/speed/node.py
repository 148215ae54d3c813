"""Measure the node: time in its callback, latency and where it goes, dropped frames, CPU share.

The node runs as its own process, as on a robot; cameras are another; figures are those of
/diagnostics. `python -m benchmark.speed.node --help` lists the options.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from actloc_ros.msg import ActionDetectionArray

SIZES = ((640, 480), (1280, 720), (1920, 1080))
PARTS = (
    'transport',
    'wait',
    'decode',
    'preprocess',
    'infer',
    'link',
    'hold',
    'place',
    'publish',
)
CAMERA = 'action_localizer: camera'
TICK = os.sysconf('SC_CLK_TCK')
START_TIME = 60.0  # s that the node has to answer the first frame
PICTURES = 30


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--model', default='motion', help='the localizer (default: motion)')
    parser.add_argument('--seconds', type=float, default=15.0, help='measured, for each size')
    parser.add_argument('--rate', type=float, default=30.0, help="the camera's, in Hz")
    parser.add_argument(
        '--best-effort', action='store_true', help='the camera offers best effort, not reliable'
    )
    parser.add_argument('--json', type=Path, help='also write the figures here')
    parser.add_argument('--camera', nargs=2, type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.camera:
        return run_camera(*args.camera, args)
    rows = [measure(size, args) for size in SIZES]
    print_table(rows, args)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + '\n')
    return 0


def measure(size: tuple[int, int], args: argparse.Namespace) -> dict[str, Any]:
    """Run node and camera for one image size; return the figures."""
    executable = shutil.which('action_localizer')
    assert executable, 'source scripts/setup.bash first'
    parameters = ('-p', f'model:={args.model}', '-p', 'random_weights:=true')
    node = subprocess.Popen([executable, '--ros-args', '--log-level', 'warn', *parameters])
    command = [sys.executable, '-m', 'benchmark.speed.node', *sys.argv[1:]]
    camera = subprocess.Popen([*command, '--camera', *map(str, size)], stdout=subprocess.DEVNULL)
    try:
        with Listener() as listener:
            listener.wait(lambda values: 'latency p50 in ms' in values, START_TIME)
            time.sleep(2)  # the first frames load libraries
            before, sent, cpu = listener.next(), listener.sent, cpu_time(node.pid)
            began = time.monotonic()
            listener.spin(args.seconds)
            after, sent = listener.next(), listener.sent - sent
            cpu = (cpu_time(node.pid) - cpu) / (time.monotonic() - began)
    finally:
        camera.terminate()
        node.terminate()
        for process in (camera, node):
            process.wait(30)
    counts = {
        name: int(after[name]) - int(before[name])
        for name in ('frames in', 'frames processed', 'frames dropped')
    }
    times = {key: float(value) for key, value in after.items() if key.endswith('in ms')}
    return {
        'width': size[0],
        'height': size[1],
        **counts,
        'frames sent': sent,
        'cpu share': cpu,
        **times,
    }


class Listener:
    """Reads the figures of the node's camera from /diagnostics.

    Attributes:
        sent: How many images the camera had sent when it sent the newest that was localized.
    """

    sent = 0

    def __enter__(self) -> Listener:
        rclpy.init()
        self._node = Node('benchmark')
        self._values: list[dict[str, str]] = []
        self._node.create_subscription(DiagnosticArray, '/diagnostics', self._take, 10)
        self._node.create_subscription(
            ActionDetectionArray, 'action_localizer/detections', self._count, 10
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._node.destroy_node()
        rclpy.shutdown()

    def spin(self, seconds: float) -> None:
        """Listen for a time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            rclpy.spin_once(self._node, timeout_sec=left)

    def next(self) -> dict[str, str]:
        """Return the next figures."""
        return self.wait(lambda _: True, 10)

    def wait(self, fits: Any, timeout: float) -> dict[str, str]:
        """Return the first new figures that fit."""
        self._values.clear()
        end = time.monotonic() + timeout
        while not (self._values and fits(self._values[-1])):
            if time.monotonic() > end:
                sys.exit(f'the node did not publish in {timeout} s what was waited for')
            rclpy.spin_once(self._node, timeout_sec=0.1)
        return self._values[-1]

    def _take(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == CAMERA:
                self._values.append({pair.key: pair.value for pair in status.values})

    def _count(self, message: ActionDetectionArray) -> None:
        self.sent = int(message.header.frame_id)


def cpu_time(pid: int) -> float:
    """Return the CPU time in s that a process has used."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def run_camera(width: int, height: int, args: argparse.Namespace) -> int:
    """Publish moving pictures as a camera, numbered in frame_id, until terminated."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = Node('camera')
    offered = qos_profile_sensor_data if args.best_effort else 5
    publisher = node.create_publisher(Image, 'image', offered)
    messages = [picture_message(width, height, index) for index in range(PICTURES)]
    beat = time.monotonic()
    for count in itertools.count():
        message = messages[count % PICTURES]
        message.header.frame_id = str(count)
        message.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(message)
        beat += 1 / args.rate
        time.sleep(max(0.0, beat - time.monotonic()))
    return 0


def picture_message(width: int, height: int, index: int) -> Image:
    """Return an image of an upright figure that walks before a textured wall."""
    wall = np.random.default_rng(0).integers(60, 120, (height // 8, width // 8, 3), np.uint8)
    pixels = np.ascontiguousarray(np.kron(wall, np.ones((8, 8, 1), np.uint8)))
    left = width // 4 + index * width // 200
    pixels[height // 4 : 3 * height // 4, left : left + width // 12] = (200, 60, 60)
    message = Image(height=height, width=width, encoding='rgb8', step=3 * width)
    message.data = pixels.tobytes()
    return message


def print_table(rows: list[dict[str, Any]], args: argparse.Namespace) -> None:
    """Print a table of the figures."""
    print(f'model {args.model}, {args.rate:g} Hz, {os.cpu_count()} cores; p50 / p99 in ms')
    for row in rows:
        print(f'\n{row["width"]}x{row["height"]}')
        for part in ('callback', 'latency', *PARTS, 'own'):
            p50, p99 = row[f'{part} p50 in ms'], row[f'{part} p99 in ms']
            print(f'  {part:<10} {p50:9.3f} / {p99:9.3f}')
        print(
            f'  frames: {row["frames sent"]} sent, {row["frames in"]} in,'
            f' {row["frames processed"]} processed, {row["frames dropped"]} dropped'
        )
        print(f'  CPU: {row["cpu share"]:.0%} of a core')
    print('\nown: all but transport and infer')


if __name__ == '__main__':
    sys.exit(main())
