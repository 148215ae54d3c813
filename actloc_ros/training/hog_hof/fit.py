"""Train the classifier of Fisher vectors from labelled clips."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC
from tqdm import tqdm

from actloc_ros.models.hog_hof.classifier import Classifier
from actloc_ros.models.hog_hof.descriptor import KINDS, LENGTHS, DescriptorSettings, PointTracks
from actloc_ros.models.hog_hof.fisher import Codebook, KindCodebook
from actloc_ros.training.data.mirror import SIDE, mirror_pairs, mirrored_classes
from actloc_ros.training.hog_hof.recordings import (
    ActorRecording,
    Recording,
    TrainingError,
    find_recordings,
)

SOFTNESS = 10.0  # weight of the training errors
FOLDS = 5  # parts of the videos that are left out in turn to calibrate the scores
BOOK_TRACKS = 12_000  # tracks that a code book is fitted to
BOOK_STEPS = 25  # of expectation and maximization, at most
LEAST_VARIANCE = 1e-4  # of a word
KEPT = 2  # a principal component for so many numbers
MOST_TRACKS = 1_000_000  # kept in memory, at about 1 kB each; recordings beyond are read twice


@dataclass(frozen=True, eq=False)
class Samples:
    """Descriptors with their truth: N clips, C labels.

    Attributes:
        labels: Action names.
        codebook: What clips are described by.
        descriptors: float32 (N, D).
        mirrored: float32 (N, D): those of the clips' mirror images.
        truth: bool (N, C): a clip may show several actions.
        videos: int64 (N,): number of the video; calibration never separates clips of one.
        unused: Videos in which no actor was found.
    """

    labels: tuple[str, ...]
    codebook: Codebook
    descriptors: np.ndarray
    mirrored: np.ndarray
    truth: np.ndarray
    videos: np.ndarray
    unused: tuple[Path, ...] = ()


def read_samples(
    data: Path,
    settings: DescriptorSettings,
    whole_image: bool = False,
    labels: Sequence[str] = (),
    seed: int = 0,
) -> Samples:
    """Fit a code book to a data set, and describe its clips; see `find_recordings`.

    Raises:
        TrainingError: There is nothing to train on.
    """
    names, recordings = find_recordings(data, settings, whole_image, labels)
    try:
        return samples_of(names, recordings, settings, seed)
    except TrainingError as error:
        raise TrainingError(f'{data}: {error}') from error


def samples_of(
    labels: tuple[str, ...],
    recordings: Sequence[Recording],
    settings: DescriptorSettings,
    seed: int = 0,
) -> Samples:
    """Fit a code book to recordings, and describe their clips.

    Raises:
        TrainingError: There is nothing to train on.
    """
    kept = _read_some(recordings, seed)
    tracks = [actor.tracks for _, actors in sorted(kept.items()) for actor in actors]
    codebook = fit_codebook(tracks, settings, seed)
    rows: list[tuple[np.ndarray, np.ndarray, list[bool], int]] = []
    unused = []
    for video, recording in enumerate(_progress(recordings, 'describe')):
        actors = kept.pop(video) if video in kept else recording.read()
        for actor in actors:
            rows.extend((*row, video) for row in _rows(actor, labels, codebook))
        if not actors:
            unused.append(recording.path)
    descriptors, mirrored, truth, videos = zip(*rows, strict=True)
    return Samples(
        labels,
        codebook,
        np.stack(descriptors),
        np.stack(mirrored),
        np.array(truth),
        np.array(videos),
        tuple(unused),
    )


def _read_some(recordings: Sequence[Recording], seed: int) -> dict[int, list[ActorRecording]]:
    """Return the actors of recordings chosen by chance, by number; all if they fit in memory."""
    order = np.random.default_rng(seed).permutation(len(recordings)).tolist()
    kept: dict[int, list[ActorRecording]] = {}
    count = 0
    for index in _progress(order, 'read'):
        kept[index] = recordings[index].read()
        count += sum(len(each.places) for actor in kept[index] for each in actor.tracks)
        if count >= MOST_TRACKS:
            break
    return kept


def _progress(items: Sequence, what: str) -> tqdm:
    return tqdm(items, desc=what, unit='video', disable=None, leave=False)


def _rows(
    actor: ActorRecording, labels: tuple[str, ...], codebook: Codebook
) -> list[tuple[np.ndarray, np.ndarray, list[bool]]]:
    """Return descriptor, mirror image's descriptor and truth (C,) of each clip."""
    pooled = codebook.pool(actor.tracks)
    mirrored = codebook.pool([tracks.mirrored() for tracks in actor.tracks])
    return [
        (
            codebook.describe(pooled, clip.start, clip.end),
            codebook.describe(mirrored, clip.start, clip.end),
            [label in clip.shown for label in labels],
        )
        for clip in actor.clips
    ]


