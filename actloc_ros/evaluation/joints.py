"""Measure joints: OKS-AP as COCO computes it, and the share of joints that are near enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from actloc_ros.evaluation.oks import MAX_PEOPLE, SIGMAS, OksFrame, average_oks, oks
from actloc_ros.evaluation.protocols import RANGE_THRESHOLDS
from actloc_ros.truth.boxes import EvaluationError
from actloc_ros.truth.joints import FramePeople, JointDetections, JointTruth

COCO_JOINTS_PROTOCOL = 'coco-joints'
BODY_SHARE = 0.53  # of its box's area that a person covers: COCO has masks, annotations have boxes
NEAR = 0.2  # of the torso's length: as near as a right joint is
TORSO = ('left_shoulder', 'right_hip')


@dataclass(frozen=True)
class JointShare:
    """How often one joint is near enough.

    Attributes:
        name: The joint.
        count: How many were to be found.
        near: The share that is within NEAR torso lengths, in [0, 1]; NaN where none was.
        near_unsided: The same where left and right may be swapped.
    """

    name: str
    count: int
    near: float
    near_unsided: float


@dataclass(frozen=True)
class JointReport:
    """What was measured.

    Attributes:
        truth: The annotations' file, and what is in it.
        detections: The detections' source, and what is in it.
        figures: By name: OKS-AP, OKS-AP50, OKS-AP75, OKS-AR, PCK@0.2, PCK@0.2 unsided. NaN where
            there is nothing to measure it by.
        joints: Each joint's share.
    """

    truth: str
    detections: str
    figures: dict[str, float]
    joints: tuple[JointShare, ...]

    def text(self) -> str:
        """Return the report as lines of text."""
        width = max(5, *(len(each.name) for each in self.joints))
        rows = [
            f'{each.name:{width}}  {each.count:10,}  {each.near:7.5f}  {each.near_unsided:7.5f}'
            for each in self.joints
        ]
        return '\n'.join(
            [
                f'protocol      {COCO_JOINTS_PROTOCOL}: OKS with areas of {BODY_SHARE} box, best '
                f'{MAX_PEOPLE} a frame, 101-point AP; PCK by |{TORSO[0]} - {TORSO[1]}|',
                f'ground truth  {self.truth}',
                f'detections    {self.detections}',
                '',
                f'{"joint":{width}}  {"true":>10}  {"PCK":>7}  unsided',
                *rows,
                '',
                *(
                    f'{COCO_JOINTS_PROTOCOL} {name}: {value:.5f}'
                    for name, value in self.figures.items()
                ),
            ]
        )

    def data(self) -> dict[str, object]:
        """Return the report as what JSON can hold."""
        return {
            'protocol': COCO_JOINTS_PROTOCOL,
            'ground_truth': self.truth,
            'detections': self.detections,
            'figures': {name: _number(value) for name, value in self.figures.items()},
            'joints': [
                {
                    'name': each.name,
                    'count': each.count,
                    'pck': _number(each.near),
                    'pck_unsided': _number(each.near_unsided),
                }
                for each in self.joints
            ],
        }


def measure_joints(truth: JointTruth, detections: JointDetections) -> JointReport:
    """Return how good detected joints are, over the joints that both sides name.

    Raises:
        EvaluationError: They have no joint in common, or no joint is annotated.
    """
    names = [name for name in truth.names if name in detections.names]
    if not names:
        raise EvaluationError(
            f'{detections.source} has joints {", ".join(detections.names[:4])}, …, of which none '
            f'is in {truth.path}: {", ".join(truth.names[:4])}, …; name them alike'
        )
    true = _of_joints(truth.people, truth.names, names)
    true = true[truth.labelled(true.keys)]
    found = _of_joints(detections.people, detections.names, names)
    known = truth.labelled(found.keys)
    found = found[known]
    if not np.isfinite(true.joints).all(axis=2).any():
        raise EvaluationError(f'{truth.path}: none of the joints {", ".join(names)} is annotated')
    left_out = {**detections.left_out, 'in frames that are not labelled': int((~known).sum())}
    reasons = ''.join(f'; {count:,} left out {why}' for why, count in left_out.items() if count)
    shares = near_shares(names, true, found)
    return JointReport(
        f'{truth.path}: {len(true):,} people in {len(np.unique(true.keys)):,} frames of '
        f'{len(truth.videos):,} videos, {len(names)} of {len(truth.names)} joints',
        f'{detections.source}: {len(found):,} people{reasons}',
        {**oks_figures(names, true, found), **_means(shares)},
        shares,
    )


def oks_figures(names: list[str], true: FramePeople, found: FramePeople) -> dict[str, float]:
    """Return OKS-AP, -AP50, -AP75 and -AR over the joints that COCO knows; NaN without any.

    Args:
        names: Of the K joints.
        true: People with K joints.
        found: People with K joints, all finite.
    """
    scored = [index for index, name in enumerate(names) if name in SIGMAS]
    sigmas = np.array([SIGMAS[names[index]] for index in scored])
    ignored = ~np.isfinite(true.joints[:, scored]).all(axis=2).any(axis=1)
    areas = _areas(true.boxes)
    frames = [
        OksFrame(
            oks(
                found.joints[rows][:, scored],
                true.joints[people][:, scored],
                true.boxes[people],
                areas[people],
                sigmas,
            ),
            found.scores[rows],
            np.zeros(len(rows)),
            areas[people],
            ignored[people],
            np.zeros(len(people), bool),
        )
        for people, rows in _frames(true, found)
    ]
    averages, recalls = average_oks(frames)
    return {
        'OKS-AP': float(averages.mean()),
        'OKS-AP50': float(averages[0]),
        'OKS-AP75': float(averages[RANGE_THRESHOLDS.index(0.75)]),
        'OKS-AR': float(recalls.mean()),
    }


def near_shares(names: list[str], true: FramePeople, found: FramePeople) -> tuple[JointShare, ...]:
    """Return how many annotated joints are found within NEAR torso lengths, joint by joint.

    In each frame, people are paired so that the sum of their similarities is largest. A person
    who is not found has no joint right; one whose torso is not annotated is left out.
    """
    if not set(TORSO) <= set(names):
        return tuple(JointShare(name, 0, np.nan, np.nan) for name in names)
    mates = _mates(names)
    counts, near, unsided = np.zeros((3, len(names)), np.int64)
    for people, rows in _frames(true, found):
        truths = true.joints[people]
        torso = np.linalg.norm(
            truths[:, names.index(TORSO[0])] - truths[:, names.index(TORSO[1])], axis=1
        )
        usable = torso > 0
        known = np.isfinite(truths).all(axis=2) & usable[:, None]
        counts += known.sum(axis=0)
        for detection, person in _pairs(names, found.joints[rows], truths, true.boxes[people]):
            joints = found.joints[rows[detection]]
            as_is = _hits(joints, truths[person], torso[person])
            swapped = _hits(joints[mates], truths[person], torso[person])
            better = swapped + swapped[mates] > as_is + as_is[mates]
            near += known[person] & (as_is > 0)
            unsided += known[person] & (np.where(better, swapped, as_is) > 0)
    return tuple(
        JointShare(name, int(n), hit / n if n else np.nan, either / n if n else np.nan)
        for name, n, hit, either in zip(names, counts, near, unsided, strict=True)
    )


def _areas(boxes: np.ndarray) -> np.ndarray:
    """Return what people in boxes (N, 4) cover: float64 (N,) in square pixels."""
    return BODY_SHARE * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)


def _hits(joints: np.ndarray, true: np.ndarray, torso: float) -> np.ndarray:
    """Return which joints are near enough: int64 (K,); NaN is near to nothing."""
    return (np.linalg.norm(joints - true, axis=1) <= NEAR * torso).astype(np.int64)


def _pairs(
    names: list[str], joints: np.ndarray, true: np.ndarray, boxes: np.ndarray
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of detected and true people of a frame."""
    sigmas = np.array([SIGMAS.get(name, max(SIGMAS.values())) for name in names])
    similarity = oks(joints, true, boxes, _areas(boxes), sigmas)
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    yield from zip(rows.tolist(), columns.tolist(), strict=True)


