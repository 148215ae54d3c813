"""Describe the ONNX files that `actloc export` writes, so that they are people networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actloc_ros.models.architecture import Architecture
from actloc_ros.models.entry import Entry, Task
from actloc_ros.models.people.description import PeopleFile

PERSON = 'person'


def describe_exported(architecture: Architecture, entry: Entry, path: Path) -> PeopleFile | None:
    """Return the description of a network's ONNX file; None where that finds no people."""
    if not architecture.people:
        return None
    known: dict[str, Any] = {}
    if architecture.task in (Task.POSES, Task.CROPS):
        known['joints'] = entry.labels
    elif PERSON in entry.labels:
        known['person'] = entry.labels.index(PERSON)
        known['classes'] = len(entry.labels)
    else:
        return None
    how = entry.preprocessing
    return PeopleFile(
        people=path.name,
        size=(how.height, how.width),
        colour=how.colour.value,
        maximum=how.maximum,
        mean=how.mean,
        std=how.std,
        filter='linear',
        threshold=entry.threshold,
        nms_iou=entry.nms_iou,
        **known,
        **architecture.people,
    )
