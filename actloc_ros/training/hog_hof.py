"""Train the HOG/HOF classifier from labelled clips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC
from tqdm import tqdm

from actloc_ros.datasets.annotations import Instance, Video, read_annotations
from actloc_ros.frames import Frame, nanoseconds, seconds
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.hog_hof import Classifier, Watcher
from actloc_ros.models.hog_hof_descriptor import (
    Moment,
    Pace,
    Settings,
    describe_clip,
    describe_moment,
)
from actloc_ros.models.motion_view import MotionView
from actloc_ros.sources import open_source

SOFTNESS = 1.0  # weight of the training errors
FOLDS = 5  # parts of the videos that are left out in turn to calibrate the scores
STRIDE = 0.3  # s from one clip of a video to the next
ANNOTATIONS = 'annotations.json'


class TrainingError(ValueError):
    """Data that cannot be trained on; the text says which and what to do."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Descriptors with their truth: N clips, C labels.

    Attributes:
        labels: Action names.
        descriptors: float32 (N, D).
        truth: bool (N, C): a clip may show several actions.
        videos: int64 (N,): number of the video; clips of one are never told apart in calibration.
        unused: Videos in which no actor was found.
    """

    labels: tuple[str, ...]
    descriptors: np.ndarray
    truth: np.ndarray
    videos: np.ndarray
    unused: tuple[Path, ...] = ()


def read_samples(
    data: Path, settings: Settings, whole_image: bool = False, labels: Sequence[str] = ()
) -> Samples:
    """Describe the clips of a data set.

    Args:
        data: A folder with one folder of recordings for each label, or a folder with an
            `annotations.json` in the format of `datasets.annotations`, or that file.
        settings: How clips are described.
        whole_image: Whether recordings in folders are cut to the actor (or actors) already; else
            the actor who is seen best and longest is followed as `motion` does.
        labels: Labels to train, in this order; all there are if empty.

    Raises:
        TrainingError: There is nothing to learn from.
    """
    file = data / ANNOTATIONS if data.is_dir() else data
    if file.is_file() and whole_image:
        raise TrainingError(f'{file} says where the actors are: leave --whole-image out')
    if file.is_file():
        return _annotated(file, settings, labels)
    if data.is_dir():
        return _folders(data, settings, whole_image, labels)
    raise TrainingError(
        f'{data} does not exist; give a folder of folders of recordings, or {ANNOTATIONS}'
    )


def fit(samples: Samples, settings: Settings, seed: int = 0) -> Classifier:
    """Train a linear support vector machine for each label; calibrate on left-out videos.

    Deterministic: the same samples and seed give the same numbers.

    Raises:
        TrainingError: A label has less than two videos with it, or without it.
    """
    parts = [_fit_label(samples, index, seed) for index in range(len(samples.labels))]
    weight, bias, slope, offset = (np.stack(column) for column in zip(*parts, strict=True))
    return Classifier(samples.labels, settings, weight, bias, slope, offset)


def _fit_label(samples: Samples, index: int, seed: int) -> tuple[np.ndarray, ...]:
    """Return weight (D,), bias, slope and offset of one label's classifier, float32."""
    truth = samples.truth[:, index]
    folds = min(FOLDS, *(len(set(samples.videos[truth == side])) for side in (True, False)))
    if folds < 2:
        raise TrainingError(
            f'label {samples.labels[index]!r} needs 2 videos in which someone does it and 2 in '
            'which no one does, at least; add videos, or leave it out by --labels'
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    model = CalibratedClassifierCV(
        LinearSVC(C=SOFTNESS, class_weight='balanced', random_state=seed, max_iter=20_000),
        method='sigmoid',
        cv=list(splitter.split(samples.descriptors, truth, samples.videos)),
        ensemble=False,
    )
    model.fit(samples.descriptors, truth)
    fitted = model.calibrated_classifiers_[0]
    machine, scale = fitted.estimator, fitted.calibrators[0]
    numbers = machine.coef_[0], machine.intercept_[0], scale.a_, scale.b_
    return tuple(np.asarray(number, np.float32) for number in numbers)


def _folders(data: Path, settings: Settings, whole_image: bool, labels: Sequence[str]) -> Samples:
    found = {
        path.name: path for path in sorted(data.iterdir()) if _is_shown(path) and path.is_dir()
    }
    names = tuple(labels) or tuple(found)
    if len(names) < 2 or set(names) - set(found):
        raise TrainingError(
            f'{data} has folders {list(found)}, and labels {list(names)} are to be trained; '
            'it must have a folder of recordings for each of 2 or more labels'
        )
    paths = [(path, name) for name in names for path in sorted(found[name].iterdir())]
    rows, unused = [], []
    for video, (path, name) in enumerate(tqdm(paths, unit='video', disable=None)):
        if not _is_shown(path):
            continue
        moments = (
            image_moments(open_source(path), settings)
            if whole_image
            else _actor_moments(path, settings)
        )
        if not moments:
            unused.append(path)
        for _, clip in clips_of(moments, settings):
            rows.append((clip, [name == label for label in names], video))
    return _samples(data, names, rows, tuple(unused))


def _is_shown(path: Path) -> bool:
    return not path.name.startswith('.')


def _samples(
    data: Path, labels: tuple[str, ...], rows: list, unused: tuple[Path, ...] = ()
) -> Samples:
    if not rows:
        raise TrainingError(f'{data}: no recording shows an actor for long enough')
    descriptors, truth, videos = zip(*rows, strict=True)
    return Samples(labels, np.stack(descriptors), np.array(truth), np.array(videos), unused)


def image_moments(frames: Iterable[Frame], settings: Settings) -> list[Moment]:
    """Return the moments of a recording whose whole image is the actor."""
    found = []
    for frame, view in _views(frames, settings):
        height, width = view.grey.shape
        box = np.array([0, 0, width, height], float)
        assert view.flow is not None
        found.append(describe_moment(frame.stamp, view.grey, view.flow.velocity, box, settings))
    return found


def _views(frames: Iterable[Frame], settings: Settings) -> Iterator[tuple[Frame, MotionView]]:
    """Yield each frame that is a moment, with its flow."""
    options, pace = LocalizerOptions(), Pace(settings)
    view = MotionView(options.bridge_gap, options.restart_gap)
    for frame in frames:
        view.update(frame, np.zeros((0, 4)))
        if view.flow is not None and pace.due(frame.stamp):
            yield frame, view


def _actor_moments(path: Path, settings: Settings) -> list[Moment]:
    """Return the moments of the actor who is seen best and longest."""
    watcher = Watcher(LocalizerOptions(), settings)
    moments: dict[int, list[Moment]] = {}
    worth: dict[int, float] = {}
    for frame in open_source(path):
        found, now = watcher.step(frame)
        for track_id, moment in now.items():
            moments.setdefault(track_id, []).append(moment)
        ids = () if found.track_ids is None else found.track_ids.tolist()
        for track_id, score in zip(ids, found.scores.tolist(), strict=True):
            worth[track_id] = worth.get(track_id, 0.0) + score
    best = max(moments, key=lambda track_id: worth[track_id], default=None)
    return [] if best is None else moments[best]


def clips_of(moments: list[Moment], settings: Settings) -> Iterator[tuple[int, np.ndarray]]:
    """Yield end and descriptor of the clips in which moments lie; one where they are too few."""
    if not moments:
        return
    last = moments[-1].stamp
    end = min(last, moments[0].stamp + nanoseconds(settings.duration))
    while True:
        yield end, describe_clip(moments, end, settings)
        if end >= last:
            return
        end = min(last, end + nanoseconds(STRIDE))


def _annotated(file: Path, settings: Settings, labels: Sequence[str]) -> Samples:
    truth = read_annotations(file)
    names = tuple(labels) or truth.labels
    if set(names) - set(truth.labels):
        raise TrainingError(f'{file} has labels {list(truth.labels)}, not all of {list(names)}')
    rows = []
    for number, video in enumerate(tqdm(truth.videos, unit='video', disable=None)):
        for clip, shown in _video_clips(file.parent / video.path, video, settings):
            rows.append((clip, [label in shown for label in names], number))
    return _samples(file, names, rows)


def _video_clips(
    path: Path, video: Video, settings: Settings
) -> Iterator[tuple[np.ndarray, set[str]]]:
    """Yield descriptors of each annotated actor's clips, with what he does for half of it."""
    moments = _annotated_moments(path, video, settings)
    half = nanoseconds(settings.duration / 2)
    for actor, seen in moments.items():
        doing = [each for each in video.instances if each.actor == actor]
        for end, clip in clips_of(seen, settings):
            start = end - 2 * half
            yield clip, {each.label for each in doing if _shared(each, start, end) >= half}


def _shared(instance: Instance, start: int, end: int) -> int:
    """Return for how long an instance lasts between two stamps, in ns."""
    return min(instance.end, end) - max(instance.start, start)


def _annotated_moments(path: Path, video: Video, settings: Settings) -> dict[int, list[Moment]]:
    """Return each actor's moments, from his annotated boxes."""
    boxes = {
        tube.actor: dict(zip(tube.frames.tolist(), tube.boxes, strict=True)) for tube in video.tubes
    }
    moments: dict[int, list[Moment]] = {}
    for frame, view in _views(open_source(path), settings):
        index = round(seconds(frame.stamp) * video.fps)
        for actor, places in boxes.items():
            if index in places and view.flow is not None:
                box = places[index] / view.scale
                moment = describe_moment(frame.stamp, view.grey, view.flow.velocity, box, settings)
                moments.setdefault(actor, []).append(moment)
    return moments
