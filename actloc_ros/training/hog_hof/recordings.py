"""Find the labelled clips of recordings, and what moves on their actors, for the classifier."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from actloc_ros.frames import Frame, nanoseconds, seconds
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.hog_hof.descriptor import (
    DescriptorSettings,
    FrameSampler,
    PointTracker,
    PointTracks,
)
from actloc_ros.models.hog_hof.localizer import ActorPointTracker
from actloc_ros.models.vision.view import AREA
from actloc_ros.truth.annotations import Instance, Video
from actloc_ros.truth.plain_json import ANNOTATIONS, annotations_file, read_annotations

STRIDE = 1.0  # s from one clip of a video to the next
WHOLE = 3.0  # durations up to which a labelled recording is one clip
ACTOR_HEIGHT = 160  # px to which recordings that are cut to an actor are reduced


class TrainingError(ValueError):
    """Data that cannot be trained on; the text says which and what to do."""


@dataclass(frozen=True)
class LabelledSpan:
    """A part of a recording from one stamp in ns to another, and the labels that it shows."""

    start: int
    end: int
    shown: frozenset[str]


@dataclass(frozen=True, eq=False)
class ActorRecording:
    """One actor in one recording: its moving points by sampled frame, and its clips."""

    tracks: list[PointTracks]
    clips: list[LabelledSpan]


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording that is read on demand.

    Attributes:
        path: Its file or folder.
        read: Returns the actors in it.
    """

    path: Path
    read: Callable[[], list[ActorRecording]]


def find_recordings(
    data: Path, settings: DescriptorSettings, whole_image: bool = False, labels: Sequence[str] = ()
) -> tuple[tuple[str, ...], list[Recording]]:
    """Return the labels and recordings of a data set.

    Args:
        data: A folder with one folder of recordings for each label, or a folder with an
            `annotations.json` in the format of `truth.plain_json`, or that file.
        settings: How clips are described.
        whole_image: Whether recordings in folders are cut to the actor (or actors) already; else
            the actor with the highest sum of scores is followed as `motion` does.
        labels: Labels to train, in this order; all there are if empty.

    Raises:
        TrainingError: There is nothing to train on.
    """
    file = annotations_file(data)
    if file.is_file() and whole_image:
        raise TrainingError(f'{file} has boxes of actors: leave --whole-image out')
    if file.is_file():
        return _annotated(file, settings, labels)
    if data.is_dir():
        return _folders(data, settings, whole_image, labels)
    raise TrainingError(
        f'{data} does not exist; give a folder of folders of recordings, or {ANNOTATIONS}'
    )


def image_tracks(frames: Iterable[Frame], settings: DescriptorSettings) -> list[PointTracks]:
    """Return what moves in a recording whose whole image is the actor."""
    found = []
    for sampled in sample_frames(frames, settings, ACTOR_HEIGHT):
        height, width = sampled.grey.shape
        tracks = sampled.tracker.tracks(np.array([0.0, 0.0, width, height]))
        if tracks is not None:
            found.append(tracks)
    return found


@dataclass(frozen=True, eq=False)
class SampledFrame:
    """A frame at which the tracks of points are read.

    Attributes:
        frame: The frame.
        tracker: Of points, updated with this frame.
        grey: uint8 (H, W): the image that the tracker was given.
        scale: Pixels of `grey` for a pixel of the frame.
    """

    frame: Frame
    tracker: PointTracker
    grey: np.ndarray
    scale: float


def sample_frames(
    frames: Iterable[Frame],
    settings: DescriptorSettings,
    height: float = np.inf,
    boxes: Callable[[Frame], np.ndarray] | None = None,
) -> Iterator[SampledFrame]:
    """Follow what moves in a recording, and yield the frames at which tracks are read.

    Images are reduced to `height` px at most. `boxes` returns where a frame's actors are, (N, 4),
    in its own pixels.
    """
    tracker = PointTracker(settings)
    followed, read = FrameSampler(settings.rate), FrameSampler(settings.looks)
    for frame in frames:
        if not followed.due(frame.stamp):
            continue
        scale = min(1.0, height / frame.height, (AREA / (frame.height * frame.width)) ** 0.5)
        size = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        grey = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        actors = np.zeros((0, 4)) if boxes is None else boxes(frame) * scale
        tracker.update(frame.stamp, grey, actors)
        if read.due(frame.stamp):
            yield SampledFrame(frame, tracker, grey, scale)


def _folders(
    data: Path, settings: DescriptorSettings, whole_image: bool, labels: Sequence[str]
) -> tuple[tuple[str, ...], list[Recording]]:
    found = {
        path.name: path for path in sorted(data.iterdir()) if _is_shown(path) and path.is_dir()
    }
    names = tuple(labels) or tuple(found)
    if len(names) < 2 or set(names) - set(found):
        raise TrainingError(
            f'{data} has folders {list(found)}, and labels {list(names)} are to be trained; '
            'it must have a folder of recordings for each of 2 or more labels'
        )
    return names, [
        Recording(path, partial(_labelled, path, name, settings, whole_image))
        for name in names
        for path in sorted(found[name].iterdir())
        if _is_shown(path)
    ]


