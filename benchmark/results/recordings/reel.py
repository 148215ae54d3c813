"""Measure how many planted rare events a reel shows, against other summaries of the same length."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from tqdm import tqdm

from actloc_ros.cli.main import main as actloc
from actloc_ros.cli.synth import write_scene
from actloc_ros.frames import NANOSECONDS, nanoseconds
from actloc_ros.recordings.index.open import open_index
from actloc_ros.recordings.index.store import publish, write_recording
from actloc_ros.recordings.summary.clock import find_clock
from actloc_ros.recordings.summary.interest import find_events
from actloc_ros.recordings.summary.moments import find_moments
from actloc_ros.recordings.summary.objective import Objective, choose
from actloc_ros.recordings.summary.tables import Selection, read_tables
from actloc_ros.synth import LABELS
from actloc_ros.synth.body import KEYPOINTS
from actloc_ros.synth.planner import SOLO, Planner
from actloc_ros.synth.scene import Scene, frame_stamp
from actloc_ros.synth.script import Actor
from actloc_ros.truth.annotations import Annotations
from actloc_ros.truth.plain_json import read_annotations, write_annotations
from benchmark.results.common import ResultsError, table
from benchmark.results.recordings.indexed_truth import truth_recording

SIZE, RATE = (320, 240), 10.0
PLANTED = {'fall': 'falling', 'run': 'running', 'pick_up': 'picking_up'}
# Who crosses sometimes runs.
ORDINARY = {name: c for name, c in SOLO.items() if name not in (*PLANTED, 'cross')}
LENGTHS = (15.0, 30.0, 60.0)  # s of reels
PIECE = 4.0  # s that the other summaries show at a time
SHOWN = 0.5  # s of an event that must be in the reel
VISIBLE = 0.5  # share of an event's frames in which its actor must be visible
Z = 1.96  # of a 95 % interval


@dataclass(frozen=True)
class Planted:
    """An event that was planted: in which video, and its stamps in ns."""

    video: int
    kind: str
    start: int
    end: int


Spans = list[tuple[int, int, int]]
"""What a summary shows: video, and stamps in ns from and to."""


class PlantingPlanner(Planner):
    """Plans ordinary days on which one rare thing happens."""

    def __init__(self, kind: str, at: float, *given: Any) -> None:
        super().__init__(*given, ORDINARY)
        self._kind, self._at, self.planted = kind, at, False

    def _wander(self, actor: Actor) -> None:
        self._do(actor, super()._wander)

    def _stand(self, actor: Actor) -> None:
        self._do(actor, super()._stand)

    def _approach(self, actor: Actor) -> None:
        self._do(actor, super()._approach)

    def _do(self, actor: Actor, otherwise: Any) -> None:
        """Let an actor do the rare thing in place of an ordinary one, once its time has come."""
        before = len(actor.segments)
        if not self.planted and before and actor.segments[-1].end >= self._at:
            self.planted = True  # also while it is done, which may call for ordinary things
            getattr(self, f'_{self._kind}')(actor)
            labels = [label for each in actor.segments[before:] for label in each.labels]
            self.planted = PLANTED[self._kind] in labels
        if len(actor.segments) == before:
            otherwise(actor)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('recordings: planted events in reels')
    group.add_argument(
        '--planted', type=int, default=12, help='recordings, each with a rare event; %(default)s'
    )
    group.add_argument('--planted-seconds', type=float, default=40.0, help='of each; %(default)s')
    group.add_argument(
        '--reel-models', nargs='*', default=['pose_n'], metavar='MODEL', help='%(default)s'
    )


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the share of planted events in summaries of different lengths."""
    folder = args.work / f'planted_{args.planted}_{args.planted_seconds:g}'
    truth = render_planted(folder, args.planted, args.planted_seconds)
    planted = find_planted(truth)
    paths = [folder / video.path for video in truth.videos]
    numbers: dict[str, Any] = {
        'recordings': len(paths),
        'minutes': sum(video.stamp(video.frames) for video in truth.videos) / NANOSECONDS / 60,
        'planted': len(planted),
        'shares': {},
    }
    energies = [motion_energy(path) for path in tqdm(paths, desc='motion', disable=None)]
    durations = [video.stamp(video.frames) for video in truth.videos]
    indexes = {'labels': _truth_index(folder, truth)}
    for model in args.reel_models:
        indexes[model] = _model_index(folder, paths, model)
    for seconds in LENGTHS:
        ways: dict[str, Spans] = {
            f'reel of {name}': reel_spans(index, seconds, paths) for name, index in indexes.items()
        }
        ways['motion energy'] = energetic_spans(energies, seconds)
        ways['uniform'] = uniform_spans(durations, seconds)
        for way, spans in ways.items():
            found = sum(is_shown(event, spans) for event in planted)
            numbers['shares'].setdefault(way, {})[f'{seconds:g}'] = found / max(1, len(planted))
    return numbers


def render_planted(folder: Path, count: int, seconds: float) -> Annotations:
    """Render recordings in each of which one rare thing happens, unless this was done."""
    file = folder / 'annotations.json'
    if file.exists():  # it is written last
        return read_annotations(file)
    folder.mkdir(parents=True, exist_ok=True)
    videos = []
    frames = int(seconds * RATE)
    with tqdm(total=count * frames, desc='rendering', unit='frame', disable=None) as progress:
        for number in range(count):
            scene = planted_scene(number, seconds)
            pictures = (scene.frame(frame_stamp(index, RATE)) for index in range(frames))
            path = folder / f'day_{number:03d}.mp4'
            videos.append(write_scene(path, pictures, SIZE, RATE, progress))
    annotations = Annotations(LABELS, tuple(videos), tuple(KEYPOINTS))
    write_annotations(file, annotations)
    return read_annotations(file)


