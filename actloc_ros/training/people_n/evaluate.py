"""Measure a `people_n` file on the test photographs: boxes, joints and time.

`python -m actloc_ros.training.people_n.evaluate MODEL.onnx --joints JOINTS.onnx --photos DIR`
prints a row a set.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actloc_ros.evaluation.joints import oks_figures
from actloc_ros.joints import COCO_JOINTS
from actloc_ros.models.joints_n.session import JointsSession
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.people_n.session import PIXELS, PeopleSession
from actloc_ros.training.people_n.measure import (
    compare,
    joint_similarities,
    tally_boxes,
)
from actloc_ros.training.people_n.pictures import (
    MIRRORED,
    Picture,
    parse_people,
    read_archive,
    read_lines,
)
from actloc_ros.truth.joints import FramePeople

LEAST_SCORE = 0.02
LSP_JOINTS = (16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9)
"""Of LSP's joints up to its neck, COCO's number of each."""

Find = Callable[[npt.NDArray[np.uint8], float], FoundPeople]
"""An image and the least score -> the people in it."""

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


def box_row(name: str, found: Found, threshold: float) -> str:
    """Return a line of figures of boxes; pictures that are not complete say only who is found."""
    whole = tally_boxes([(p.people, f) for p, f in found if p.complete])
    part = tally_boxes([(p.people, f) for p, f in found if not p.complete])
    recall, precision, phantoms = whole.at(threshold)
    text = f'{name:24s} people {len(whole.found):5d}'
    if len(whole.found):
        text += f' found {recall:.3f} right {precision:.3f} AP50 {whole.average_precision():.3f}'
        for wanted in (0.85, 0.9):
            text += f' R@{wanted} {whole.recall_at(wanted)[0]:.3f}'
    if whole.empty:
        text += f' | of nobody {whole.empty}: boxes each {phantoms:.3f}'
    if len(part.found):
        text += f' | not complete: people {len(part.found)} found {part.at(threshold)[0]:.3f}'
    return text


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


def find_all(find: Find, pictures: Sequence[Picture]) -> Found:
    """Return what is found in each picture."""
    return [(picture, find(picture.image(), LEAST_SCORE)) for picture in pictures]


def step_time(find: Find, threshold: float) -> tuple[float, float]:
    """Return the least and the median processor time of a step on 640 x 480 pixels, in ms."""
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    spent = []
    for _ in range(60):
        began = time.process_time()
        find(image, threshold)
        spent.append(1000 * (time.process_time() - began))
    return min(spent), float(np.median(spent))


def report(find: Find, folder: Path, threshold: float) -> None:
    """Print the figures of all test sets."""
    true = find_all(find, read_test(folder, 'test_true'))
    for name in ('pennfudan', 'classroom', 'houses', 'room'):
        print(box_row(f'test_true {name}', [x for x in true if x[0].group == name], threshold))
    print(box_row('test_true all', true, threshold))
    coco = find_all(find, read_test(folder, 'coco_val'))
    print(box_row('coco_val', coco, threshold))
    joints = ', '.join(f'{name} {value:.3f}' for name, value in joint_precision(coco).items())
    values = joint_similarities([(p.people, f) for p, f in coco])
    seen = values[values > 0]
    print(
        f'coco_val joints: {joints}; OKS of {len(values)} people {values.mean():.3f}, of the'
        f' {len(seen)} found {seen.mean():.3f}'
    )
    lsp = find_all(find, read_test(folder, 'lsp_test'))
    kept = [(p, _above(f, threshold)) for p, f in lsp]
    print(f'lsp_test: found {np.mean([len(f.scores) > 0 for _, f in kept]):.3f}')
    for swapped, how in ((False, 'as reported'), (True, 'with swaps')):
        everybody, located = torso_accuracy(kept, swapped)
        print(f'  PCK@0.2 {how}: {everybody:.3f}, of people found {located:.3f}')
    least, median = step_time(find, threshold)
    print(f'step on 640 x 480, one thread: least {least:.1f} ms, median {median:.1f} ms')


def _above(found: FoundPeople, threshold: float) -> FoundPeople:
    rows = found.scores >= threshold
    return FoundPeople(found.boxes[rows], found.scores[rows], found.joints[rows])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description='Measure a people_n file on the test photographs.')
    parser.add_argument('model', type=Path)
    parser.add_argument('--photos', type=Path, required=True, help='holds the tars of the tests')
    parser.add_argument('--joints', type=Path, help='joints_n file; without it, joints by MODEL')
    parser.add_argument('--pixels', type=int, default=PIXELS, help='of the input, at most')
    args = parser.parse_args()
    session = PeopleSession(args.model, pixels=args.pixels)
    joints = JointsSession(args.joints) if args.joints else None

    def find(image: npt.NDArray[np.uint8], least: float) -> FoundPeople:
        found = session.find(image, least)
        return joints.refine(image, found) if joints else found

    report(find, args.photos, session.threshold)


if __name__ == '__main__':
    main()
