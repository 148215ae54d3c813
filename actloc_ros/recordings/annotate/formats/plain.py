"""Write this project's own format, which trainings and evaluations read without a detour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from actloc_ros.io.media import relative
from actloc_ros.recordings.annotate.annotation import RecordingAnnotation
from actloc_ros.recordings.annotate.formats.written import WriteOptions, Written
from actloc_ros.truth.annotations import ActorTrack, Annotations, Instance, Video
from actloc_ros.truth.plain_json import write_annotations


def write_plain(annotation: RecordingAnnotation, path: Path, options: WriteOptions) -> Written:
    """Write the JSON: a box in each frame, and actions with their times.

    Raises:
        OutputError: It cannot be written.
    """
    write_annotations(path, to_annotations(annotation, path.parent))
    return Written((path,))


def to_annotations(annotation: RecordingAnnotation, folder: Path) -> Annotations:
    """Return an annotation as this project's formats have it; its video is relative to `folder`."""
    path = relative(annotation.media.absolute(), folder.absolute())
    tracks = tuple(
        ActorTrack(actor.track, actor.frames, actor.boxes.round(2)) for actor in annotation.actors
    )
    shape = annotation.rate, annotation.width, annotation.height, annotation.frames
    video = Video(path, *shape, tracks, ())
    instances = tuple(
        Instance(actor.track, span.label, video.stamp(span.first), video.stamp(span.last + 1))
        for actor in annotation.actors
        for span in actor.spans
    )
    return Annotations(annotation.labels, (replace(video, instances=instances),))
