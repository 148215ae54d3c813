"""Localize actions in a recording without ROS: what the node does with `process_all`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from actloc_ros.frames import Frame
from actloc_ros.instances import InstanceState
from actloc_ros.io.bags import find_type
from actloc_ros.io.source import Source
from actloc_ros.messages import step_to_message
from actloc_ros.models.open import open_localizer
from actloc_ros.pipeline import FrameResult, Pipeline
from actloc_ros.settings import Settings

EDGES = (InstanceState.STARTED, InstanceState.ENDED)


@dataclass(frozen=True, eq=False)
class Result:
    """What one step gave.

    Attributes:
        message: The `ActionDetectionArray`, of the classes of `bags.find_type`.
        events: The `ActionDetection`s in it that start or end.
        frame: The key frame; None where the step only ends what was open.
    """

    message: Any
    events: tuple[Any, ...]
    frame: Frame | None = None


def open_pipeline(settings: Settings) -> Pipeline:
    """Return the pipeline that the node would run with these settings.

    Raises:
        ModelError: The model or its weights cannot be used.
        ValueError: The instance options do not fit its labels.
    """
    localizer = open_localizer(settings.model, settings.localizer)
    restart_gap = settings.localizer.restart_gap
    try:
        return Pipeline(localizer, settings.tubes, settings.instances, restart_gap)
    except ValueError:
        localizer.close()
        raise


def localize(source: Source, pipeline: Pipeline) -> Iterator[Result]:
    """Yield what the pipeline says of each frame, and last what ends with the recording."""
    for frame in source:
        for step in pipeline.step([frame]):
            yield _result(step, pipeline, source, None if step.restart else frame)
    for step in pipeline.reset():
        yield _result(step, pipeline, source, None)


def _result(step: FrameResult, pipeline: Pipeline, source: Source, frame: Frame | None) -> Result:
    unused = (counts.get(step.camera, 0) for counts in (pipeline.repeated, pipeline.unstamped))
    message = step_to_message(
        step,
        find_type,
        model=pipeline.name,
        labels=pipeline.labels,
        dropped=source.broken + sum(unused),
    )
    events = tuple(d for d in message.detections if d.state in EDGES)
    return Result(message, events, frame)
