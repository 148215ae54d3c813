"""Read motion capture in 3D and joints of real footage in 2D, with what is known of each frame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from actloc_ros.models.skeleton_n.features import HIPS, JOINTS, SHOULDERS, Joint
from actloc_ros.training.skeleton_n.labels import (
    INDEX,
    NO,
    NOT_UPRIGHT,
    UNKNOWN,
    YES,
    Segment,
    columns_of,
    targets_of,
)

ANKLES = [Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE]
KNEES = [Joint.LEFT_KNEE, Joint.RIGHT_KNEE]
WRISTS = [Joint.LEFT_WRIST, Joint.RIGHT_WRIST]
NOT_TO_TEACH = frozenset({'tfjs_pose_squats'})


@dataclass(eq=False)
class Motion:
    """One person's motion in 3D.

    Attributes:
        name: Of the clip.
        subject: Who moves, as the source says.
        source: The file or the maker that it comes from.
        rate: Frames a second.
        joints: float32 (T, 17, 3), metres, z up, the ground at 0.
        targets: uint8 (T, C) of NO, YES and UNKNOWN.
    """

    name: str
    subject: str
    source: str
    rate: float
    joints: np.ndarray
    targets: np.ndarray


@dataclass(eq=False)
class Footage:
    """One person's joints in real footage.

    Attributes:
        name: Of the clip.
        subject: Who is filmed, as the source says.
        source: The network that found the joints.
        size: Width and height of the images in pixels.
        times: float64 (T,), seconds from the clip's start.
        joints: float32 (T, 17, 3), x and y in pixels and confidence in [0, 1].
        boxes: float32 (T, 4), x1, y1, x2, y2 in pixels; NaN where only joints are known.
        found: bool (T,), whether the network found the person.
        targets: uint8 (T, C) of NO, YES and UNKNOWN.
    """

    name: str
    subject: str
    source: str
    size: tuple[int, int]
    times: np.ndarray
    joints: np.ndarray
    boxes: np.ndarray
    found: np.ndarray
    targets: np.ndarray


def read_motions(path: Path) -> list[Motion]:
    """Read a file of 3D joints of real/mocap.

    Raises:
        OSError: It cannot be read.
        KeyError: It is no such file.
    """
    with np.load(path) as data:
        rate = float(data['fps'])
        joints = data['joints'].astype(np.float32)
        joints[..., :2] += data['root_xy'][:, None]
        motions = []
        for index, segments, span in _clips(data):
            label = str(data['labels'][index])
            name, subject = str(data['names'][index]), str(data['subjects'][index])
            points = joints[span]
            targets = targets_of(segments, len(points), label, margin=4)
            refine_targets(points, rate, segments, targets)
            motions.append(Motion(name, subject, path.stem, rate, points, targets))
    return motions


def read_footage(path: Path) -> list[Footage]:
    """Read a file of 2D joints of real/mocap; leaves out the clip that may not teach.

    Raises:
        OSError: It cannot be read.
        KeyError: It is no such file.
    """
    clips = []
    with np.load(path) as data:
        for index, segments, span in _clips(data):
            name = str(data['names'][index])
            if name in NOT_TO_TEACH:
                continue
            score = data['score'][span].astype(np.float32) / 255
            xy = data['joints2d'][span].astype(np.float32)
            width, height = data['size'][index].tolist()
            count = len(xy)
            clips.append(
                Footage(
                    name,
                    str(data['subjects'][index]),
                    'mediapipe',
                    (width, height),
                    np.arange(count) / float(data['fps'][index]),
                    np.concatenate([xy, score[..., None]], axis=-1),
                    np.full((count, 4), np.nan, np.float32),
                    score.max(axis=1) > 0,
                    targets_of(segments, count, margin=5 if data['fps'][index] > 20 else 2),
                )
            )
    return clips


def read_teacher_footage(path: Path, clips: list[Footage]) -> list[Footage]:
    """Read the teachers' joints of the clips, where they labelled frames of clips of one person.

    Args:
        path: real/video/teach_labels.jsonl.
        clips: The same clips by another network: names, times and targets.

    Raises:
        OSError: It cannot be read.
    """
    by_name = {clip.name: clip for clip in clips}
    rows: dict[str, list[dict]] = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        name = Path(row['file']).stem
        if name in by_name:
            rows.setdefault(name, []).append(row)
    return [_teacher_clip(by_name[name], found) for name, found in rows.items()]


def _teacher_clip(clip: Footage, rows: list[dict]) -> Footage:
    rows = [
        row for row in sorted(rows, key=lambda row: row['frame']) if row['frame'] < len(clip.times)
    ]
    frames = np.array([row['frame'] for row in rows])
    joints = np.zeros((len(rows), JOINTS, 3), np.float32)
    boxes = np.full((len(rows), 4), np.nan, np.float32)
    for index, row in enumerate(rows):
        if row['people']:
            best = max(row['people'], key=lambda person: person['score'])
            boxes[index] = best['box']
            if best.get('joints'):
                joints[index] = np.array(best['joints'], np.float32)[:, :3]
    return Footage(
        clip.name,
        clip.subject,
        'teachers',
        clip.size,
        clip.times[frames],
        joints,
        boxes,
        ~np.isnan(boxes[:, 0]),
        clip.targets[frames],
    )


def _clips(data: np.lib.npyio.NpzFile) -> Iterator[tuple[int, list[Segment], slice]]:
    """Yield index, segments and frames of each clip of a file."""
    starts = data['starts'].tolist()
    table = list(
        zip(
            data['seg_clip'].tolist(),
            data['seg_label'].tolist(),
            data['seg_start'].tolist(),
            data['seg_end'].tolist(),
            data['seg_kind'].tolist(),
            strict=True,
        )
    )
    for index, (start, end) in enumerate(pairwise(starts)):
        segments = [
            Segment(label, a, b, kind) for clip, label, a, b, kind in table if clip == index
        ]
        yield index, segments, slice(start, end)


def refine_targets(
    joints: np.ndarray, rate: float, segments: list[Segment], targets: np.ndarray
) -> None:
    """Narrow in place what a source says of whole clips to the frames in which it happens.

    Args:
        joints: (T, 17, 3), metres.
        rate: Frames a second.
        segments: Of the clip.
        targets: uint8 (T, C).
    """
    labels = {segment.label for segment in segments if segment.kind == 'source'}
    reach = round(0.2 * rate)
    speed = _speed(joints, rate)
    ankle, root = joints[:, ANKLES, 2], joints[:, HIPS].mean(axis=1)
    ground = np.percentile(ankle.min(axis=1), 10)
    if 'kicking' in labels:
        raised = np.abs(ankle[:, 0] - ankle[:, 1]) > 0.3
        _keep(targets, 'kicking', _dilated(raised & (speed[:, ANKLES].max(1) > 1.5), reach))
    if 'punching' in labels:
        fist = np.linalg.norm(joints[:, WRISTS] - root[:, None], axis=-1)
        away = np.gradient(fist, 1 / rate, axis=0).max(axis=1)
        _keep(targets, 'punching', _dilated(away > 1.2, reach))
    if 'jumping' in labels:
        _keep(targets, 'jumping', _dilated(ankle.min(axis=1) > ground + 0.1, reach))
    if 'falling' in labels:
        down = np.flatnonzero(root[:, 2] < root[-1, 2] + 0.06)
        impact = min(int(down[0]) + reach, len(root)) if len(down) else len(root)
        targets[impact:, INDEX['falling']] = NO
        targets[impact + reach :, INDEX['lying']] = YES
    if 'crawling' in labels:
        targets[:, INDEX['crawling']] = YES
        targets[:, INDEX['lying']] = UNKNOWN
    drift = np.linalg.norm(np.gradient(_smooth(root[:, :2], rate), 1 / rate, axis=0), axis=1)
    if 'walking' in labels:
        _keep(targets, 'walking', drift > 0.25)
    _rule_out_when_upright(joints, targets)


def _keep(targets: np.ndarray, label: str, where: np.ndarray) -> None:
    """Leave a label true where a mask (T,) says so, and not known elsewhere."""
    column = targets[:, INDEX[label]]
    column[(column == YES) & ~where] = UNKNOWN


def _rule_out_when_upright(joints: np.ndarray, targets: np.ndarray) -> None:
    """Set what nobody does on straight legs to NO where nothing says otherwise."""
    legs = np.linalg.norm(joints[:, HIPS] - joints[:, KNEES], axis=-1) + np.linalg.norm(
        joints[:, KNEES] - joints[:, ANKLES], axis=-1
    )
    lowest = joints[:, ANKLES, 2].min(axis=1)
    tall = joints[:, HIPS, 2].mean(axis=1) - lowest > 0.85 * legs.mean(axis=1)
    trunk = joints[:, SHOULDERS].mean(axis=1) - joints[:, HIPS].mean(axis=1)
    straight = trunk[:, 2] > 0.85 * np.linalg.norm(trunk, axis=1)
    columns = columns_of(NOT_UPRIGHT)
    part = targets[:, columns]
    part[(tall & straight)[:, None] & (part == UNKNOWN)] = NO
    targets[:, columns] = part


def _speed(joints: np.ndarray, rate: float) -> np.ndarray:
    """Return speeds (T, 17) relative to the hips, m/s."""
    relative = joints - joints[:, HIPS].mean(axis=1, keepdims=True)
    return np.linalg.norm(np.gradient(relative, 1 / rate, axis=0), axis=-1)


def _smooth(values: np.ndarray, rate: float) -> np.ndarray:
    """Return a running mean over half a second of (T, D)."""
    half = max(1, round(0.25 * rate))
    padded = np.pad(values, ((half, half), (0, 0)), mode='edge')
    sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), padded]), axis=0)
    return (sums[2 * half + 1 :] - sums[: -2 * half - 1]) / (2 * half + 1)


def _dilated(mask: np.ndarray, reach: int) -> np.ndarray:
    """Return a mask (T,) that is true within `reach` frames of where it was."""
    return np.convolve(mask, np.ones(2 * reach + 1), mode='same') > 0