def _is_shown(path: Path) -> bool:
    return not path.name.startswith('.')


def _labelled(
    path: Path, label: str, settings: DescriptorSettings, whole_image: bool
) -> list[ActorRecording]:
    """Return the actor of a recording that shows one label all the time, if there is an actor."""
    if whole_image:
        tracks = image_tracks(open_source(path), settings)
    else:
        tracks = _best_actor(path, settings)
    if not any(len(each.places) for each in tracks):
        return []
    shown = frozenset([label])
    first, last = tracks[0].stamp, tracks[-1].stamp
    if last - first <= WHOLE * nanoseconds(settings.duration):
        return [ActorRecording(tracks, [LabelledSpan(first, last, shown)])]
    return [
        ActorRecording(tracks, [LabelledSpan(*span, shown) for span in _spans(tracks, settings)])
    ]


def _best_actor(path: Path, settings: DescriptorSettings) -> list[PointTracks]:
    """Return what moves on the actor with the highest sum of scores."""
    tracker = ActorPointTracker(LocalizerOptions(), settings)
    tracks: dict[int, list[PointTracks]] = {}
    worth: dict[int, float] = {}
    for frame in open_source(path):
        found, now = tracker.step(frame)
        for track_id, each in now.items():
            tracks.setdefault(track_id, []).append(each)
        ids = () if found.track_ids is None else found.track_ids.tolist()
        for track_id, score in zip(ids, found.scores.tolist(), strict=True):
            worth[track_id] = worth.get(track_id, 0.0) + score
    best = max(tracks, key=lambda track_id: worth[track_id], default=None)
    return [] if best is None else tracks[best]


def _spans(tracks: list[PointTracks], settings: DescriptorSettings) -> Iterator[tuple[int, int]]:
    """Yield start and end of the clips in which tracks lie; one where they are too few."""
    first, last = tracks[0].stamp, tracks[-1].stamp
    duration = nanoseconds(settings.duration)
    end = min(last, first + duration)
    while True:
        yield max(first, end - duration), end
        if end >= last:
            return
        end = min(last, end + nanoseconds(STRIDE))


def _annotated(
    file: Path, settings: DescriptorSettings, labels: Sequence[str]
) -> tuple[tuple[str, ...], list[Recording]]:
    truth = read_annotations(file)
    names = tuple(labels) or truth.labels
    if set(names) - set(truth.labels):
        raise TrainingError(f'{file} has labels {list(truth.labels)}, not all of {list(names)}')
    return names, [
        Recording(path, partial(_video_actors, path, video, settings))
        for video in truth.videos
        for path in [file.parent / video.path]
    ]


def _video_actors(path: Path, video: Video, settings: DescriptorSettings) -> list[ActorRecording]:
    """Return each annotated actor; a clip shows what the actor does for half of it."""
    actors = []
    for actor, tracks in _annotated_tracks(path, video, settings).items():
        doing = [each for each in video.instances if each.actor == actor]
        clips = [
            LabelledSpan(start, end, _shown(doing, start, end))
            for start, end in _spans(tracks, settings)
        ]
        actors.append(ActorRecording(tracks, clips))
    return actors


def _shown(doing: list[Instance], start: int, end: int) -> frozenset[str]:
    half = (end - start) / 2
    return frozenset(
        each.label for each in doing if min(each.end, end) - max(each.start, start) >= half
    )


def _by_number(path: Path, video: Video) -> Iterator[Frame]:
    """Yield a video's frames at the times that its annotation counts, which may not be its own."""
    source = open_source(path)
    for number, frame in enumerate(source):
        # A broken image of a folder leaves its time empty.
        index = round(seconds(frame.stamp) * source.rate) if path.is_dir() else number
        yield replace(frame, stamp=video.stamp(index))


def _annotated_tracks(
    path: Path, video: Video, settings: DescriptorSettings
) -> dict[int, list[PointTracks]]:
    """Return what moves on each actor, by its annotated boxes."""
    boxes = {
        track.actor: {
            video.stamp(frame): box
            for frame, box in zip(track.frames.tolist(), track.boxes, strict=True)
        }
        for track in video.tracks
    }

    def by_actor(frame: Frame) -> dict[int, np.ndarray]:
        return {actor: rows[frame.stamp] for actor, rows in boxes.items() if frame.stamp in rows}

    def all_boxes(frame: Frame) -> np.ndarray:
        return np.array(list(by_actor(frame).values())).reshape(-1, 4)

    found: dict[int, list[PointTracks]] = {}
    for sampled in sample_frames(_by_number(path, video), settings, boxes=all_boxes):
        for actor, box in by_actor(sampled.frame).items():
            tracks = sampled.tracker.tracks(box * sampled.scale)
            if tracks is not None:
                found.setdefault(actor, []).append(tracks)
    return found
