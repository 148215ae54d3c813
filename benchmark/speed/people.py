"""Print what `pose_n` costs on one core, beside networks that others would take instead.

A row a network, each in a process of its own that is kept to one core: a step's time, the time from
the start of the process to the first result, and the most memory that it had. `pose_n` is the whole
step: people, joints, tracks, actions; the others find people, two of them without joints.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.localizer import LocalizerOptions

DESCRIBED = Path(__file__).parents[2] / 'config/people'
NETWORKS = Path(os.environ.get('ACTLOC_SHARED', '../shared')) / 'teacher/models'
OURS = 'pose_n'
PEERS = ('movenet_multipose', 'rtmdet_nano_person', 'yolox_nano')
SIZE, RATE = (640, 480), 10.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--steps', type=int, default=100, help='that are measured')
    parser.add_argument('--video', help='to take images from (default: a synthetic scene)')
    parser.add_argument('--networks', type=Path, default=NETWORKS, help="folder of others' files")
    parser.add_argument('--measure', nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        name, images, began = args.measure
        print(json.dumps(measure(name, np.load(images), float(began), args)))
        return 0
    with tempfile.NamedTemporaryFile(suffix='.npy') as file:
        np.save(file.name, load_images(args.video))
        print_rows(file.name, args)
    return 0


def load_images(video: str | None) -> np.ndarray:
    """Return images, uint8 (20, 480, 640, 3)."""
    import cv2

    from actloc_ros.io.sources import open_source
    from actloc_ros.synth import render

    frames = open_source(Path(video)) if video else render(1, 4.0, SIZE, RATE)
    return np.stack([cv2.resize(frame.image, SIZE) for frame in islice(frames, 20)])


def print_rows(images: str, args: argparse.Namespace) -> None:
    print(f'{SIZE[0]}x{SIZE[1]}, one core, {args.steps} steps; ms, s, MB')
    print(
        f'{"network":20} {"p50":>6} {"p99":>6} {"cpu":>6} {"first":>6} {"RSS":>6} {"people":>7}'
        f' {"torch":>6}'
    )
    for name in (OURS, *PEERS):
        began = str(time.time())
        command = [sys.executable, '-m', 'benchmark.speed.people', '--steps', str(args.steps)]
        command += ['--networks', str(args.networks), '--measure', name, images, began]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f'{name:20} {done.stderr.strip().splitlines()[-1]}')
            continue
        row = json.loads(done.stdout)
        print(
            f'{name:20} {row["p50"]:6.1f} {row["p99"]:6.1f} {row["cpu"]:6.1f} {row["first"]:6.2f}'
            f' {row["rss"]:6.0f} {row["people"]:7.2f} {"yes" if row["torch"] else "no":>6}',
            flush=True,
        )
    print(
        '"cpu": processor time of a step, also right on a busy machine; "first": from the start of'
    )
    print('of the process to the first result; "people": found in an image, on average.')


def measure(name: str, images: np.ndarray, began: float, args: argparse.Namespace) -> dict:
    """Return the figures of a network in this process."""
    os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    step = open_ours() if name == OURS else open_peer(name, args.networks)
    step(images[0], 0)
    first = time.time() - began
    times, counts, processor = [], [], time.process_time()
    for index in range(args.steps):
        start = time.perf_counter()
        counts.append(step(images[index % len(images)], index + 1))
        times.append(1000 * (time.perf_counter() - start))
    processor = 1000 * (time.process_time() - processor) / args.steps
    p50, p99 = np.percentile(times, [50, 99])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        'p50': p50, 'p99': p99, 'cpu': processor, 'first': first, 'rss': memory,
        'people': float(np.mean(counts)), 'torch': 'torch' in sys.modules,
    }  # fmt: skip


def open_ours() -> Callable[[np.ndarray, int], int]:
    """Return a step of `pose_n`: an image and its number -> how many people are reported."""
    from actloc_ros.models.open import open_localizer

    localizer = open_localizer(OURS, LocalizerOptions(device='cpu', threads=1))

    def step(image: np.ndarray, index: int) -> int:
        return len(localizer.step([Frame('', nanoseconds(1 + index / RATE), image)])[0])

    return step


def open_peer(name: str, networks: Path) -> Callable[[np.ndarray, int], int]:
    """Return a search by a described network."""
    from actloc_ros.models.onnx_runtime import CPU
    from actloc_ros.models.people.description import read_description
    from actloc_ros.models.people.file_network import PeopleFileNetwork

    described = read_description(DESCRIBED / f'{name}.yaml')
    described = dataclasses.replace(described, people=str(networks / f'{name}.onnx'))
    network = PeopleFileNetwork(described, (CPU,), 1)
    return lambda image, _: len(network.find(image, network.threshold).boxes)


if __name__ == '__main__':
    sys.exit(main())