def _mates(names: list[str]) -> np.ndarray:
    """Return the index of the same joint on the other side, or its own: int64 (K,)."""
    sides = (('left_', 'right_'), ('right_', 'left_'))
    other = [
        next((b + name.removeprefix(a) for a, b in sides if name.startswith(a)), name)
        for name in names
    ]
    return np.array(
        [names.index(b if b in names else a) for a, b in zip(names, other, strict=True)]
    )


def _frames(true: FramePeople, found: FramePeople) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows of the true and of the best found people of each frame, best first."""
    order = np.argsort(-found.scores, kind='stable')
    for key in np.unique(np.concatenate([true.keys, found.keys])):
        rows = order[found.keys[order] == key][:MAX_PEOPLE]
        yield np.flatnonzero(true.keys == key), rows


def _means(shares: tuple[JointShare, ...]) -> dict[str, float]:
    """Return the shares over all joints."""
    counts = np.array([each.count for each in shares])
    near = np.array([[each.near, each.near_unsided] for each in shares])[counts > 0]
    total = counts.sum()
    means = (near * counts[counts > 0, None]).sum(axis=0) / total if total else (np.nan, np.nan)
    return {f'PCK@{NEAR:g}': float(means[0]), f'PCK@{NEAR:g} unsided': float(means[1])}


def _of_joints(people: FramePeople, names: tuple[str, ...], chosen: list[str]) -> FramePeople:
    columns = [names.index(name) for name in chosen]
    return FramePeople(people.keys, people.joints[:, columns], people.boxes, people.scores)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