def fit_codebook(
    actors: Sequence[Sequence[PointTracks]], settings: DescriptorSettings, seed: int
) -> Codebook:
    """Fit principal components and Gaussian mixtures to tracks, the same number of each actor.

    Raises:
        TrainingError: Too little moves.
    """
    rng = np.random.default_rng(seed)
    share = max(1, BOOK_TRACKS // max(len(actors), 1))
    chosen = [each for actor in actors for each in _some_tracks(actor, share, rng)]
    count = sum(len(each.places) for each in chosen)
    least = max(settings.words, *(length // KEPT for length in LENGTHS.values()))
    if count < least:
        raise TrainingError(
            f'only {count} points move on actors for {settings.follow} s; {least} are needed at '
            'least: no recording shows an actor for long enough, or they show no motion'
        )
    return Codebook(
        {
            kind: _fit_book(np.concatenate([each.kind(kind) for each in chosen]), settings, seed)
            for kind in KINDS
        }
    )


def _some_tracks(
    tracks: Sequence[PointTracks], count: int, rng: np.random.Generator
) -> list[PointTracks]:
    """Return an actor's tracks chosen by chance, every second one as its mirror image."""
    every = [
        (frame, point) for frame, each in enumerate(tracks) for point in range(len(each.places))
    ]
    chosen = rng.permutation(len(every))[:count]
    found = []
    for side, part in enumerate((chosen[::2], chosen[1::2])):
        for frame in sorted({every[index][0] for index in part}):
            points = [every[index][1] for index in part if every[index][0] == frame]
            all_tracks = tracks[frame]
            some = PointTracks(
                all_tracks.stamp, all_tracks.places[points], all_tracks.parts[points]
            )
            found.append(some.mirrored() if side else some)
    return found


def _fit_book(descriptors: np.ndarray, settings: DescriptorSettings, seed: int) -> KindCodebook:
    axes = PCA(descriptors.shape[1] // KEPT, svd_solver='covariance_eigh').fit(descriptors)
    mixture = GaussianMixture(
        settings.words,
        covariance_type='diag',
        reg_covar=LEAST_VARIANCE,
        max_iter=BOOK_STEPS,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # The steps are few on purpose: a better fit describes clips no better.
        warnings.simplefilter('ignore', ConvergenceWarning)
        mixture.fit(axes.transform(descriptors))
    numbers = (
        axes.mean_,
        axes.components_,
        mixture.weights_,
        mixture.means_,
        mixture.covariances_,
    )
    return KindCodebook(*(np.asarray(number, np.float32) for number in numbers))


def fit(samples: Samples, settings: DescriptorSettings, seed: int = 0) -> Classifier:
    """Train a linear support vector machine for each label; calibrate on left-out videos.

    Mirror images are trained on, too; labels that name a side change it. Deterministic: the same
    samples and seed give the same numbers.

    Raises:
        TrainingError: A label has less than two videos with it, or without it.
    """
    descriptors = np.concatenate([samples.descriptors, samples.mirrored])
    truth = np.concatenate([samples.truth, _mirrored_truth(samples)])
    videos = np.tile(samples.videos, 2)
    # Machines lie in the span of their samples: fewer numbers give the same machine.
    axes, parts = np.linalg.qr(descriptors.T.astype(np.float64))
    fitted = []
    for index, label in enumerate(samples.labels):
        folds = _folds(label, truth[:, index], videos)
        weight, *rest = _fit_label(parts.T, truth[:, index], videos, folds, seed)
        fitted.append((axes @ weight, *rest))
    columns = [np.stack(column).astype(np.float32) for column in zip(*fitted, strict=True)]
    return Classifier(samples.labels, settings, samples.codebook, *columns)


def _mirrored_truth(samples: Samples) -> np.ndarray:
    """Return what the mirror images show, bool (N, C)."""
    labels = samples.labels
    order = mirrored_classes(labels, mirror_pairs(labels))
    truth = samples.truth[:, order]
    alone = [bool(SIDE.search(label)) and order[i] == i for i, label in enumerate(labels)]
    truth[:, alone] = False
    return truth


def _folds(label: str, truth: np.ndarray, videos: np.ndarray) -> int:
    """Return into how many parts the videos with and without a label can be split."""
    folds = min(FOLDS, *(len(set(videos[truth == side])) for side in (True, False)))
    if folds < 2:
        raise TrainingError(
            f'label {label!r} needs 2 videos in which someone does it and 2 in '
            'which no one does, at least; add videos, or leave it out by --labels'
        )
    return folds


def _fit_label(
    descriptors: np.ndarray, truth: np.ndarray, videos: np.ndarray, folds: int, seed: int
) -> tuple[np.ndarray, ...]:
    """Return weight (D,), bias, slope and offset of one label's classifier."""
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    model = CalibratedClassifierCV(
        LinearSVC(C=SOFTNESS, class_weight='balanced', random_state=seed, max_iter=20_000),
        method='sigmoid',
        cv=list(splitter.split(descriptors, truth, videos)),
        ensemble=False,
    )
    model.fit(descriptors, truth)
    fitted = model.calibrated_classifiers_[0]
    machine, scale = fitted.estimator, fitted.calibrators[0]
    numbers = machine.coef_[0], machine.intercept_[0], scale.a_, scale.b_
    return tuple(np.asarray(number) for number in numbers)
