"""List the recordings on which rules are measured, with what is known of who is down when."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from actloc_ros.cli.synth import write_scene
from actloc_ros.synth import render
from benchmark.results.falls_alarms import read_clips

DOWN = ('falling', 'lying', 'lying_down')
MOST = 5  # videos of a set without anybody down
SYNTH_SIZE, SYNTH_RATE = (640, 480), 10.0
REAL = {
    'home': 'at home (ASSIST and others)',
    'street': 'streets (PETS and an office)',
    'moving': 'moving cameras',
    'traffic': 'a road from above',
    'empty': 'nobody (wind, lights, a bird)',
}


@dataclass(frozen=True)
class Recording:
    """One recording.

    Attributes:
        group: What it is of, a row of the table.
        path: The video.
        down: When somebody falls or lies, begin and end in s; within it no alarm is false.
    """

    group: str
    path: Path
    down: tuple[tuple[float, float], ...] = ()


def find_recordings(args: argparse.Namespace) -> list[Recording]:
    """Return all recordings that are at hand."""
    found = [*_synthetic(args), *_falls(args.shared), *_real(args.shared)]
    for group, folder in (
        ('pairs of people (UT-Interaction)', 'ut_interaction/composite_timelines'),
        ('people one by one', 'people'),
        ('sports (UCF101-24)', 'ucf24/videos'),
    ):
        paths = sorted((args.shared / 'data' / folder).rglob('*.*'))
        videos = [path for path in paths if path.suffix in ('.mp4', '.avi')]
        found += [Recording(group, path) for path in videos[:MOST]]
    return found


def _synthetic(args: argparse.Namespace) -> Iterator[Recording]:
    folder = args.work / 'decisions'
    folder.mkdir(parents=True, exist_ok=True)
    for scene in range(args.decision_scenes):
        path = folder / f'{scene}.mp4'
        frames = render(args.seed + scene, args.seconds, SYNTH_SIZE, SYNTH_RATE)
        with tqdm(disable=True) as progress:
            video = write_scene(path, frames, SYNTH_SIZE, SYNTH_RATE, progress)
        spans = [(i.start / 1e9, i.end / 1e9) for i in video.instances if i.label in DOWN]
        yield Recording('synthetic scenes', path, merged(spans))


def _falls(shared: Path) -> Iterator[Recording]:
    folder = shared / 'data' / 'gmdcsa24'
    if folder.is_dir():
        for clip in read_clips(folder):
            down = ((clip.onset, clip.end),) if clip.onset is not None else ()
            kind = 'falls' if clip.onset is not None else 'daily activities'
            yield Recording(f'{kind} (GMDCSA24)', clip.path, down)


def _real(shared: Path) -> Iterator[Recording]:
    folder = shared / 'real' / 'video'
    index = folder / 'index.json'
    for row in json.loads(index.read_text()) if index.is_file() else []:
        events = row.get('events') or []
        down = merged([(begin, end) for label, begin, end in events if label in DOWN])
        group = REAL.get(row['file'].split('/')[0])
        if group:
            yield Recording(group, folder / row['file'], down)


def merged(spans: list[tuple[float, float]], gap: float = 1.0) -> tuple[tuple[float, float], ...]:
    """Return spans in order, with those joined that are no more than `gap` s apart."""
    joined: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if joined and begin - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return tuple(joined)
