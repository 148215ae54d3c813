"""Open a set of labelled recordings in any of the formats that one can train from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.datasets.formats.activitynet import read_activitynet
from actloc_ros.datasets.formats.ava_training import read_ava
from actloc_ros.datasets.formats.clip_folders import read_clips
from actloc_ros.datasets.formats.cvat import read_cvat
from actloc_ros.datasets.formats.label_lists import read_labels
from actloc_ros.datasets.formats.tube_sets import read_jhmdb, read_multisports, read_ucf24
from actloc_ros.datasets.spec import FORMATS, DatasetPaths, DatasetSpec
from actloc_ros.truth.annotations import Annotations
from actloc_ros.truth.plain_json import annotations_file, parse_annotations

__all__ = ['FORMATS', 'DatasetSpec', 'open_dataset']


def open_dataset(source: DatasetSpec, folder: Path) -> AnnotatedVideos:
    """Open a set of labelled recordings.

    Its annotations may be impossible and its videos missing: `check_dataset` lists all of that,
    and comes before training.

    Args:
        source: Which, and how it is written.
        folder: What the source's paths are relative to.

    Raises:
        AnnotationError: The annotations are not in this format.
        EvaluationError: The same, of a format that is read for evaluation too.
        OSError: They cannot be read.
    """
    path = folder / Path(source.path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f'{path} does not exist; it was to be read as {source.format}')
    videos = folder / Path(source.videos).expanduser() if source.videos else None
    annotations = READERS[source.format](DatasetPaths(source, path, videos))
    # Paths of videos are relative to the folder of this file, which need not exist.
    return AnnotatedVideos(annotations_file(path), annotations)


def _read_actloc(paths: DatasetPaths) -> Annotations:
    return parse_annotations(annotations_file(paths.path))


READERS: dict[str, Callable[[DatasetPaths], Annotations]] = {
    'actloc': _read_actloc,
    'cvat': read_cvat,
    'ucf24': read_ucf24,
    'jhmdb': read_jhmdb,
    'ava': read_ava,
    'multisports': read_multisports,
    'clips': read_clips,
    'labels': read_labels,
    'activitynet': read_activitynet,
}
