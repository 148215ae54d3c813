"""Go the way of an annotation once: a model starts, a person corrects, training makes it better.

The person is played by the truth, written as CVAT exports it. What a person does to correct the
start on new footage is counted for the model before and after the training.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from actloc_ros.cli.main import main as actloc
from actloc_ros.frames import NANOSECONDS
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.recordings.annotate.actors import open_annotations
from actloc_ros.recordings.annotate.annotation import AnnotatedActor, RecordingAnnotation, Span
from actloc_ros.recordings.annotate.formats.cvat import write_cvat
from actloc_ros.recordings.annotate.formats.plain import write_plain
from actloc_ros.recordings.annotate.formats.written import WriteOptions
from actloc_ros.recordings.annotate.savings import Savings, measure_savings
from benchmark.results.common import ResultsError

LABELS = ('nodding', 'shaking')
RATE, WIDTH, HEIGHT = 10, 320, 240
FIGURE = (60, 110)  # width and height in px
BEFORE, AFTER = 'motion', 'hog_hof'


@dataclass(frozen=True)
class LoopResult:
    """What a person saves on new footage, before and after the training."""

    before: Savings
    after: Savings


def go_round(work: Path, films: int = 2, seconds: float = 2.0) -> LoopResult:
    """Return what a person saves by the start of `motion`, and by what is trained on corrections.

    Args:
        work: An empty folder.
        films: How many are corrected, of each action.
        seconds: How long each lasts.
    """
    corrected = work / 'corrected'
    corrected.mkdir(parents=True)
    for number in range(films * len(LABELS)):
        path = corrected / f'{number}.mp4'
        truth = film(path, [(LABELS[number % len(LABELS)], seconds)], number)
        write_cvat(truth, path.with_suffix('.xml'), WriteOptions())
    actloc_command('dataset', 'check', str(corrected), '--format', 'cvat')
    actloc_command('dataset', 'split', str(corrected), '--format', 'cvat', '--parts', 'train=1')
    data, weights = corrected / 'annotations_train.json', work / 'mine.safetensors'
    actloc_command('train', str(data), '--model', 'hog-hof', '--out', str(weights))
    new = work / 'new.mp4'
    truth = film(new, [(LABELS[0], 2 * seconds), (LABELS[1], 2 * seconds)], 77)
    write_plain(truth, work / 'truth.json', WriteOptions())
    before, after = work / 'before.xml', work / 'after.xml'
    actloc_command('annotate', str(new), '--model', BEFORE, '--out', str(before))
    actloc_command(
        'annotate', str(new), '--model', AFTER, '--weights', str(weights), '--out', str(after)
    )
    right = open_annotations(work / 'truth.json')
    saved = [measure_savings(open_annotations(path), right) for path in (before, after)]
    return LoopResult(*saved)


def film(path: Path, parts: list[tuple[str, float]], seed: int) -> RecordingAnnotation:
    """Write a video of a textured figure that moves up and down (nodding) or to and fro.

    Args:
        path: The video to write.
        parts: What it does, one after the other, and for how many s.
        seed: Of its looks and its pace.

    Returns:
        The truth.
    """
    rng = np.random.default_rng(seed)
    wall, figure = _texture(rng, HEIGHT, WIDTH, 3), _texture(rng, *FIGURE[::-1], 2)
    phase, size, pace = rng.uniform(0, 6), rng.uniform(14, 20), rng.uniform(0.8, 1.1)
    boxes, spans = [], []
    with VideoWriter(path, RATE) as writer:
        for label, seconds in parts:
            first = len(boxes)
            for index in range(first, first + round(seconds * RATE)):
                swing = size * np.sin(2 * np.pi * pace * index / RATE + phase)
                x, y = (130, 60 + swing) if label == LABELS[0] else (130 + swing, 60)
                image = wall.copy()
                place = np.array([[1, 0, x], [0, 1, y]], float)
                side = cv2.BORDER_TRANSPARENT
                cv2.warpAffine(figure, place, (WIDTH, HEIGHT), image, borderMode=side)
                writer.write(index * NANOSECONDS // RATE, image.astype(np.uint8))
                boxes.append((x, y, x + FIGURE[0], y + FIGURE[1]))
            spans.append(Span(label, first, len(boxes) - 1))
    count, ones = len(boxes), np.ones(len(boxes))
    actor = AnnotatedActor(1, np.arange(count), np.array(boxes), ones, ones, tuple(spans))
    times = np.arange(count) * NANOSECONDS // RATE
    return RecordingAnnotation(path, path, times, WIDTH, HEIGHT, LABELS, (actor,))


def _texture(rng: np.random.Generator, height: int, width: int, blur: float) -> np.ndarray:
    noise = rng.random((height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), blur)
    return cv2.normalize(smooth, smooth, 0, 255, cv2.NORM_MINMAX)


def actloc_command(*command: str) -> None:
    """Run `actloc` with arguments.

    Raises:
        ResultsError: It fails.
    """
    if actloc(list(command)):
        raise ResultsError(f'actloc {" ".join(command)} failed')
