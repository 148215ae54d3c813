"""Measure how fast `actloc index` is, against decoding the same recordings and no more."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from actloc_ros.io.sources import open_source
from benchmark.results.common import ResultsError, machine, table

CLIPS = Path('real') / 'video'
SIZE, RATE = (640, 480), 30.0
MAX_RATE = 10.0  # Hz
REPEATS = 3
GOAL = 0.5
# One process a share of the files; nothing is made of the frames.
DECODE = """
import sys
from actloc_ros.io.video_file import VideoFile
for path in sys.argv[1:]:
    with VideoFile(path) as video:
        for frame in video.decode():
            pass
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('recordings: indexing')
    group.add_argument('--index-clips', type=int, help='only as many clips; default: all')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of the section."""
    clips = _clips(args.shared)[: args.index_clips]
    cores = len(os.sched_getaffinity(0))
    length = sum((source.length or 0) / source.rate for source in map(open_source, clips))
    index, decode = [], []
    # In turns, so that what else the machine does is shared.
    for _ in range(REPEATS):
        decode.append(_timed(lambda: _decode(clips, cores)))
        index.append(_timed(lambda: _index(clips, cores)))
    return {
        'machine': machine(),
        'load': os.getloadavg()[1],
        'clips': len(clips),
        'footage': length,
        'cores': cores,
        'decode': min(decode),
        'index': min(index),
    }


def section(numbers: dict[str, Any]) -> str:
    """Return the section's text in Markdown."""
    footage = numbers['footage']
    rows = [
        [name, f'{wall:.1f} s', f'{footage / wall:.1f}', f'{cpu:.1f} s']
        for name, (wall, cpu) in (
            ('decoding alone, every frame', numbers['decode']),
            (f'`actloc index --max-rate {MAX_RATE:g}`, default model', numbers['index']),
        )
    ]
    wall, cpu = (numbers['decode'][i] / numbers['index'][i] for i in range(2))
    alone = footage * numbers['cores'] / numbers['index'][1]
    reached = 'reached' if wall >= GOAL else 'missed'
    return (
        '### Indexing\n\n'
        f'{numbers["clips"]} recordings of homes, {footage:.0f} s in all, {SIZE[0]}×{SIZE[1]} at '
        f'{RATE:g} Hz in H.264, with a person in each, by {numbers["cores"]} processes; the best '
        f'of {REPEATS} runs in turns. {numbers["machine"]}; mean load meanwhile '
        f'{numbers["load"]:.0f}.\n\n'
        + table(['what', 'wall', '× real time', 'CPU'], rows)
        + f'\n\nIndexing runs at {wall:.2f} of the pace of decoding by the wall clock and at '
        f'{cpu:.2f} by CPU time; both count the start of all processes and, of indexing, that of '
        f'the model. The goal of {GOAL} is {reached}: the networks take most of it, and decoding '
        f'little. By its CPU time, indexing would run at {alone:.1f} × real time where it has all '
        'cores for itself; other work that shares them makes CPU time longer too.'
    )


def _clips(shared: Path) -> list[Path]:
    """Return the clips of the size and rate that are measured."""
    clips = []
    for path in sorted((shared / CLIPS).glob('home/*.mp4')):
        source = open_source(path)
        frame = next(iter(source))
        if (frame.width, frame.height) == SIZE and abs(source.rate - RATE) < 0.1:
            clips.append(path)
    if not clips:
        raise ResultsError(
            f'there is no clip of {SIZE[0]}x{SIZE[1]} at {RATE:g} Hz in {shared / CLIPS}; give the '
            'folder in which it lies with --shared, or name the other parts with --only'
        )
    return clips


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Return how long it takes in s, and the CPU time of its processes in s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    work()
    wall = time.perf_counter() - began
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def _decode(clips: Sequence[Path], processes: int) -> None:
    shares = [clips[start::processes] for start in range(processes)]
    started = [
        subprocess.Popen([sys.executable, '-c', DECODE, *map(str, share)]) for share in shares
    ]
    if any(process.wait() for process in started):
        raise ResultsError(f'decoding failed: {json.dumps([str(clip) for clip in clips])}')


def _index(clips: Sequence[Path], processes: int) -> None:
    with tempfile.TemporaryDirectory(prefix='actloc_index_') as folder:
        words = ['--into', f'{folder}/index', '--max-rate', str(MAX_RATE)]
        subprocess.run(
            ['actloc', 'index', *map(str, clips), *words, '--processes', str(processes)],
            check=True,
            capture_output=True,
        )
