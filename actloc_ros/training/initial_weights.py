"""Start a training from a checkpoint, also from one with other labels, or from a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from actloc_ros.models.architecture import Architecture, skeleton
from actloc_ros.models.checkpoints import Checkpoint, read_saved
from actloc_ros.models.entry import Entry
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.registry import architectures
from actloc_ros.models.state_dicts import Shapes, differences, refuse_not_finite, shapes_of
from actloc_ros.training.adapter import TrainableAdapter


def load_weights(detector: TrainableAdapter, checkpoint: Checkpoint, name: str) -> list[str]:
    """Put a checkpoint's weights into a detector, in place.

    Layers that have a row for each label take the rows of the labels that both know, by name; the
    rows of new labels stay as they are. All else must fit, or nothing is taken.

    Args:
        detector: Its entry says which labels it has.
        checkpoint: With an entry, as this project's own files have.
        name: Of the checkpoint, for messages.

    Returns:
        Lines for people that say what was taken and what was not.

    Raises:
        WeightsError: The checkpoint has no entry, is of another architecture, or does not fit.
    """
    theirs, ours = _entry_of(checkpoint, detector.entry, name), detector.entry
    architecture = architectures()[ours.architecture]
    wanted = skeleton(architecture, theirs).state_dict()
    found = differences(wanted, checkpoint.state)
    if found:
        raise WeightsError(f'"{name}" does not fit {ours.architecture}:\n' + '\n'.join(found))
    refuse_not_finite(checkpoint.state, name)
    by_label = label_layers(architecture, theirs)
    network = detector.network.state_dict()
    state = {
        key: _rows_by_label(network[key], value, theirs.labels, ours.labels)
        if key in by_label
        else value
        for key, value in checkpoint.state.items()
    }
    detector.network.load_state_dict(state)
    return describe(name, theirs.labels, ours.labels)


def load_learner(detector: TrainableAdapter, run: Path) -> list[str]:
    """Put the last state of a run into a detector: not averaged, with its keypoint layers.

    Args:
        detector: Of the same architecture, labels and keypoints.
        run: The checkpoint from which that run would be resumed.

    Returns:
        Lines for people that say what was taken.

    Raises:
        WeightsError: The checkpoint is none of a run, or does not fit.
    """
    state = read_saved(run)
    if not isinstance(state, dict) or 'learner' not in state:
        raise WeightsError(f'"{run}" is no checkpoint of a run of `actloc train`')
    found = differences(detector.learner.state_dict(), state['learner'])
    if found:
        raise WeightsError(f'"{run}" is of a run that trained something else:\n' + '\n'.join(found))
    detector.learner.load_state_dict(state['learner'])
    return [f'begin from what {run} had learned after step {state["step"]}']


def label_layers(architecture: Architecture, entry: Entry) -> set[str]:
    """Return the names of the tensors that have a row for each label.

    Raises:
        WeightsError: A tensor depends on the labels in another way.
    """
    few, many = (
        shapes_of(skeleton(architecture, replace(entry, labels=('',) * count)).state_dict())
        for count in (2, 3)
    )
    return {key for key in few if _has_rows(key, few, many)}


def describe(name: str, theirs: Sequence[str], ours: Sequence[str]) -> list[str]:
    """Return lines that say which labels' weights were taken."""
    shared = [label for label in ours if label in theirs]
    new = [label for label in ours if label not in theirs]
    left = [label for label in theirs if label not in ours]
    return [
        f'begin from {name}',
        *([f'  taken for labels: {", ".join(shared)}'] if shared else []),
        *([f'  new labels, from random weights: {", ".join(new)}'] if new else []),
        *([f'  left out: {", ".join(left)}'] if left else []),
    ]


def _entry_of(checkpoint: Checkpoint, ours: Entry, name: str) -> Entry:
    entry = checkpoint.entry
    if entry is None:
        raise WeightsError(
            f'"{name}" does not say which labels it knows; make a file that does with '
            '`actloc convert`'
        )
    if entry.architecture != ours.architecture:
        raise WeightsError(
            f'"{name}" is a {entry.architecture}, but the settings ask for {ours.architecture}'
        )
    return entry


def _has_rows(key: str, few: Shapes, many: Shapes) -> bool:
    """Return whether a tensor has a row for each of 2 and of 3 labels."""
    if few[key] == many[key]:
        return False
    if (few[key][0], many[key][0]) != (2, 3) or few[key][1:] != many[key][1:]:
        raise WeightsError(f'{key} has shapes {few[key]} and {many[key]} for 2 and 3 labels')
    return True


def _rows_by_label(
    fresh: Tensor, given: Tensor, theirs: Sequence[str], ours: Sequence[str]
) -> Tensor:
    """Return `fresh`, a row for each of our labels, with the given rows of shared labels."""
    mixed = torch.clone(fresh)
    for row, label in enumerate(ours):
        if label in theirs:
            mixed[row] = given[theirs.index(label)]
    return mixed
