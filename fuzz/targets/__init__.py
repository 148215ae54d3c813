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
    side_inputs,
    videos,
)

TARGETS = {
    target.name: target
    for module in (
        images,
        side_inputs,
        parameters,
        annotation_files,
        bags,
        checkpoints,
        people_files,
        queries,
        videos,
        indexes,
    )
    for target in module.TARGETS
}
