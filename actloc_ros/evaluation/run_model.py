"""Run a localizer over the videos of a ground truth and keep what it detects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from actloc_ros.evaluation.linking import LinkOptions
from actloc_ros.evaluation.pipeline_tubes import PipelineTubes
from actloc_ros.files import VIDEO_SUFFIXES, short_name
from actloc_ros.frames import Frame
from actloc_ros.io.media import shape_of
from actloc_ros.io.source import Source
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import Detections, Localizer
from actloc_ros.pipeline import FrameResult, Pipeline
from actloc_ros.truth.boxes import (
    FRAMES_A_VIDEO,
    EvaluationError,
    FrameBoxes,
    GroundTruth,
    Predictions,
    join,
)

LEAST_SCORE = 0.005  # YOWO's: boxes below hardly move a figure and cost much memory
MICROSECONDS = 1_000_000


class Recorder(Localizer):
    """Passes frames to a localizer and keeps its newest detections, before any linking."""

    def __init__(self, localizer: Localizer) -> None:
        self.name, self.labels = localizer.name, localizer.labels
        self.threshold, self.joint_names = localizer.threshold, localizer.joint_names
        self.newest: Detections | None = None
        self._localizer = localizer

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Localize in a frame; see `Localizer`."""
        results = self._localizer.step(frames)
        self.newest = results[0]
        return results

    def reset(self, camera: str | None = None) -> None:
        """Forget the past; see `Localizer`."""
        self._localizer.reset(camera)

    def close(self) -> None:
        """Free the localizer."""
        self._localizer.close()


@dataclass(frozen=True, eq=False)
class ModelOutput:
    """What a localizer found in videos.

    Attributes:
        source: The model and the videos, for messages.
        boxes: All boxes, before any linking.
        own: What the pipeline made of them while frames came in.
    """

    source: str
    boxes: FrameBoxes
    own: PipelineTubes

    def predictions(self) -> Predictions:
        """Return the boxes alone, to be linked by a protocol's own way."""
        return Predictions(self.source, self.boxes)

    def online(self) -> Predictions:
        """Return them with the pipeline's own instances as tubes, as a robot reports them."""
        origin = "the pipeline's own, linked frame by frame as on a robot"
        return Predictions(self.source, self.boxes, self.own.tubes(), origin)

    def tracks(self, pixel: float) -> Predictions:
        """Return them with tubes that are cut out of the pipeline's tracks after the fact.

        Args:
            pixel: See `boxes.area`.
        """
        options = LinkOptions(trimmed=True, pixel=pixel)
        origin = "the pipeline's tracks of actors, trimmed in time action by action"
        return Predictions(self.source, self.boxes, self.own.tracks(options), origin)


def run_model(
    localizer: Localizer,
    truth: GroundTruth,
    roots: Sequence[Path],
    rate: float,
    any_action: bool = False,
) -> ModelOutput:
    """Return what a localizer finds in the ground truth's videos.

    Each frame goes through the same pipeline as on a robot, in order. What counts is what the
    localizer detects in it, before linking: a box with each action (or as an actor) whose score is
    at least `LEAST_SCORE`.

    Args:
        localizer: The model.
        truth: Its videos and key frames are used.
        roots: Video files, and folders in which videos, or folders of their images, lie.
        rate: Frames per second of folders of images.
        any_action: Whether actors count, with their own scores, whatever they do.

    Raises:
        EvaluationError: A video is missing or broken, or the model has none of the classes.
    """
    classes = None if any_action else class_ids(localizer.labels, truth)
    paths = find_videos(truth, roots)
    output = _Collected(localizer, truth, classes)
    for index, path in enumerate(tqdm(paths, 'videos', unit='video', disable=None)):
        output.add_video(index, open_source(path, rate=rate))
    known = '' if classes is None else f', {(classes >= 0).sum()} of its {len(classes)} classes'
    source = f'{localizer.name} on {len(paths)} videos{known}'
    return ModelOutput(source, join(output.boxes), output.tubes)


def class_ids(labels: Sequence[str], truth: GroundTruth) -> np.ndarray:
    """Return the ground truth's id of each of the model's labels; -1 where it has no such class.

    Raises:
        EvaluationError: No label is among the ground truth's classes.
    """
    numbers = {name.lower(): number for number, name in truth.labels.items()}
    found = np.array([numbers.get(label.lower(), -1) for label in labels], np.int64)
    if (found < 0).all():
        raise EvaluationError(
            f'the model knows {", ".join(labels[:4])}, …, of which none is among the classes of '
            f'{truth.path}: {", ".join(list(truth.labels.values())[:4])}, …; choose a model that '
            'was trained for these'
        )
    return found


