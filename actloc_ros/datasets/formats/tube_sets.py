"""Read UCF101-24, J-HMDB-21 and MultiSports to train on, with the parsers that evaluate on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from actloc_ros.datasets.formats.evaluation_files import read_truth
from actloc_ros.datasets.spec import DatasetPaths
from actloc_ros.files import read_text
from actloc_ros.io.media import VideoInfo, find_video, first_folder, relative, shape_or, shown_files
from actloc_ros.truth import boxes as evaluation
from actloc_ros.truth.annotations import ActorTrack, AnnotationError, Annotations, Instance, Video
from actloc_ros.truth.boxes import GroundTruth, VideoIndex

UCF24_RATE = 25.0  # Hz of frames that lie in folders
JHMDB_RATE = 30.0
MULTISPORTS_RATE = 25.0


def read_ucf24(paths: DatasetPaths) -> Annotations:
    """Read UCF101-24: pyannot, or its other layouts, as JSON; frames in folders, or videos.

    Split lists `trainlist01.txt` and `testlist01.txt` lie beside the JSON or in `splitfiles`, one
    video a line. Every frame counts as known: where there is no box, none of the actions goes on.
    """
    file = _json_file(paths.path)
    folder = paths.videos or first_folder(
        [file.parent / 'rgb-images', file.parent / 'videos', file.parent]
    )
    truth = read_truth(file, split=paths.source.split, part=paths.source.part)
    chosen: Sequence[int] = range(len(truth.videos))
    if truth.first_frame == 0 and paths.source.part != 'all':  # not ACT's, which holds splits
        chosen = _listed(truth, _split_list(paths, file))
    return from_truth(truth, chosen, folder, UCF24_RATE, file.parent)


def read_jhmdb(paths: DatasetPaths) -> Annotations:
    """Read J-HMDB-21: ACT's ground truth as JSON, and `Frames/CLASS/VIDEO/00001.png`."""
    return _read_act(paths, ('Frames', 'rgb-images', 'videos'), JHMDB_RATE)


def read_multisports(paths: DatasetPaths) -> Annotations:
    """Read MultiSports: its ground truth as JSON, and videos `trainval/SPORT/VIDEO.mp4`."""
    return _read_act(paths, ('trainval', 'videos', 'rgb-images'), MULTISPORTS_RATE)


def _read_act(paths: DatasetPaths, folders: Sequence[str], rate: float) -> Annotations:
    file = _json_file(paths.path)
    folder = paths.videos or first_folder([*(file.parent / f for f in folders), file.parent])
    truth = read_truth(file, split=paths.source.split, part=paths.source.part)
    if truth.first_frame != 1:
        raise AnnotationError(
            f'{file}: not the layout of ACT and MultiSports, with labels and gttubes'
        )
    return from_truth(truth, range(len(truth.videos)), folder, rate, file.parent)


def from_truth(
    truth: GroundTruth, chosen: Sequence[int], folder: Path, rate: float, base: Path
) -> Annotations:
    """Return annotations with an actor for each tube of a ground truth.

    Args:
        truth: Tubes in pixels.
        chosen: Indices of the videos to take.
        folder: Where the videos lie.
        rate: Hz of frames in folders.
        base: Folder of the annotations' file, which paths are relative to.
    """
    tubes: dict[int, list[evaluation.Tube]] = {index: [] for index in chosen}
    for tube in truth.tubes or ():
        if tube.video in tubes:
            tubes[tube.video].append(tube)
    videos = [
        _video(truth, index, tubes[index], find_video(folder, truth.videos[index]), rate, base)
        for index in tqdm(chosen, 'videos', unit='video', disable=None, leave=False)
    ]
    return Annotations(tuple(truth.labels.values()), tuple(videos))


def _video(
    truth: GroundTruth,
    index: int,
    tubes: Sequence[evaluation.Tube],
    path: Path,
    rate: float,
    base: Path,
) -> Video:
    first = truth.first_frame
    width, height = (truth.sizes or {}).get(index, (0.0, 0.0))
    end = max((int(tube.frames[-1]) + 1 - first for tube in tubes), default=1)
    shape = shape_or(path, rate, VideoInfo(end, rate, round(width) or 1, round(height) or 1))
    scale = np.array([shape.width / width, shape.height / height] * 2) if width else np.ones(4)
    video = Video(relative(path, base), shape.fps, shape.width, shape.height, shape.frames, (), ())
    return replace(
        video,
        tracks=tuple(
            ActorTrack(actor, tube.frames - first, tube.boxes * scale)
            for actor, tube in enumerate(tubes, 1)
        ),
        instances=tuple(
            Instance(
                actor,
                truth.labels[tube.label],
                video.stamp(int(tube.frames[0]) - first),
                video.stamp(int(tube.frames[-1]) + 1 - first),
            )
            for actor, tube in enumerate(tubes, 1)
        ),
    )


def _json_file(path: Path) -> Path:
    """Return the annotations' file: the path itself, or the only JSON file in a folder."""
    if not path.is_dir():
        return path
    found = shown_files(path, '.json')
    if len(found) != 1:
        pickles = [each.name for each in shown_files(path, '.pkl')]
        raise AnnotationError(
            f'{path} has {len(found)} JSON files'
            + (
                f' (and {", ".join(pickles)}, which could run code and is not loaded)'
                * bool(pickles)
            )
            + '; name the one with the annotations; doc/datasets.md says how to make it'
        )
    return found[0]


def _split_list(paths: DatasetPaths, file: Path) -> Path:
    name = f'{paths.source.part}list{paths.source.split:02d}.txt'
    candidates = [file.parent / name, file.parent / 'splitfiles' / name]
    for path in candidates:
        if path.is_file():
            return path
    raise AnnotationError(
        f'{candidates[0]} is missing: it lists the videos of part {paths.source.part!r}, split '
        f'{paths.source.split}; put it there or into splitfiles, or take part: all'
    )


def _listed(truth: GroundTruth, path: Path) -> list[int]:
    """Return the indices of the videos that a split's list names; those without truth are left."""
    videos = VideoIndex(truth.videos, truth.path)
    names = [line.split()[0] for line in read_text(path).splitlines() if line.split()]
    found = [videos.find(name) for name in names]
    chosen = list(dict.fromkeys(index for index in found if index is not None))
    if not chosen:
        raise AnnotationError(f'{path} names no video of {truth.path}')
    return chosen
