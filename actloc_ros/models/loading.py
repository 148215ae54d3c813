"""Open a network by its name, with the weights that the user chose, strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from torch import Tensor, nn

from actloc_ros.models import registry
from actloc_ros.models.architecture import (
    Architecture,
    StreamingNetwork,
    build_network,
    load_network,
)
from actloc_ros.models.checkpoints import Checkpoint, read_checkpoint
from actloc_ros.models.entry import Entry
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.ops.runtime import fixed_random
from actloc_ros.models.state_dicts import refuse_not_finite, shapes_of
from actloc_ros.models.storage import find_stored, stored_path


@dataclass(frozen=True, eq=False)
class OpenedNetwork:
    """A network with all that it takes to use it: float32, on the CPU, in evaluation mode."""

    architecture: Architecture
    entry: Entry
    network: nn.Module

    @property
    def streaming(self) -> StreamingNetwork | None:
        """The network as one that also runs frame by frame; None where it does not."""
        return cast(StreamingNetwork, self.network) if self.architecture.streaming else None


def open_network(model: str, weights: str = '', random_weights: bool = False) -> OpenedNetwork:
    """Return the network called `model` with its weights.

    Args:
        model: Name of an entry, or of an architecture: then its first entry counts where the file
            says nothing else.
        weights: Path of a checkpoint, or an entry's name; empty for what was downloaded for
            `model`.
        random_weights: Make weights up where there is no checkpoint, always the same.

    Raises:
        WeightsError: There is no such model or checkpoint, or the two do not fit.
    """
    entry = registry.find_entry(model)
    path = find_weights(entry, weights)
    if path is not None:
        return load_file(model, path)
    if not random_weights:
        raise WeightsError(_how_to_get(entry))
    architecture = registry.architectures()[entry.architecture]
    with fixed_random():
        return OpenedNetwork(architecture, entry, build_network(architecture, entry))


def find_weights(entry: Entry, weights: str) -> Path | None:
    """Return the file that the user means by `weights`, or None if the entry's own is not here.

    Raises:
        WeightsError: `weights` names a file or an entry that is not here.
    """
    if not weights:
        return find_stored(entry)
    if weights not in registry.entries() or Path(weights).is_file():
        return Path(weights).expanduser()  # reading it reports a missing file
    named = registry.entries()[weights]
    stored = find_stored(named)
    if stored is None:
        raise WeightsError(_how_to_get(named))
    return stored


def load_file(model: str, path: Path) -> OpenedNetwork:
    """Return the network called `model` with the weights in a file.

    Raises:
        WeightsError: The file is no checkpoint, of another model, or of a training that diverged.
    """
    checkpoint = read_checkpoint(path)
    entry = _entry_of(model, checkpoint)
    architecture = registry.architectures()[entry.architecture]
    try:
        network = load_network(architecture, entry, checkpoint.state)
    except WeightsError as error:
        raise WeightsError(
            f'"{path}" does not fit {entry.architecture} with {len(entry.labels)} classes:\n'
            f'{error}\n{_what_fits(checkpoint.state)}'
        ) from error
    refuse_not_finite(checkpoint.state, path)
    return OpenedNetwork(architecture, entry, network)


def _entry_of(model: str, checkpoint: Checkpoint) -> Entry:
    """Return the entry that a file is to be used with.

    The file's own counts. Without one, an architecture takes any number of classes; an entry does
    not, since its labels would be wrong.
    """
    wanted = registry.find_entry(model)
    own = checkpoint.entry
    if own is not None and own.architecture == wanted.architecture:
        return own
    if model not in registry.entries():
        architecture = registry.architectures()[model]
        classes = architecture.classes(shapes_of(checkpoint.state))
        if classes not in (None, len(wanted.labels)):
            return registry.entry_for(architecture, classes)
    return wanted


def _what_fits(state: Mapping[str, Tensor]) -> str:
    """Say which architecture a state dict fits."""
    found = registry.identify(state)
    if found is None:
        return 'It fits no architecture known here; `actloc models` lists them.'
    architecture, entry = found
    return f'It fits {architecture.name} with {len(entry.labels)} classes: ask for that model.'


def _how_to_get(entry: Entry) -> str:
    """Say that an entry's file is not here, and what to do."""
    here = f'the weights of {entry.name} are not here (no file {stored_path(entry)}): '
    made_up = 'or allow random weights, which detect nothing and serve benchmarks alone'
    if entry.url:
        return f'{here}run `actloc download {entry.name}`, give a path as weights, {made_up}'
    return f'{here}get them from {entry.source} and give their path as weights, {made_up}'
