"""List what is fuzzed."""

from __future__ import annotations

from fuzz.targets import (
    annotation_files,
    bags,
    checkpoints,
    images,
    indexes,
    learned_files,
    parameters,
    people_files,
    queries,
    ros_messages,
    rules_files,
    side_inputs,
    sounds,
    streams,
    time_files,
    videos,
)

TARGETS = {
    target.name: target
    for module in (
        images,
        side_inputs,
        sounds,
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
        learned_files,
    )
    for target in module.TARGETS
}
