"""Turn annotations in this project's own format into a ground truth to evaluate against."""

from __future__ import annotations

from pathlib import Path

from actloc_ros.truth.annotations import Annotations, Instance, Video
from actloc_ros.truth.boxes import GroundTruth, Tube, truth_from_tubes
from actloc_ros.truth.plain_json import FORMAT, read_annotations


def is_annotations(data: object) -> bool:
    """Return whether JSON is in this project's own format."""
    return isinstance(data, dict) and data.get('format') == FORMAT


def annotations_truth(path: Path, any_action: bool = False) -> GroundTruth:
    """Return the ground truth: a tube for each instance, of its actor's boxes while it lasts.

    Args:
        path: The JSON file.
        any_action: Whether there is a tube for each actor instead, whatever they do.

    Raises:
        AnnotationError: Something in the file is impossible.
    """
    annotations = read_annotations(path)
    actors = [
        Tube(index, 0, track.frames, track.boxes)
        for index, video in enumerate(annotations.videos)
        for track in video.tracks
        if len(track.frames)
    ]
    tubes = actors if any_action else instance_tubes(annotations)
    sizes = {
        index: (float(video.width), float(video.height))
        for index, video in enumerate(annotations.videos)
    }
    names = [video.path for video in annotations.videos]
    return truth_from_tubes(str(path), names, annotations.labels, tubes, 0, sizes)


def instance_tubes(annotations: Annotations) -> list[Tube]:
    """Return a tube for each instance, of its actor's boxes while it lasts; none without boxes."""
    return [
        tube
        for index, video in enumerate(annotations.videos)
        for instance in video.instances
        for tube in _tubes(index, video, instance, annotations.labels.index(instance.label))
    ]


def _tubes(index: int, video: Video, instance: Instance, label: int) -> list[Tube]:
    """Return the instance's tube; none where the actor has no boxes meanwhile."""
    actor = next((track for track in video.tracks if track.actor == instance.actor), None)
    if actor is None:
        return []
    stamps = video.stamps(actor.frames)
    during = (stamps >= instance.start) & (stamps < instance.end)
    if not during.any():
        return []
    return [Tube(index, label, actor.frames[during], actor.boxes[during])]
