"""Measure one node with several cameras: what it drops, how late it is, what it costs.

Each camera plays the same video in a loop, each from another place, and all are one process beside
the node's. `python -m benchmark.speed.several_cameras VIDEO` shows the node's own figures.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from actloc_ros.io.media import open_frames
from benchmark.speed.node import START_TIME, cpu_time

FRAMES = 300  # of the video, kept in memory
COUNTS = 'frames in', 'frames processed', 'frames dropped'
Figures = dict[str, dict[str, str]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('video', type=Path, help='what the cameras show')
    parser.add_argument('--model', default='pose_n', help='the localizer')
    parser.add_argument('--cameras', type=int, default=4, help='of one node')
    parser.add_argument('--rate', type=float, default=10.0, help='of each camera in Hz')
    parser.add_argument('--seconds', type=float, default=30.0, help='measured')
    parser.add_argument('--play', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    names = [f'camera_{index}' for index in range(args.cameras)]
    if args.play:
        return play(args.video, names, args.rate)
    executable = shutil.which('action_localizer')
    assert executable, 'source scripts/setup.bash first'
    parameters = ('-p', f'model:={args.model}', '-p', f'cameras:=[{", ".join(names)}]')
    node = subprocess.Popen([executable, '--ros-args', '--log-level', 'warn', *parameters])
    command = [sys.executable, '-m', 'benchmark.speed.several_cameras', *sys.argv[1:], '--play']
    player = subprocess.Popen(command)
    try:
        print_figures(*measure(names, node.pid, args.seconds), args)
    finally:
        for process in (player, node):
            process.terminate()
            process.wait(30)
    return 0


def measure(names: list[str], pid: int, seconds: float) -> tuple[Figures, Figures, float]:
    """Return the figures of each camera before and after, and the share of a core."""
    rclpy.init()
    listener = Node('benchmark')
    newest: Figures = {}

    def take(message: DiagnosticArray) -> None:
        for status in message.status:
            name = status.name.removeprefix('action_localizer: camera ')
            newest[name] = {pair.key: pair.value for pair in status.values}

    def listen(until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            rclpy.spin_once(listener, timeout_sec=left)

    listener.create_subscription(DiagnosticArray, '/diagnostics', take, 10)
    end = time.monotonic() + START_TIME
    while not all('latency p50 in ms' in newest.get(name, {}) for name in names):
        if time.monotonic() > end:
            sys.exit(f'the node did not localize on all cameras in {START_TIME} s')
        listen(time.monotonic() + 0.5)
    listen(time.monotonic() + 5)  # the first frames load libraries
    before, cpu, began = dict(newest), cpu_time(pid), time.monotonic()
    listen(began + seconds)
    share = (cpu_time(pid) - cpu) / (time.monotonic() - began)
    listener.destroy_node()
    rclpy.shutdown()
    return before, dict(newest), share


def play(video: Path, names: list[str], rate: float) -> int:
    """Publish the video on each camera until terminated."""
    frames = open_frames(video)
    shown = range(min(len(frames), FRAMES))
    messages = [picture_message(picture) for picture in frames.read(shown)]
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = Node('player')
    publishers = [node.create_publisher(Image, f'{name}/image', 5) for name in names]
    beat = time.monotonic()
    for count in itertools.count():
        # Cameras of a robot are not triggered together.
        for index, publisher in enumerate(publishers):
            message = messages[(count + index * len(messages) // len(names)) % len(messages)]
            message.header.frame_id = names[index]
            message.header.stamp = node.get_clock().now().to_msg()
            publisher.publish(message)
            beat += 1 / rate / len(names)
            time.sleep(max(0.0, beat - time.monotonic()))
    return 0


def picture_message(picture: npt.NDArray[np.uint8]) -> Image:
    """Return a picture as a message."""
    height, width = picture.shape[:2]
    message = Image(height=height, width=width, encoding='rgb8', step=3 * width)
    message.data = picture.tobytes()
    return message


def print_figures(before: Figures, after: Figures, share: float, args: argparse.Namespace) -> None:
    """Print a line a camera."""
    print(f'{args.model}, {args.cameras} cameras at {args.rate:g} Hz, {args.seconds:g} s')
    for name in sorted(name for name in after if name.startswith('camera_')):
        counts = [int(after[name][key]) - int(before[name][key]) for key in COUNTS]
        latency = [after[name][f'latency {part} in ms'] for part in ('p50', 'p99')]
        print(
            f'{name}: {counts[0]} in, {counts[1]} processed, {counts[2]} dropped;'
            f' latency p50 {latency[0]}, p99 {latency[1]} ms'
        )
    print(f'CPU of the node: {share:.0%} of a core')


if __name__ == '__main__':
    sys.exit(main())
