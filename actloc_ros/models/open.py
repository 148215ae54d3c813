"""Open a localizer by its name."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from actloc_ros.localizer import Localizer, LocalizerOptions
from actloc_ros.models.errors import ModelError
from actloc_ros.models.two_stage.options import TOPIC

# Imported only when asked for: a robot that runs `motion` loads no PyTorch.
BUILT_IN = {
    'motion': 'actloc_ros.models.motion.localizer:MotionLocalizer',
    'hog_hof': 'actloc_ros.models.hog_hof.localizer:HogHofLocalizer',
}


def model_names() -> tuple[str, ...]:
    """Return the names that `open_localizer` knows: without PyTorch, and of networks."""
    from actloc_ros.models.registry import architectures, entries

    return tuple(dict.fromkeys((*BUILT_IN, *architectures(), *entries())))


def side_inputs(model: str) -> tuple[str, ...]:
    """Return the names of the methods of `SideInputs` that the model called `model` calls."""
    detector, _, _ = model.rpartition('+')
    return ('boxes',) if detector == TOPIC else ()


def open_localizer(model: str, options: LocalizerOptions) -> Localizer:
    """Return the localizer called `model`, ready to run.

    Args:
        model: A name of `model_names`; `DETECTOR+CLASSIFIER` for two stages, see
            `models.two_stage.open`; or `MODULE:CLASS` for a third party's subclass of `Localizer`.
        options: What the user chose.

    Raises:
        ModelError: There is no such model, or its weights are missing or do not fit.
    """
    if model in BUILT_IN:
        return _import_class(BUILT_IN[model])(options)
    if ':' in model and '+' not in model:
        return _import_class(model)(options)
    _require_pytorch(model)
    if '+' in model:
        return _open_two_stage(model, options)
    if model in model_names():
        return _open_network(model, options)
    raise ModelError(
        f'there is no model "{model}"; there are {", ".join(model_names())}, DETECTOR+CLASSIFIER'
        ' for two stages, or MODULE:CLASS of your own localizer'
    )


def _require_pytorch(model: str) -> None:
    """Say what to do where PyTorch is not installed, as on a robot that was set up without it."""
    try:
        importlib.import_module('torch')
        importlib.import_module('torchvision')
    except ImportError as error:
        raise ModelError(
            f'the model "{model}" needs PyTorch and torchvision, which do not load ({error});'
            ' install them, or take model:=motion, which needs neither'
        ) from error


def _open_network(model: str, options: LocalizerOptions) -> Localizer:
    """Load a network and make a localizer of it."""
    from actloc_ros.models.clip_localizer import ClipLocalizer
    from actloc_ros.models.errors import WeightsError
    from actloc_ros.models.loading import open_network
    from actloc_ros.models.stream.localizer import StreamLocalizer
    from actloc_ros.models.stream.network import StreamNet

    try:
        opened = open_network(model, options.weights, options.random_weights)
    except WeightsError as error:
        raise ModelError(str(error)) from error
    if opened.architecture.decode is None:
        raise ModelError(
            f'{model} classifies clips of one person each and finds none: ask for'
            f' DETECTOR+{model}, such as hog+{model}'
        )
    kind = StreamLocalizer if isinstance(opened.network, StreamNet) else ClipLocalizer
    try:
        return kind(opened, options)
    except WeightsError as error:
        raise ModelError(str(error)) from error


def _open_two_stage(model: str, options: LocalizerOptions) -> Localizer:
    """Load a person detector and a clip classifier and make a localizer of both."""
    from actloc_ros.models.errors import WeightsError
    from actloc_ros.models.two_stage.open import open_two_stage

    try:
        return open_two_stage(model, options)
    except WeightsError as error:
        raise ModelError(str(error)) from error


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