def find_videos(truth: GroundTruth, roots: Sequence[Path]) -> list[Path]:
    """Return the file, or folder of images, of each video of the ground truth.

    Raises:
        EvaluationError: A video has none.
    """
    found = {
        short_name(path.name): path
        for root in roots
        for path in (root, *sorted(root.rglob('*') if root.is_dir() else ()))
        if path.is_dir() or path.suffix.lower() in VIDEO_SUFFIXES
    }
    missing = [name for name in truth.videos if short_name(name) not in found]
    if missing:
        raise EvaluationError(
            f'{len(missing)} of {len(truth.videos)} videos of {truth.path} are not in '
            f'{", ".join(map(str, roots))}: {", ".join(missing[:3])}, …; give all, or name those '
            'to measure in a file with --video-list'
        )
    return [found[short_name(name)] for name in truth.videos]


@dataclass(frozen=True, eq=False)
class _KeyFrame:
    """A key frame.

    Attributes:
        video: Index of its video.
        number: By which the ground truth knows it.
        scale: float (4,): scales pixels to the ground truth's coordinates.
    """

    video: int
    number: int
    scale: np.ndarray


class _Collected:
    """What a localizer and its pipeline found in the videos so far."""

    def __init__(
        self, localizer: Localizer, truth: GroundTruth, classes: np.ndarray | None
    ) -> None:
        self.boxes: list[FrameBoxes] = []
        self.tubes = PipelineTubes(classes)
        self._classes = classes
        self._recorder = Recorder(localizer)
        self._truth = truth

    def add_video(self, index: int, source: Source) -> None:
        """Run a video from start to end.

        Raises:
            EvaluationError: Some of its frames cannot be decoded.
        """
        self._recorder.reset()
        pipeline = Pipeline(self._recorder)
        numbers = FrameNumbers(self._truth, index, source)
        bar = tqdm(source, source.path.name, source.length, False, unit='frame', disable=None)
        for index_in_video, frame in enumerate(bar):
            self._recorder.newest = None
            steps = pipeline.step([frame])
            number = numbers.of(index_in_video)
            if number is not None:
                self._keep(_KeyFrame(index, number, self._scale(index, frame)), steps)
        if source.broken:
            raise EvaluationError(
                f'{source.path}: {source.broken} frames cannot be decoded, so the numbers of the '
                'others would be wrong; repair the video'
            )

    def _keep(self, key: _KeyFrame, steps: Sequence[FrameResult]) -> None:
        """Keep what the localizer found in a key frame, and what the pipeline made of it."""
        if self._recorder.newest is not None:
            self.boxes.append(_labelled(self._recorder.newest, key, self._classes))
        for step in steps:
            if not step.restart:
                self.tubes.add(step.actions, key.video, step.stamp, key.number, key.scale)

    def _scale(self, video: int, frame: Frame) -> np.ndarray:
        """Return what takes pixels of the frame to the ground truth's coordinates."""
        sizes = self._truth.sizes
        width, height = (1, 1) if sizes is None else sizes.get(video, (frame.width, frame.height))
        return np.array([width / frame.width, height / frame.height] * 2)


class FrameNumbers:
    """Finds the number by which the ground truth knows a frame of a video."""

    def __init__(self, truth: GroundTruth, video: int, source: Source) -> None:
        self._first = truth.first_frame
        self._times: dict[int, int] | None = None
        if truth.in_seconds:
            times = truth.keyframes - video * FRAMES_A_VIDEO
            times = times[(times >= 0) & (times < FRAMES_A_VIDEO)]
            shape = shape_of(source.path, source.rate)
            self._times = {shape.frame_at(time / MICROSECONDS): time for time in times.tolist()}

    def of(self, index: int) -> int | None:
        """Return the number of the frame at `index`, or None if it is no key frame."""
        return index + self._first if self._times is None else self._times.get(index)


def _labelled(detections: Detections, key: _KeyFrame, classes: np.ndarray | None) -> FrameBoxes:
    scores, ids = detections.actions, classes
    if ids is None:
        scores, ids = detections.scores[:, None], np.zeros(1, np.int64)
    actor, action = np.nonzero((scores >= LEAST_SCORE) & (ids >= 0))
    return FrameBoxes(
        np.full(len(actor), key.video, np.int64),
        np.full(len(actor), key.number, np.int64),
        ids[action],
        detections.boxes[actor].astype(np.float64) * key.scale,
        scores[actor, action].astype(np.float64),
    )
