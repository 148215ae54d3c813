"""Print what share of annotated boxes `motion` finds, and what a step costs.

Each part is left out where its data is absent. Everything runs on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from actloc_ros.boxes import paired_iou
from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import Detections, LocalizerOptions
from actloc_ros.models.motion.localizer import MotionLocalizer
from actloc_ros.models.vision import optical_flow
from actloc_ros.models.vision.hog_people import PeopleDetector
from actloc_ros.models.vision.optical_flow import FlowEstimator
from actloc_ros.models.vision.regions import RegionFinder
from actloc_ros.synth import render

SHARED = Path(os.environ.get('ACTLOC_SHARED', '../shared')) / 'data'
UCF_SIZE = np.array([320, 240, 320, 240])  # px that its boxes are published for
SIZES = ((640, 480), (1280, 720))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--skip', nargs='*', default=[], choices=list(PARTS), help='parts')
    parser.add_argument('--seeds', type=int, default=4, help='synthetic scenes')
    parser.add_argument('--seconds', type=float, default=10.0, help='of each synthetic scene')
    parser.add_argument('--save', type=Path, help='folder for drawn images, one in a second')
    args = parser.parse_args()
    cv2.setNumThreads(1)
    for name, part in PARTS.items():
        if name not in args.skip:
            part(args)
    return 0


def ucf24(args: argparse.Namespace) -> None:
    folder = SHARED / 'ucf24'
    if not folder.is_dir():
        print(f'UCF101-24: no data at {folder}')
        return
    truth = json.loads((folder / 'ground_truth.json').read_text())['clips']
    clips = ((name, ucf_clip(folder, clip)) for name, clip in truth.items())
    print_recall('UCF101-24, frames with ground truth', clips, args.save)


def ucf_clip(folder: Path, clip: dict[str, Any]) -> Iterator[tuple[Frame, np.ndarray]]:
    """Yield frames and their boxes (N, 4)."""
    boxes: dict[int, list] = defaultdict(list)
    scale = np.array([clip['width'], clip['height']] * 2) / UCF_SIZE
    for tube in clip['tubes']:
        for index, *box in tube['boxes']:
            boxes[index].append(np.array(box) * scale)
    for index, frame in enumerate(open_source(folder / clip['file'])):
        yield frame, np.array(boxes[index]).reshape(-1, 4)


def synth(args: argparse.Namespace) -> None:
    clips = ((f'seed {seed}', synth_clip(seed, args.seconds)) for seed in range(args.seeds))
    print_recall('synthetic footage, 640x480 at 15 Hz', clips, args.save)


def synth_clip(seed: int, seconds: float) -> Iterator[tuple[Frame, np.ndarray]]:
    for each in render(seed, seconds, (640, 480), 15.0):
        boxes = np.array([actor.box for actor in each.actors], float).reshape(-1, 4)
        yield Frame('', each.stamp, each.image), boxes


@dataclass
class Recall:
    """Counts of boxes found.

    Attributes:
        frames: Frames.
        boxes: Annotated boxes.
        found: Of them, found at IoU 0.3, at 0.5, and at 0.3 with a score of 0.5 or more.
        detected: Detections.
        sure: Of them, with a score of 0.5 or more; and of these, on an annotated actor (IoU 0.3).
    """

    frames: int = 0
    boxes: int = 0
    detected: int = 0
    found: np.ndarray = field(default_factory=lambda: np.zeros(3, int))
    sure: np.ndarray = field(default_factory=lambda: np.zeros(2, int))

    def add(self, truth: np.ndarray, detections: Detections) -> None:
        """Count one frame."""
        self.frames += 1
        self.detected += len(detections)
        overlap = paired_iou(truth[:, None], detections.boxes[None])
        sure = detections.scores >= 0.5
        if len(truth):
            self.boxes += len(truth)
            best = overlap.max(1, initial=0)
            best_sure = overlap[:, sure].max(1, initial=0)
            self.found += [(best >= 0.3).sum(), (best >= 0.5).sum(), (best_sure >= 0.3).sum()]
            self.sure += [sure.sum(), (overlap[:, sure].max(0, initial=0) >= 0.3).sum()]

    def row(self, name: str) -> str:
        """Return a line of the table."""
        shares = self.found / max(self.boxes, 1)
        right = self.sure[1] / max(self.sure[0], 1)
        return (
            f'{name:26.26} {self.boxes:6} {shares[0]:8.3f} {shares[1]:8.3f} {shares[2]:12.3f} '
            f'{self.detected / max(self.frames, 1):8.2f} {right:10.3f}'
        )

    def join(self, other: Recall) -> None:
        """Add another clip's counts."""
        self.frames, self.boxes = self.frames + other.frames, self.boxes + other.boxes
        self.detected, self.found = self.detected + other.detected, self.found + other.found
        self.sure = self.sure + other.sure


