"""Name the formats that annotations are written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from actloc_ros.recordings.annotate.annotation import RecordingAnnotation
from actloc_ros.recordings.annotate.formats.activitynet import write_activitynet
from actloc_ros.recordings.annotate.formats.ava import write_ava
from actloc_ros.recordings.annotate.formats.coco_video import write_coco_video
from actloc_ros.recordings.annotate.formats.cvat import write_cvat
from actloc_ros.recordings.annotate.formats.elan import write_elan
from actloc_ros.recordings.annotate.formats.mot import write_mot
from actloc_ros.recordings.annotate.formats.plain import write_plain
from actloc_ros.recordings.annotate.formats.web_vtt import write_webvtt
from actloc_ros.recordings.annotate.formats.written import WriteOptions, Written


@dataclass(frozen=True)
class AnnotationFormat:
    """A format.

    Attributes:
        write: Writes an annotation to a path.
        folder: Whether the path is a folder, not a file.
    """

    write: Callable[[RecordingAnnotation, Path, WriteOptions], Written]
    folder: bool = False


WRITERS = {
    'cvat': AnnotationFormat(write_cvat),
    'ava': AnnotationFormat(write_ava, folder=True),
    'activitynet': AnnotationFormat(write_activitynet),
    'mot': AnnotationFormat(write_mot, folder=True),
    'coco-video': AnnotationFormat(write_coco_video),
    'webvtt': AnnotationFormat(write_webvtt),
    'elan': AnnotationFormat(write_elan),
    'actloc': AnnotationFormat(write_plain),
}
