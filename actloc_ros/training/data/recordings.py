"""Open and check the recordings that the settings of a training name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.datasets.check import check_dataset
from actloc_ros.datasets.readers import DatasetSpec, open_dataset
from actloc_ros.training.data.batches import check_labels
from actloc_ros.truth.annotations import AnnotationError
from actloc_ros.truth.faults import FaultKind


def open_sets(named: tuple[str | DatasetSpec, ...], folder: Path) -> dict[str, AnnotatedVideos]:
    """Open what `data: train` or `data: valid` names; return it by names for messages.

    Args:
        named: Sources, or paths of files or folders in the plain format.
        folder: What paths are relative to.

    Raises:
        AnnotationError: Annotations are not in their format, or are named twice.
        EvaluationError: The same, of a format that is read for evaluation too.
        OSError: They cannot be read.
    """
    sources = [DatasetSpec(each) if isinstance(each, str) else each for each in named]
    names = [_name(source) for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise AnnotationError(f'data names {name} twice; once is enough')
    return {name: open_dataset(source, folder) for name, source in zip(names, sources, strict=True)}


def check_sets(sets: Mapping[str, AnnotatedVideos]) -> None:
    """Print what is in recordings, and what is wrong with them.

    Raises:
        AnnotationError: Labels differ, or something must be fixed before training.
    """
    labels = next(iter(sets.values())).labels
    fatal = []
    for name, videos in sets.items():
        findings = check_dataset(videos)
        print(findings.text(), flush=True)
        check_labels(name, videos, labels)
        if findings.of(FaultKind.UNPLACED):
            raise AnnotationError(f'{name} has no boxes, from which this network learns')
        if findings.fatal:
            fatal.append(name)
    if fatal:
        raise AnnotationError(f'{", ".join(fatal)}: fix what is listed above as errors')


def _name(source: DatasetSpec) -> str:
    """Return the path of a source, and what else identifies it."""
    if source.format == 'actloc':
        return source.path
    return f'{source.path} ({source.format}, {source.part}, split {source.split})'