def planted_scene(number: int, seconds: float) -> Scene:
    """Return a scene with one rare event; the same number gives the same scene."""
    rng = np.random.default_rng([7_000_000, number])
    scene = Scene(7_000_000 + number, seconds, SIZE)
    kind = list(PLANTED)[number % len(PLANTED)]
    at = float(rng.uniform(0.15, 0.75) * seconds)
    half_view = 0.5 / scene.path.focal_share
    planner = PlantingPlanner(kind, at, rng, scene.world, half_view, seconds)
    planner.plan()
    scene.set_actors(planner.actors, planner.props)
    return scene


def find_planted(truth: Annotations) -> list[Planted]:
    """Return the rare events that can be seen."""
    planted = []
    for number, video in enumerate(truth.videos):
        tracks = {track.actor: video.stamps(track.frames) for track in video.tracks}
        for act in video.instances:
            if act.label in PLANTED.values() and act.actor in tracks:
                stamps = tracks[act.actor]
                there = int(((stamps >= act.start) & (stamps < act.end)).sum())
                if there >= VISIBLE * (act.end - act.start) / NANOSECONDS * RATE:
                    planted.append(Planted(number, act.label, act.start, act.end))
    return planted


def is_shown(event: Planted, spans: Iterable[tuple[int, int, int]]) -> bool:
    """Say whether a summary shows an event for half a second, or all of it."""
    needed = min(nanoseconds(SHOWN), event.end - event.start)
    return any(
        video == event.video and min(end, event.end) - max(start, event.start) >= needed
        for video, start, end in spans
    )


def _truth_index(folder: Path, truth: Annotations) -> Path:
    into = folder / 'index_truth'
    for video in truth.videos:
        write_recording(into, truth_recording(folder / video.path, video, truth.labels))
    publish(into)
    return into


def _model_index(folder: Path, paths: Sequence[Path], model: str) -> Path:
    into = folder / f'index_{model}'
    arguments = ['index', *map(str, paths), '--into', str(into), '--model', model]
    if actloc(arguments):
        raise ResultsError(f'actloc {" ".join(arguments)} failed')
    return into


def reel_spans(index: Path, seconds: float, paths: Sequence[Path]) -> Spans:
    """Return what `actloc summarize` would show."""
    numbers = {str(path.resolve()): number for number, path in enumerate(paths)}
    with open_index(index) as opened:
        tables = read_tables(opened.connection, Selection(), find_clock('UTC'))
    events = find_events(tables)
    moments = find_moments(events, tables.views)
    choice = choose(Objective(events, moments), moments, seconds)
    chosen = [moments[number] for number in choice.moments]
    return [(numbers[str(tables.views[m.view].path.resolve())], m.start, m.end) for m in chosen]


def uniform_spans(durations: Sequence[int], seconds: float) -> Spans:
    """Return pieces of `PIECE` s, at equal distances over all footage laid end to end."""
    pieces = int(seconds / PIECE)
    total = sum(durations)
    begins = np.cumsum([0, *durations])
    spans = []
    for piece in range(pieces):
        middle = (piece + 0.5) * total / pieces
        video = int(np.searchsorted(begins, middle, side='right')) - 1
        start = round(middle - begins[video] - nanoseconds(PIECE) / 2)
        spans.append((video, start, start + nanoseconds(PIECE)))
    return spans


def motion_energy(path: Path) -> np.ndarray:
    """Return the mean absolute difference from frame to frame, of each piece of `PIECE` s."""
    sums: dict[int, list[float]] = {}
    before: np.ndarray | None = None
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            grey = cv2.resize(frame.to_ndarray(format='gray'), (160, 120)).astype(np.float32)
            if before is not None:
                energy = float(np.abs(grey - before).mean())
                sums.setdefault(int(number / RATE / PIECE), []).append(energy)
            before = grey
    return np.array([np.mean(sums[piece]) for piece in sorted(sums)])


def energetic_spans(energies: Sequence[np.ndarray], seconds: float) -> Spans:
    """Return the pieces of most motion."""
    rated = [
        (float(energy), video, piece)
        for video, values in enumerate(energies)
        for piece, energy in enumerate(values)
    ]
    best = sorted(rated, reverse=True)[: int(seconds / PIECE)]
    length = nanoseconds(PIECE)
    return [(video, piece * length, (piece + 1) * length) for _, video, piece in best]


def interval(share: float, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of `count`."""
    if not count:
        return 0.0, 1.0
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    spread = math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    half = Z * spread / (1 + Z * Z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def section(numbers: dict[str, Any]) -> str:
    """Return a section on what reels show."""
    head = ['summary', *(f'{seconds:g} s' for seconds in LENGTHS)]
    rows = []
    for way, shares in numbers['shares'].items():
        cells = []
        for seconds in LENGTHS:
            share = shares[f'{seconds:g}']
            low, high = interval(share, numbers['planted'])
            cells.append(f'{share:.2f} ({low:.2f} to {high:.2f})')
        rows.append([way, *cells])
    return (
        '### Planted events in summaries\n\n'
        f'{numbers["recordings"]} synthetic recordings of {numbers["minutes"]:.1f} minutes in all, '
        f'in which people walk, wave, sit and meet; {numbers["planted"]} rare events (falling, '
        'running, picking up) were planted and can be seen. Share of them that a summary shows for '
        'half a second, with its 95 % interval (Wilson). `reel of labels` is what '
        '`actloc summarize` chooses from the true actions, the others from what the model reports; '
        f'uniform and motion energy show {PIECE:g} s at a time.\n\n' + table(head, rows)
    )
