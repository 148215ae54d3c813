"""Open an ensemble by its members' names."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from actloc_ros.localizer import Localizer, LocalizerOptions
from actloc_ros.models.ensemble.localizer import EnsembleLocalizer
from actloc_ros.models.ensemble.names import members_of
from actloc_ros.models.ensemble.options import EnsembleOptions, without_ensemble
from actloc_ros.models.ensemble.pool import read_fit
from actloc_ros.models.families import takes_labels

OpenModel = Callable[[str, LocalizerOptions], Localizer]


def open_ensemble(
    model: str, options: LocalizerOptions, open_model: OpenModel
) -> EnsembleLocalizer:
    """Return the localizer called `ensemble(A,B,…)`.

    Args:
        model: As `models.ensemble.names` says.
        options: `weights` is a file of `actloc ensemble-fit`, or empty for plain averages; members
            take all else.
        open_model: Opens a member.

    Raises:
        ModelError: A member cannot be opened, or the fit is of other members.
        ValueError: An option of ensembles is out of its range.
    """
    names, chosen = members_of(model), EnsembleOptions.of(options.extra)
    fit = None
    if options.weights:
        fit = read_fit(Path(options.weights).expanduser(), [str(name) for name in names])
    extra = without_ensemble(options.extra)
    with ExitStack() as stack:
        members = []
        for name in names:
            labels = options.labels if takes_labels(name.model) else ()
            own = replace(options, weights=name.weights, labels=labels, extra=extra)
            member = open_model(name.model, own)
            stack.callback(member.close)
            members.append(member)
        ensemble = EnsembleLocalizer(model, members, chosen, fit)
        stack.pop_all()
    return ensemble
