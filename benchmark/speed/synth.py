"""Print how many synthetic frames a second this machine renders, in one process and in two."""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import cv2

from actloc_ros.cli.synth import parse_size
from actloc_ros.synth import render


def render_scenes(job: tuple[int, int, float, tuple[int, int]]) -> tuple[int, float]:
    """Render some seeds; return how many frames that gave, and the seconds it took."""
    first, count, seconds, size = job
    cv2.setNumThreads(1)
    start, frames = time.perf_counter(), 0
    for seed in range(first, first + count):
        frames += sum(1 for _ in render(seed, seconds, size, 30))
    return frames, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--scenes', type=int, default=8, help='default: %(default)s')
    parser.add_argument('--seconds', type=float, default=5.0, help='of each; default: %(default)s')
    sizes = [(320, 240), (640, 480)]
    parser.add_argument('--size', type=parse_size, nargs='+', default=sizes, metavar='WxH')
    args = parser.parse_args()
    for size in args.size:
        for workers in (1, 2):
            share = max(1, args.scenes // workers)
            jobs = [(index * share, share, args.seconds, size) for index in range(workers)]
            with ProcessPoolExecutor(workers, get_context('spawn')) as pool:
                list(pool.map(render_scenes, [(0, 1, 0.1, size)] * workers))  # imports
                results = list(pool.map(render_scenes, jobs))
            rate = sum(frames for frames, _ in results) / max(taken for _, taken in results)
            frames = sum(frames for frames, _ in results)
            print(
                f'{size[0]}x{size[1]}  {workers} process{"es" * (workers > 1)}: '
                f'{rate:6.1f} frames/s ({frames} frames, {share * workers} set-ups included)'
            )


if __name__ == '__main__':
    main()
