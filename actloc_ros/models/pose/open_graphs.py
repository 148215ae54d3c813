"""Open published graph networks over skeletons, behind a network that finds people and joints.

`PEOPLE+SKELETON`, as in `people_n+stgcnpp_ntu60_hrnet_j`. PEOPLE is as `models.people.open` has it,
or `joints=PATH` or `topic`, as `pose.open` has these.
SKELETON is the name of a skeleton network or of one of its checkpoints, as `actloc models` lists
them, the stream `_j` where none is named; or several of them with commas in between, whose scores
are fused: `people_n+stgcnpp_ntu60_hrnet_j,stgcnpp_ntu60_hrnet_b`. `weights` then names as many
files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.errors import ModelError
from actloc_ros.models.pose.localizer import PoseLocalizer
from actloc_ros.models.pose.open import open_people_or_joints

if TYPE_CHECKING:
    from actloc_ros.models.graphs.actions import GraphActions

SEPARATOR = ','
CLASSIFY_RATE = 2.0  # Hz


def open_graphs(model: str, options: LocalizerOptions) -> PoseLocalizer:
    """Return the localizer called `PEOPLE+SKELETON`.

    Args:
        model: As this module's text says.
        options: `weights` are the skeleton networks', with commas in between; `extra` may hold
            `classify_rate`, how often in Hz each actor's clip is classified by networks that have
            no form frame by frame.

    Raises:
        ModelError: There is no such network, its weights are missing or do not fit, the networks
            cannot be fused, or people's joints are none that they take.
    """
    people_name, _, names = model.rpartition('+')
    actions = _open_actions(names.split(SEPARATOR), options)
    people = open_people_or_joints(people_name, options, not actions.layout.confident)
    if not people.has_joints:
        raise ModelError(f'{people_name} finds no joints, which {names} needs; take people_n')
    files = (*people.files, *actions.files)
    return PoseLocalizer(f'{people.name}+{names}', people, actions, files)


def _open_actions(names: list[str], options: LocalizerOptions) -> GraphActions:
    from actloc_ros.models.entry import Task
    from actloc_ros.models.graphs.actions import GraphActions
    from actloc_ros.models.loading import find_weights, open_network
    from actloc_ros.models.registry import entries

    names = [f'{name}_j' if f'{name}_j' in entries() else name for name in names]
    files = options.weights.split(SEPARATOR) if options.weights else [''] * len(names)
    if len(files) != len(names):
        raise ModelError(
            f'weights are {len(files)} files for {len(names)} networks ({", ".join(names)}); give'
            ' one for each, with commas in between'
        )
    opened = [
        open_network(name, file, options.random_weights)
        for name, file in zip(names, files, strict=True)
    ]
    for name, network in zip(names, opened, strict=True):
        if network.architecture.task is not Task.SKELETONS:
            raise ModelError(f'{name} takes images, not skeletons; DETECTOR+{name} runs it')
    rate = float(options.extra.get('classify_rate', CLASSIFY_RATE))
    found = [find_weights(o.entry, file) for o, file in zip(opened, files, strict=True)]
    used = tuple(path for path in found if path is not None)
    return GraphActions(opened, options.device, rate, used)
