"""List what is fuzzed."""

from __future__ import annotations

from fuzz.targets import (
    annotation_files,
    bags,
    checkpoints,
    images,
    indexes,
    parameters,
    people_files,
    queries,
    ros_messages,
    rules_files,
    side_inputs,
    streams,
    time_files,
    videos,
)

TARGETS = {
    target.name: target
    for module in (
        images,
        side_inputs,
        parameters,
        annotation_files,
        time_files,
        bags,
        checkpoints,
        people_files,
        ros_messages,
        rules_files,
        streams,
        queries,
        videos,
        indexes,
    )
    for target in module.TARGETS
}