def print_recall(
    title: str,
    clips: Iterable[tuple[str, Iterable[tuple[Frame, np.ndarray]]]],
    folder: Path | None,
) -> None:
    print(f'\n{title}: share of boxes that `motion` finds')
    print(
        f'{"clip":26} {"boxes":>6} {"IoU 0.3":>8} {"IoU 0.5":>8} {"score >= 0.5":>12} '
        f'{"a frame":>8} {"are right":>10}'
    )
    total = Recall()
    for name, frames in clips:
        recall, localizer = Recall(), MotionLocalizer(LocalizerOptions())
        for index, (frame, truth) in enumerate(frames):
            detections = localizer.step([frame])[0]
            recall.add(truth, detections)
            if folder and index % 25 == 12:
                save(folder, f'{name}_{index:04d}.png', frame, truth, detections)
        print(recall.row(name), flush=True)
        total.join(recall)
    print(total.row('total'))
    print('"score >= 0.5": found at IoU 0.3 with such a score; "are right": of detections with')
    print('such a score in frames with ground truth, on an annotated actor at IoU 0.3.')


def save(folder: Path, name: str, frame: Frame, truth: np.ndarray, detections: Detections) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    image = np.ascontiguousarray(frame.image[..., ::-1])
    for box in truth.round().astype(int).tolist():
        cv2.rectangle(image, box[:2], box[2:], (0, 255, 0), 1)
    for box, score, actions in zip(
        detections.boxes, detections.scores, detections.actions, strict=True
    ):
        x1, y1, x2, y2 = box.round().astype(int).tolist()
        cv2.rectangle(image, (x1, y1), (x2, y2), (0, 0, 255), 2 if score >= 0.5 else 1)
        text = f'{score:.2f} {MotionLocalizer.labels[int(actions.argmax())]}'
        cv2.putText(image, text, (x1, max(y1, 10)), 0, 0.35, (0, 255, 255), 1)
    cv2.imwrite(str(folder / name), image)


def timing(args: argparse.Namespace) -> None:
    print('\nms a step on one core, synthetic footage at 30 Hz (mean over steps)')
    print(
        f'{"size":10} {"step":>7} {"a second":>9} {"cpu":>7} {"p50":>7} {"p99":>7} '
        f'{"people":>7} {"flow":>7} {"camera":>7} {"regions":>8}'
    )
    for size in SIZES:
        images = [each.image for each in islice(render(1, 4.0, size, 30.0), 90)]
        with Stopwatch() as stopwatch:
            localizer, times = MotionLocalizer(LocalizerOptions()), []
            processor = time.process_time()
            for index, image in enumerate(images):
                began = time.perf_counter()
                localizer.step([Frame('', nanoseconds(index / 30), image)])
                times.append(1000 * (time.perf_counter() - began))
        mean = float(np.mean(times))
        processor = 1000 * (time.process_time() - processor) / len(times)
        cost = {
            name: 1000 * durations / len(images) for name, durations in stopwatch.durations.items()
        }
        p50, p99 = np.percentile(times, [50, 99])
        flow = cost['motion'] - cost['camera']
        print(
            f'{size[0]}x{size[1]:<6} {mean:7.1f} {1000 / mean:9.1f} {processor:7.1f} '
            f'{p50:7.1f} {p99:7.1f} {cost["people"]:7.1f} {flow:7.1f} '
            f'{cost["camera"]:7.1f} {cost["regions"]:8.1f}',
            flush=True,
        )
    print('"cpu": processor time of a step, also right on a busy machine; "people": search by HOG,')
    print('at some steps only; "camera": fit of its own motion.')


class Stopwatch:
    """Measures the parts of a step while it is entered."""

    def __init__(self) -> None:
        self.durations: dict[str, float] = defaultdict(float)
        self._parts: tuple[tuple[Any, str, str], ...] = (
            (PeopleDetector, 'detect', 'people'),
            (FlowEstimator, 'measure', 'motion'),
            (optical_flow, 'fit_background', 'camera'),
            (RegionFinder, 'update', 'regions'),
        )
        self._originals = [getattr(owner, name) for owner, name, _ in self._parts]

    def __enter__(self) -> Stopwatch:
        for (owner, name, part), original in zip(self._parts, self._originals, strict=True):
            setattr(owner, name, self._timed(original, part))
        return self

    def __exit__(self, *error: object) -> None:
        for (owner, name, _), original in zip(self._parts, self._originals, strict=True):
            setattr(owner, name, original)

    def _timed(self, function: Callable, part: str) -> Callable:
        def run(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            result = function(*args, **kwargs)
            self.durations[part] += time.perf_counter() - began
            return result

        return run


PARTS = {'ucf24': ucf24, 'synth': synth, 'timing': timing}


if __name__ == '__main__':
    raise SystemExit(main())
