"""Prepare recordings for a training of ActionFormer: their features, and when they show what."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.files import make_folder, short_name, write_whole
from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.io.media import open_frames
from actloc_ros.models.actionformer.features import RATE, STRIDE, WINDOW, I3dFeatures, read_features
from actloc_ros.models.errors import ModelError
from actloc_ros.models.registry import find_entry
from actloc_ros.models.storage import find_stored
from actloc_ros.truth.annotations import AnnotationError, Happening, Video
from actloc_ros.truth.segments import Segment

CHUNK = 32  # frames that are read at a time
LEAST_INSIDE = 0.5  # share of a segment that a crop must hold for the segment to count
LEAST_KEPT = 0.9  # share of a recording that a crop has at least, where that is not too long
CHANNELS = 2048


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording.

    Attributes:
        name: Of its file, without folder and suffix.
        duration: In s.
        features: float32 (T, 2048).
        spans: float32 (N, 2): start and end of what it shows, in places of the features.
        labels: int64 (N,).
    """

    name: str
    duration: float
    features: np.ndarray
    spans: np.ndarray
    labels: np.ndarray

    def crop(self, longest: int, rng: np.random.Generator) -> Recording:
        """Return a part of it by chance, of at most `longest` places."""
        length = len(self.features)
        kept = min(longest, round(length * rng.uniform(LEAST_KEPT, 1)))
        first = int(rng.integers(length - kept + 1))
        spans = np.clip(self.spans, first, first + kept)
        lengths = self.spans[:, 1] - self.spans[:, 0]
        inside = (spans[:, 1] - spans[:, 0]) >= LEAST_INSIDE * lengths
        features = self.features[first : first + kept]
        return Recording(
            self.name, self.duration, features, spans[inside] - first, self.labels[inside]
        )


def segments_of(video: Video) -> list[Segment]:
    """Return when anybody does something; what several do at once counts once.

    Raises:
        AnnotationError: It is not known of all frames, or of an action, when it is done.
    """
    if video.labelled is not None:
        raise AnnotationError(
            f'{video.path}: only some frames are labelled, so it is not known when actions begin '
            'and end; give annotations of all frames'
        )
    spans: dict[str, list[tuple[int, int]]] = {}
    for each in _every(video):
        if each.start is None or each.end is None:
            raise AnnotationError(
                f'{video.path}: it is not said when {each.label} begins and ends, which '
                'segments are learned from'
            )
        spans.setdefault(each.label, []).append((each.start, each.end))
    return [
        Segment(short_name(video.path), label, start / NANOSECONDS, end / NANOSECONDS)
        for label, some in spans.items()
        for start, end in _joined(some)
    ]


def make_recording(
    video: Video, features: np.ndarray, labels: Sequence[str], segments: Sequence[Segment]
) -> Recording:
    """Return a recording, whose segments have labels of `labels`."""
    times = np.array([(each.start, each.end) for each in segments], np.float64).reshape(-1, 2)
    return Recording(
        short_name(video.path),
        video.frames / video.fps,
        features,
        places(times).astype(np.float32),
        np.array([labels.index(each.label) for each in segments], np.int64),
    )


def places(times: np.ndarray) -> np.ndarray:
    """Return the places in the features of times in s, of any shape."""
    return np.asarray((times * RATE - 0.5 * WINDOW) / STRIDE)


class FeatureStore:
    """Has the features of recordings: those that a user gives, or computes and keeps them.

    Args:
        given: Folder of the user's, or None.
        kept: Folder of those that are computed.
        make: Opens what computes the features of one recording.
    """

    def __init__(self, given: Path | None, kept: Path, make: Callable[[], I3dFeatures]) -> None:
        self._given, self._kept, self._make = given, kept, make

    def read(self, videos: AnnotatedVideos, video: Video) -> np.ndarray:
        """Return the features of a recording: float32 (T, 2048).

        Raises:
            AnnotationError: The recording is too short.
            ModelError: Features cannot be read, or what computes them is not here.
        """
        if self._given is not None:
            return read_features(self._given / f'{short_name(video.path)}.npy', CHANNELS)
        path = self._kept / f'{short_name(video.path)}-{_state(videos.folder / video.path)}.npy'
        if path.is_file():
            return read_features(path, CHANNELS)
        features = self._compute(videos.folder / video.path, video)
        make_folder(self._kept)
        with write_whole(path) as part, part.open('wb') as file:
            np.save(file, features)
        return features

    def _compute(self, path: Path, video: Video) -> np.ndarray:
        extractor, frames = self._make(), open_frames(path)
        numbers = range(video.frames)
        for first in tqdm(numbers[::CHUNK], video.path, unit=f'{CHUNK} frames', disable=None):
            part = list(numbers[first : first + CHUNK])
            for number, image in zip(part, frames.read(part), strict=True):
                extractor.push(Frame('', video.stamp(number), image))
        frames.close()
        try:
            return extractor.finish()
        except ModelError as error:
            raise AnnotationError(f'{path}: {error}') from error


def _state(path: Path) -> str:
    """Return what changes where a recording or the weights of I3D do."""
    entries = (find_entry(f'i3d_{part}_kinetics400') for part in ('rgb', 'flow'))
    weights = [found for entry in entries if (found := find_stored(entry)) is not None]
    stats = [(file.resolve(), file.stat()) for file in (path, *weights)]
    text = repr([(str(file), stat.st_size, stat.st_mtime_ns) for file, stat in stats])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _every(video: Video) -> list[Happening]:
    """Return what happens, whoever does it."""
    return [*video.happenings, *(Happening(i.label, i.start, i.end) for i in video.instances)]


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans by start, with those as one that touch."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined
