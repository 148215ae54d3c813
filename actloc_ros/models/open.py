"""Open a localizer by its name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from actloc_ros.localizer import Localizer, LocalizerOptions
from actloc_ros.models.ensemble.names import members_of
from actloc_ros.models.entry import LocalizerEntry, Task
from actloc_ros.models.errors import ModelError
from actloc_ros.models.families import import_named, localizers, takes_labels
from actloc_ros.models.taught.options import TAUGHT_FILE

if TYPE_CHECKING:
    from actloc_ros.models.loading import OpenedNetwork


def model_names() -> tuple[str, ...]:
    """Return the names that `open_localizer` knows: without PyTorch, and of networks."""
    from actloc_ros.models.registry import architectures, entries

    built_in = [entry.name for entry in localizers() if not entry.pattern]
    return tuple(dict.fromkeys((*built_in, *architectures(), *entries())))


def open_localizer(model: str, options: LocalizerOptions) -> Localizer:
    """Return the localizer called `model`, ready to run.

    Args:
        model: A name of `model_names`; `DETECTOR+CLASSIFIER` for two stages, see
            `models.two_stage.open`; `ensemble(A,B,…)`, see `models.ensemble.names`; `MODEL+sound`
            to hear beside; or `MODULE:CLASS` for a third party's subclass of `Localizer`.
        options: What the user chose.

    Raises:
        ModelError: There is no such model, its weights are missing or do not fit, or labels are
            given to one that has its own.
    """
    _refuse_labels(model, options)
    localizer = _find_factory(model)(options)
    path, entry = options.extra.get(TAUGHT_FILE, ''), _find_entry(model)
    # What wraps a model opens it by this function too: there it is taught.
    if not path or (entry is not None and (entry.wraps or entry.composite)):
        return localizer
    from actloc_ros.models.taught.localizer import TaughtLocalizer

    try:
        return TaughtLocalizer(localizer, Path(path).expanduser())
    except Exception:
        localizer.close()
        raise


def _refuse_labels(model: str, options: LocalizerOptions) -> None:
    """Refuse labels that are given to a model that has its own."""
    entry = _find_entry(model)
    members = members_of(model) if entry is not None and entry.composite else ()
    if options.labels and not any(takes_labels(m) for m in (model, *(m.model for m in members))):
        raise ModelError(
            f'{model} has labels of its own; the parameter labels is for models that take words,'
            ' such as people_n+clip_vit_b_32'
        )


def make_localizer(opened: OpenedNetwork, options: LocalizerOptions) -> Localizer:
    """Return the localizer that runs an opened network, which must have one.

    Raises:
        ModelError: It cannot run as the options ask.
    """
    localizer: Localizer = import_named(opened.architecture.localizer)(opened, options)
    return localizer


def side_inputs(model: str) -> frozenset[str]:
    """Return the methods of `SideInputs` that the localizer called `model` calls."""
    entry = _find_entry(model)
    if entry is None:
        return frozenset()
    inner = [_wrapped(model)] if entry.wraps else []
    inner += [member.model for member in members_of(model)] if entry.composite else []
    return entry.side_inputs.union(*map(side_inputs, inner))


def _find_entry(model: str) -> LocalizerEntry | None:
    return next((entry for entry in localizers() if entry.opens(model)), None)


def _find_factory(model: str) -> Callable[[LocalizerOptions], Localizer]:
    """Return what makes the localizer called `model`."""
    entry = _find_entry(model)
    if entry is None and ':' in model:
        return _import_class(model)
    if entry is None or entry.needs_pytorch:
        _require_pytorch(model)
    if entry is None:
        return partial(_open_network, model)
    factory = import_named(entry.factory)
    if entry.wraps:
        return partial(_open_wrapped, _wrapped(model), factory)
    if entry.composite:
        return partial(factory, model, open_model=open_localizer)
    return partial(factory, model) if entry.pattern else factory


def _wrapped(model: str) -> str:
    return model.rpartition('+')[0]


def _open_wrapped(
    model: str,
    factory: Callable[[Localizer, LocalizerOptions], Localizer],
    options: LocalizerOptions,
) -> Localizer:
    """Return the localizer that `factory` makes of the one called `model`."""
    inner = open_localizer(model, options)
    try:
        return factory(inner, options)
    except Exception:
        inner.close()
        raise


def _require_pytorch(model: str) -> None:
    """Say what to do where PyTorch is not installed, as on a robot that was set up without it."""
    try:
        importlib.import_module('torch')
        importlib.import_module('torchvision')
    except ImportError as error:
        raise ModelError(
            f'the model "{model}" needs PyTorch and torchvision, which do not load ({error});'
            ' install requirements-networks.txt, or take model:=pose_n or model:=motion, which'
            ' need neither'
        ) from error


def _open_network(model: str, options: LocalizerOptions) -> Localizer:
    """Load a network and make a localizer of it."""
    from actloc_ros.models.loading import find_weights, open_network

    if model not in model_names():
        raise ModelError(
            f'there is no model "{model}"; there are {", ".join(model_names())},'
            ' DETECTOR+CLASSIFIER for two stages, ensemble(A,B,…) of several, or MODULE:CLASS of'
            ' your own localizer'
        )
    opened = open_network(model, options.weights, options.random_weights)
    if opened.architecture.task is Task.SEGMENTS:
        raise ModelError(
            f'{model} finds segments in whole recordings, not in what comes live: give it to'
            ' `actloc run`'
        )
    if not opened.architecture.localizer:
        raise ModelError(f'{model} {_what_lacks(model, opened.architecture.task.name)}')
    localizer = make_localizer(opened, options)
    path = find_weights(opened.entry, options.weights)
    localizer.weight_files = () if path is None else (path,)
    return localizer


def _what_lacks(model: str, task: str) -> str:
    """Return what a network that is no localizer does, and what to put before or behind it."""
    return {
        'SKELETONS': f'takes joints and finds none: ask for people_n+{model}',
        'DETECTION': f'finds people alone: ask for {model}+CLASSIFIER, such as {model}+mc3_18',
        'POSES': f'finds people and joints alone: ask for {model}+SKELETON, such as'
        f' {model}+stgcnpp_ntu60_hrnet_j',
        'CROPS': f'finds joints in boxes: ask for people_n+{model}+stgcnpp_ntu60_hrnet_j',
    }.get(
        task,
        f'classifies clips of one person each and finds none: ask for DETECTOR+{model}, such as'
        f' hog+{model}',
    )


def _import_class(path: str) -> Callable[[LocalizerOptions], Localizer]:
    """Import the localizer class at `MODULE:CLASS`."""
    module_name, _, class_name = path.partition(':')
    try:
        found = getattr(importlib.import_module(module_name), class_name, None)
    except (ImportError, ValueError) as error:
        raise ModelError(f'cannot import the model "{path}": {error}') from error
    if not (isinstance(found, type) and issubclass(found, Localizer)):
        raise ModelError(f'"{path}" is no subclass of actloc_ros.localizer.Localizer')
    return found
