"""Localize actions in a recording without ROS: what the node does with `process_all`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actloc_ros.frames import Frame
from actloc_ros.io.bags import find_type
from actloc_ros.io.source import Source
from actloc_ros.localizer import Localizer
from actloc_ros.messages import label_info_message
from actloc_ros.models.open import open_localizer
from actloc_ros.pipeline import FrameResult, Pipeline
from actloc_ros.settings import Settings
from actloc_ros.sinks import Report, make_report


def open_pipeline(settings: Settings) -> Pipeline:
    """Return the pipeline that the node would run with these settings.

    Raises:
        ModelError: The model or its weights cannot be used.
        ValueError: The instance options do not fit its labels.
    """
    localizer = open_localizer(settings.model, settings.localizer)
    try:
        return new_pipeline(localizer, settings)
    except ValueError:
        localizer.close()
        raise


def new_pipeline(localizer: Localizer, settings: Settings) -> Pipeline:
    """Return a pipeline that knows nothing yet, of a localizer that is open.

    Raises:
        ValueError: The instance options do not fit its labels.
    """
    return Pipeline(
        localizer,
        settings.tracks,
        settings.instances,
        settings.localizer.restart_gap,
        settings.max_lateness,
    )


def localize(source: Source, pipeline: Pipeline) -> Iterator[Report]:
    """Yield the report of each frame, and last what ends with the recording.

    Messages are made of the classes of `io.bags.find_type`.
    """
    for frame in source:
        for step in pipeline.step([frame]):
            yield _report(step, pipeline, source, None if step.restart else frame)
    for step in pipeline.reset():
        yield _report(step, pipeline, source, None)


def pipeline_label_info(pipeline: Pipeline) -> Any:
    """Return the `LabelInfo` that belongs to the reports of `pipeline`.

    Its stamp is 0, as no node is activated.
    """
    return label_info_message(
        find_type,
        stamp=0,
        model=pipeline.name,
        labels=pipeline.labels,
        threshold=pipeline.threshold,
        joint_names=pipeline.joint_names,
    )


def _report(step: FrameResult, pipeline: Pipeline, source: Source, frame: Frame | None) -> Report:
    counters = (pipeline.repeated, pipeline.unstamped, pipeline.late)
    unused = (counts.get(step.camera, 0) for counts in counters)
    return make_report(
        step,
        find_type,
        model=pipeline.name,
        labels=pipeline.labels,
        frame=frame,
        joint_names=pipeline.joint_names,
        dropped=source.broken + source.dropped + sum(unused),
    )
