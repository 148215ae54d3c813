"""Measure who is found in real footage: on streets, in sports, and where nobody is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from actloc_ros.boxes import paired_iou
from actloc_ros.datasets.formats.evaluation_files import read_truth
from actloc_ros.evaluation.run_model import find_videos
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.training.people_n.measure import tally_boxes
from actloc_ros.training.people_n.pictures import parse_people
from benchmark.results.real.footage import Runner
from benchmark.results.real.photos import FOUND, RIGHT, Figures

OVERLAP = 0.5
GROWN = 1.2  # of each side: UCF101-24's boxes are larger than people
STREETS, NOBODY = 'streets and sports', 'footage of nobody'
BOXES, INSTANCES = 'boxes a frame', 'instances a minute'
OTHERS = ('street/office_cctv.mp4', 'home/gymnastics_three.avi', 'home/tfjs_pose_squats.mp4',
          'moving/road_motorbikes.mp4')  # fmt: skip
"""Test footage of people without true boxes: it counts for false alarms of falls alone."""


def measure_streets(runner: Runner, shared: Path) -> Figures:
    """Return who is found at the key frames of PETS 2009 S2.L1, view 1."""
    folder = shared / 'real/video/street'
    truth = json.loads((folder / 'pets09_s2l1_boxes.json').read_text())['frames']
    clip = runner.run(folder / 'pets09_s2l1_view1.mp4')
    pairs = []
    for frame in clip.frames:
        if (rows := truth.get(str(frame.number))) is not None:
            count = len(frame.boxes)
            joints = np.zeros((count, 17, 3), np.float32)
            found = FoundPeople(frame.boxes.astype(np.float32), np.ones(count, np.float32), joints)
            pairs.append((parse_people(rows), found))
    tally = tally_boxes(pairs)
    recall, precision, _ = tally.at(OVERLAP)
    title = f'PETS 2009, {len(pairs)} key frames ({len(tally.found)} people)'
    return [(title, FOUND, recall), (title, RIGHT, precision)]


def measure_sports(runner: Runner, shared: Path) -> Figures:
    """Return which annotated actors of UCF101-24 are found, a row a clip."""
    folder = shared / 'data/ucf24'
    truth = read_truth(folder / 'ground_truth.json')
    assert truth.sizes is not None
    rows: Figures = []
    totals = np.zeros((2, 2))
    for index, path in enumerate(find_videos(truth, [folder])):
        clip = runner.run(path)
        mine = truth.boxes[truth.boxes.video == index]
        scale = np.divide(truth.sizes[index] * 2, clip.size * 2)
        counts = np.zeros((2, 2))  # found and all; as reported and grown
        reported = []
        for frame in clip.frames:
            true = mine.boxes[mine.frame == frame.number]
            if len(true):
                for row, boxes in enumerate((frame.boxes, grown(frame.boxes))):
                    found = paired_iou(true[:, None], (boxes * scale)[None]).max(1, initial=0.0)
                    counts[row] += (found >= OVERLAP).sum(), len(true)
                reported.append(len(frame.boxes))
        totals += counts
        name = path.stem.removeprefix('v_')
        rows += _sport_rows(f'UCF101-24 {name} ({counts[0, 1]:.0f} boxes)', counts)
        rows.append((rows[-1][0], BOXES, float(np.mean(reported)) if reported else None))
    return rows + _sport_rows('UCF101-24, all clips', totals)


def _sport_rows(title: str, counts: np.ndarray) -> Figures:
    shares = [float(found / count) if count else None for found, count in counts]
    return [(title, FOUND, shares[0]), (title, f'{FOUND}, boxes grown by {GROWN:g}', shares[1])]


def grown(boxes: np.ndarray) -> np.ndarray:
    """Return boxes (N, 4) whose sides are `GROWN` times as long, about the same middle."""
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, GROWN * (boxes[:, 2:] - boxes[:, :2]) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def measure_nobody(runner: Runner, shared: Path, acts: bool) -> Figures:
    """Return what is reported where nobody is, a row a clip; what may teach is marked."""
    rows: Figures = []
    total_boxes, total_frames, total_spans, total_seconds = 0, 0, 0, 0.0
    for title, path, parts in empty_parts(shared):
        clip = runner.run(path, parts)
        boxes, lasted = sum(len(frame.boxes) for frame in clip.frames), clip.seconds
        frames, spans = len(clip.frames), len(clip.spans)
        rows += _nobody_rows(f'{title}, {lasted:.0f} s', boxes / frames, spans, lasted, acts)
        total_boxes, total_frames = total_boxes + boxes, total_frames + frames
        total_spans, total_seconds = total_spans + spans, total_seconds + lasted
    title = f'all of it, {total_seconds:.0f} s'
    return rows + _nobody_rows(title, total_boxes / total_frames, total_spans, total_seconds, acts)


def _nobody_rows(title: str, boxes: float, spans: int, lasted: float, acts: bool) -> Figures:
    return [(title, BOXES, boxes), (title, INSTANCES, 60 * spans / lasted if acts else None)]


def empty_parts(shared: Path) -> list[tuple[str, Path, list[tuple[float, float]]]]:
    """Return name, video and stretches in s of all footage without people."""
    videos = shared / 'real/video'
    found = []
    for row in json.loads((videos / 'index.json').read_text()):
        if not row['people']:
            spans = [e[1:3] for e in row['events'] if e[0].startswith('no_person')]
            part = (min(a for a, _ in spans), max(b for _, b in spans))
            mark = ' (may teach)' if row['teach'] == 'yes' else ''
            found.append((Path(row['file']).stem + mark, videos / row['file'], [part]))
    stretches = json.loads((videos / 'empty/people_video_empty_stretches.json').read_text())
    people = shared / 'data/people/one-by-one-person-detection.mp4'
    parts = [(float(a), float(b)) for a, b in stretches['empty_seconds']]
    return [*found, ('between people at one door', people, parts)]


def run_others(runner: Runner, shared: Path) -> None:
    """Run over test footage of people of which nothing but alarms of falls is counted."""
    for name in OTHERS:
        runner.run(shared / 'real/video' / name)
