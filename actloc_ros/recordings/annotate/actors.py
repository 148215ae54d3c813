"""See annotated videos as actors: where each is, and what it does in each frame."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from actloc_ros.datasets.readers import DatasetSpec, open_dataset
from actloc_ros.evaluation.overlap import tube_iou
from actloc_ros.files import short_name
from actloc_ros.recordings.annotate.annotation import AnnotateError
from actloc_ros.truth.annotations import Annotations, Video
from actloc_ros.truth.boxes import Tube

READ_AS = {'.xml': 'cvat', '.json': 'actloc'}


def open_annotations(path: Path) -> Annotations:
    """Read annotations: CVAT's `.xml`, this project's `.json`, or a folder of one of them.

    Raises:
        AnnotateError: It is neither, or a video that CVAT's boxes are of is missing.
        AnnotationError: It cannot be read as what it is.
        OSError: It cannot be read.
    """
    folder = path.is_dir() and not (path / 'annotations.json').exists()
    kind = 'cvat' if folder else READ_AS.get(path.suffix.lower(), '')
    if path.is_dir() and not folder:
        kind = 'actloc'
    if not kind:
        raise AnnotateError(f'{path} is neither .xml of CVAT nor .json of actloc')
    videos = open_dataset(DatasetSpec(str(path), kind), Path())
    for video in videos.annotations.videos if kind == 'cvat' else ():
        if not (videos.folder / video.path).exists():
            raise AnnotateError(
                f'{videos.folder / video.path} is missing, and with it the frames between key '
                f'frames of {path}; put it there'
            )
    return videos.annotations


def common_videos(first: Annotations, second: Annotations) -> list[tuple[Video, Video]]:
    """Return the videos that both have, by their names without folders and suffixes.

    Raises:
        AnnotateError: They have none in common, or one is of different sizes.
    """
    others = {short_name(video.path): video for video in second.videos}
    found = [
        (video, others[short_name(video.path)])
        for video in first.videos
        if short_name(video.path) in others
    ]
    if not found:
        names = [', '.join(v.path for v in each.videos[:3]) for each in (first, second)]
        raise AnnotateError(
            f'the annotations have no video in common: one is of {names[0]}, the other of '
            f'{names[1]}'
        )
    for one, other in found:
        if (one.width, one.height) != (other.width, other.height):
            raise AnnotateError(
                f'{one.path} has {one.width}x{one.height} pixels in one annotation and '
                f'{other.width}x{other.height} in the other; annotate the same video'
            )
    return found


def actor_tubes(video: Video, frames: np.ndarray | None = None) -> list[Tube]:
    """Return a tube for each track of a video, in their order; of some frames where given."""
    tubes = []
    for track in video.tracks:
        kept = slice(None) if frames is None else np.isin(track.frames, frames)
        tubes.append(Tube(0, 0, track.frames[kept], track.boxes[kept]))
    return tubes


def known_frames(first: Video, second: Video) -> np.ndarray | None:
    """Return the frames that both annotations are of: int64, rising; None for all."""
    if first.labelled is None or second.labelled is None:
        return second.labelled if first.labelled is None else first.labelled
    return np.intersect1d(first.labelled, second.labelled)


def frame_labels(video: Video, actor: int) -> dict[int, frozenset[str]]:
    """Return what an actor does in each frame in which it has a box."""
    [track] = [each for each in video.tracks if each.actor == actor]
    stamps = video.stamps(track.frames)
    found: dict[int, set[str]] = defaultdict(set)
    for instance in video.instances:
        if instance.actor == actor:
            for row in np.flatnonzero((stamps >= instance.start) & (stamps < instance.end)):
                found[int(track.frames[row])].add(instance.label)
    return {int(frame): frozenset(found[int(frame)]) for frame in track.frames}


def best_pairs(first: list[Tube], second: list[Tube]) -> list[tuple[int, int, float]]:
    """Return pairs of tubes and their overlap, each tube in one pair, the overlap's sum greatest.

    Pairs that do not overlap are left out.
    """
    overlaps = np.array([[tube_iou(a, b, 0.0) for b in second] for a in first])
    if not overlaps.size:
        return []
    rows, columns = linear_sum_assignment(-overlaps)
    return [
        (int(row), int(column), float(overlaps[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if overlaps[row, column] > 0
    ]
