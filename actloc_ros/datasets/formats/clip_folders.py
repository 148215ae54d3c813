"""Read labelled clips without boxes: a folder for each label, with its videos in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from actloc_ros.datasets.spec import DatasetPaths
from actloc_ros.files import VIDEO_SUFFIXES
from actloc_ros.io.media import VideoInfo, open_frames, relative, shape_or, shown_paths
from actloc_ros.io.source import DEFAULT_RATE, is_hidden
from actloc_ros.io.source_folder import image_files
from actloc_ros.truth.annotations import (
    ActorTrack,
    AnnotationError,
    Annotations,
    Happening,
    Instance,
    Video,
)
from actloc_ros.truth.plain_json import parse_annotations, write_annotations

IMAGE, NONE = 'image', 'none'


def read_clips(paths: DatasetPaths) -> Annotations:
    """Read a folder of folders of clips.

    With `boxes: image` the whole view is the actor's box; with `none`, what happens is known, but
    not where. Else a detector finds the people, and
    the one with the highest sum of scores does what the folder's name says. That takes long, so it
    is done once and written to `boxes_NAME.json` in the folder, in the plain format, for you to
    correct and for later runs.

    Raises:
        AnnotationError: There are no clips, the file with the boxes is of others, or it cannot be
            written.
        WeightsError: There is no such detector, or its weights are not here.
    """
    folder = paths.path
    if not folder.is_dir():
        raise AnnotationError(f'{folder} is no folder; give one with a folder of clips a label')
    clips = list(find_clips(folder))
    if not clips:
        raise AnnotationError(f'{folder} has no folders with videos in them, a folder a label')
    boxes = paths.source.boxes
    if not boxes:
        raise AnnotationError(
            f'{folder}: clips have no boxes; say boxes: {IMAGE} where the actor fills the view, a '
            f'person detector, as hog, or {NONE} for weak supervision'
        )
    if boxes == IMAGE:
        return _annotations(clips, [_whole_view(path, label, folder) for label, path in clips])
    if boxes == NONE:
        return _annotations(clips, [_unplaced(path, label, folder) for label, path in clips])
    return _with_people(clips, folder, boxes)


def find_clips(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield label and path of each clip: a video, or a folder of images."""
    for label in sorted(folder.iterdir()):
        if label.is_dir() and not is_hidden(label):
            for path in shown_paths(label.iterdir()):
                if _is_clip(path):
                    yield label.name, path


def _is_clip(path: Path) -> bool:
    if path.is_dir():
        return bool(image_files(path))
    return path.suffix.lower() in VIDEO_SUFFIXES


def _annotations(clips: list[tuple[str, Path]], videos: list[Video]) -> Annotations:
    return Annotations(tuple(dict.fromkeys(label for label, _ in clips)), tuple(videos))


def _empty_video(path: Path, folder: Path) -> Video:
    shape = shape_or(path, DEFAULT_RATE, VideoInfo(1, DEFAULT_RATE, 1, 1))
    return Video(relative(path, folder), shape.fps, shape.width, shape.height, shape.frames, (), ())


def _labelled(video: Video, tracks: tuple[ActorTrack, ...], main: int, label: str) -> Video:
    """Return the video with its tracks; the main one has the label from start to end."""
    instance = Instance(main, label, 0, video.stamp(video.frames))
    return replace(video, tracks=tracks, instances=(instance,) if tracks else ())


def _unplaced(path: Path, label: str, folder: Path) -> Video:
    return replace(_empty_video(path, folder), happenings=(Happening(label),))


def _whole_view(path: Path, label: str, folder: Path) -> Video:
    video = _empty_video(path, folder)
    boxes = np.tile([0.0, 0, video.width, video.height], (video.frames, 1))
    return _labelled(video, (ActorTrack(1, np.arange(video.frames), boxes),), 1, label)


def refuse_read_only(file: Path) -> None:
    """Refuse a file that cannot be written, before the work that it is to hold.

    Raises:
        AnnotationError: It cannot; the text says what to do.
    """
    trial = file.with_name(f'{file.name}.trial')
    try:
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise AnnotationError(
            f'{file} cannot be written ({error.strerror}), and the people that are found are kept '
            'there; make the folder writable, or give a folder elsewhere with links to the clips'
        ) from error


def _with_people(clips: list[tuple[str, Path]], folder: Path, detector: str) -> Annotations:
    file = folder / f'boxes_{Path(detector).name}.json'
    if file.exists():
        found = parse_annotations(file)
        if {v.path for v in found.videos} != {relative(path, folder) for _, path in clips}:
            raise AnnotationError(
                f'{file} is of other clips than the folder holds now; remove it to '
                'detect people again'
            )
        return found
    refuse_read_only(file)
    from actloc_ros.datasets.find_people import PeopleFinder

    finder = PeopleFinder(detector)
    videos = []
    for label, path in tqdm(clips, 'finding people', unit='clip', disable=None):
        video = _empty_video(path, folder)
        tracks, main = finder.find(open_frames(path), video)
        videos.append(_labelled(video, tracks, main, label))
    annotations = _annotations(clips, videos)
    write_annotations(file, annotations)
    return annotations
