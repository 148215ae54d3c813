"""Read the test photographs, and measure how precise reported joints are in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from actloc_ros.evaluation.joints import oks_figures
from actloc_ros.joints import COCO_JOINTS
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.training.people_n.measure import compare
from actloc_ros.training.people_n.pictures import (
    MIRRORED,
    Picture,
    parse_people,
    read_archive,
    read_lines,
)
from actloc_ros.truth.joints import FramePeople

LSP_JOINTS = (16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9)
"""Of LSP's joints up to its neck, COCO's number of each."""

Found = list[tuple[Picture, FoundPeople]]


def read_test(folder: Path, split: str) -> list[Picture]:
    """Return the pictures of a test split; of LSP's joints those that COCO has."""
    images = read_archive(folder / f'{split}.tar')
    pictures = []
    for row in read_lines(folder / f'{split}.jsonl'):
        for person in row['people']:
            if person['joints'] is not None and len(person['joints']) == 14:
                joints = np.zeros((17, 3))
                joints[list(LSP_JOINTS)] = person['joints'][:12]
                person['joints'] = joints.tolist()
        people = parse_people(row['people'])
        jpeg = images[row['file']]
        pictures.append(Picture(row['file'], row['set'], jpeg, people, row['complete']))
    return pictures


def joint_precision(found: Found) -> dict[str, float]:
    """Return COCO's average precision of joints: over similarities 0.5 to 0.95, AP50 and AP75.

    As `evaluation.joints` computes it: people without labelled joints and ignored regions neither
    help nor harm.
    """
    true, ours = [], []
    for number, (picture, report) in enumerate(found):
        people = picture.people
        joints = people.joints[..., :2].astype(float)
        joints[(people.joints[..., 2] <= 0) | ~people.posed[:, None] | people.ignored[:, None]] = (
            np.nan
        )
        count = len(people)
        true.append(FramePeople(np.full(count, number), joints, people.boxes, np.ones(count)))
        count, nowhere = len(report.scores), np.full_like(report.boxes, np.nan)
        places = report.joints[..., :2].astype(float)
        ours.append(FramePeople(np.full(count, number), places, nowhere, report.scores))
    figures = oks_figures(list(COCO_JOINTS), _join(true), _join(ours))
    return {name: figures[f'OKS-{name}'] for name in ('AP', 'AP50', 'AP75')}


def _join(parts: list[FramePeople]) -> FramePeople:
    return FramePeople(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ('keys', 'joints', 'boxes', 'scores')
        )
    )


def torso_accuracy(found: Found, swapped: bool, share: float = 0.2) -> tuple[float, float]:
    """Return the share of joints within 0.2 torsos, over all people and over those found.

    The torso goes from the middle of the shoulders to that of the hips. The person found is the one
    whose joints' box overlaps the true joints' box most.

    Args:
        found: Pictures with their reports.
        swapped: Take the better of left and right exchanged or not, for each person.
        share: Of the torso.
    """
    everybody, located = [], []
    for picture, report in found:
        joints = picture.people.joints[0]
        marked = joints[:, 2] > 0
        torso = np.linalg.norm(joints[[5, 6], :2].mean(0) - joints[[11, 12], :2].mean(0))
        if not marked[[5, 6, 11, 12]].all() or torso < 1:
            continue
        best = _nearest(joints, marked, report)
        if best is None:
            everybody.append(np.zeros(int(marked.sum()), bool))
            continue
        ways = [best, best[MIRRORED]] if swapped else [best]
        hits = [
            np.linalg.norm(way[:, :2] - joints[:, :2], axis=-1)[marked] < share * torso
            for way in ways
        ]
        hit = max(hits, key=lambda one: one.sum())
        everybody.append(hit)
        located.append(hit)
    return _share(everybody), _share(located)


def _share(hits: list[npt.NDArray[np.bool_]]) -> float:
    return float(np.concatenate(hits).mean()) if hits else 0.0


def _nearest(
    joints: npt.NDArray[np.float32], marked: npt.NDArray[np.bool_], report: FoundPeople
) -> npt.NDArray[np.float32] | None:
    """Return the reported joints whose box overlaps that of the true ones most, if any does."""
    if not len(report.scores):
        return None

    def box(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.concatenate([points[marked, :2].min(0), points[marked, :2].max(0)])

    boxes = np.array([box(one) for one in report.joints])
    overlaps = compare(boxes, box(joints)[None])[0][:, 0]
    return report.joints[overlaps.argmax()] if overlaps.max() > 0.1 else None
