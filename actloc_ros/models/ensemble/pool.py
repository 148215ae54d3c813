"""Make one score of those that several members give to one actor.

Each member's score is calibrated: a line of its logit, or one value where the member, which
knows the label, does not detect the actor. The calibrated logits are averaged with weights per
label, then scaled and shifted so that 0.5 is where the label's F1 is highest (a logarithmic opinion
pool, Genest and Zidek 1986). Labels of which nothing was learned, and all of them without a fit,
have the mean of the scores of the members that know the label, with 0 for an actor that a member
does not detect.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.files import write_whole
from actloc_ros.models.errors import WeightsError

FORMAT = 'actloc ensemble 1'
LEAST = 1e-4  # scores nearer to 0 or 1 count as this near
BOX_IOU = 0.55  # overlap above which boxes are fused; the default of the paper's code


@dataclass(frozen=True)
class LabelFit:
    """What was learned of one label, or of whether there is an actor: M members.

    Attributes:
        slope: Of each member's logit; 0 where it does not know the label.
        offset: Added to it.
        absent: Calibrated logit where the member does not detect the actor.
        weight: Share of each member, 0 or more, in sum 1.
        scale: Of the average.
        shift: Added to it.
    """

    slope: tuple[float, ...]
    offset: tuple[float, ...]
    absent: tuple[float, ...]
    weight: tuple[float, ...]
    scale: float
    shift: float

    def calibrated(self, scores: np.ndarray, detected: np.ndarray) -> np.ndarray:
        """Return calibrated logits (N, M).

        Args:
            scores: float (N, M) in [0, 1].
            detected: bool (N, M): whether a member detects the actor.
        """
        lines = np.array(self.slope) * logit(scores) + np.array(self.offset)
        return np.where(detected, lines, np.array(self.absent))

    def pooled(self, scores: np.ndarray, detected: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Return scores (N,) in [0, 1]; arguments as `Pool.scores`, of this label."""
        share = np.array(self.weight) * asked
        if not share.sum() > 0:
            return np.zeros(len(scores))
        mean = self.calibrated(scores, detected) @ (share / share.sum())
        return sigmoid(self.scale * mean + self.shift)


@dataclass(frozen=True)
class EnsembleFit:
    """What `actloc ensemble-fit` learned.

    Attributes:
        members: Names of the members, in order.
        box_weights: Of each member's boxes, above 0.
        iou: Overlap above which boxes are fused.
        labels: What was learned of labels, by name; not of those that were rare.
        actor: What was learned of whether there is an actor.
        learned_from: In words, for people.
    """

    members: tuple[str, ...]
    box_weights: tuple[float, ...]
    iou: float
    labels: dict[str, LabelFit]
    actor: LabelFit
    learned_from: str = ''

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        with write_whole(path) as file:
            file.write_text(json.dumps({'format': FORMAT, **asdict(self)}, indent=1) + '\n')


class Pool:
    """Makes one score of several; see this module's text.

    Args:
        knows: bool (M, C): whether a member knows a label.
        labels: Names of the C labels.
        fit: What was learned; None for nothing.
    """

    def __init__(
        self, knows: np.ndarray, labels: Sequence[str], fit: EnsembleFit | None = None
    ) -> None:
        self._knows = knows
        learned = {} if fit is None else {k.casefold(): v for k, v in fit.labels.items()}
        self._labels = [learned.get(label.casefold()) for label in labels]
        self._actor = None if fit is None else fit.actor

    def scores(self, scores: np.ndarray, detected: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Return the scores of N actors: float (N, C) in [0, 1].

        Args:
            scores: float (N, M, C) in [0, 1]; 0 where a member does not detect an actor or does not
                know a label.
            detected: bool (N, M): whether a member detects the actor.
            asked: bool (M,): whether a member ran at this frame.
        """
        shares = (self._knows & asked[:, None]).astype(np.float64)
        mean = (scores * shares).sum(1) / np.maximum(shares.sum(0), 1)
        for column, fit in enumerate(self._labels):
            if fit is not None:
                mean[:, column] = fit.pooled(scores[:, :, column], detected, asked)
        return mean

    def actors(self, scores: np.ndarray, detected: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Return that each of N boxes holds an actor: float (N,) in [0, 1].

        Without a fit, the highest score of a member counts: an actor that one member alone detects
        is still one.

        Args:
            scores: float (N, M) in [0, 1]; 0 where a member does not detect it.
            detected: bool (N, M).
            asked: bool (M,).
        """
        if self._actor is not None:
            return self._actor.pooled(scores, detected, asked)
        return np.asarray(scores.max(1, initial=0.0))


def logit(scores: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)) of scores in [0, 1], kept finite."""
    p = np.clip(scores.astype(np.float64), LEAST, 1 - LEAST)
    return np.log(p / (1 - p))


def sigmoid(values: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-np.clip(values, -60, 60)))


def read_fit(path: Path, members: Sequence[str]) -> EnsembleFit:
    """Return what `EnsembleFit.write` wrote.

    Raises:
        WeightsError: The file is missing, no fit, or of other members.
    """
    try:
        fit = _parse(json.loads(path.read_text()), path)
    except OSError as error:
        raise WeightsError(f'cannot read "{path}": {error.strerror}') from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise WeightsError(
            f'"{path}" is no fit of an ensemble ({error!s:.100}); make one with '
            '`actloc ensemble-fit`'
        ) from error
    if fit.members != tuple(members):
        raise WeightsError(
            f'"{path}" was fitted to ensemble({",".join(fit.members)}), not to '
            f'ensemble({",".join(members)}): fit again, or name the same members in the same order'
        )
    return fit


def _parse(values: Any, path: Path) -> EnsembleFit:
    if values.pop('format', None) != FORMAT:
        raise ValueError(f'its "format" is not "{FORMAT}"')
    members = len(values['members'])
    fit = EnsembleFit(
        members=tuple(str(member) for member in values['members']),
        box_weights=_numbers(values['box_weights'], members),
        iou=float(values['iou']),
        labels={str(k): _parse_label(v, members) for k, v in values['labels'].items()},
        actor=_parse_label(values['actor'], members),
        learned_from=str(values['learned_from']),
    )
    if not (0 < fit.iou < 1 and min(fit.box_weights) > 0):
        raise ValueError('"iou" is not between 0 and 1, or one of "box_weights" not above 0')
    return fit


def _parse_label(values: Any, members: int) -> LabelFit:
    scale, shift = _numbers([values['scale'], values['shift']], 2)
    return LabelFit(
        slope=_numbers(values['slope'], members),
        offset=_numbers(values['offset'], members),
        absent=_numbers(values['absent'], members),
        weight=_numbers(values['weight'], members),
        scale=scale,
        shift=shift,
    )


def _numbers(values: Any, count: int) -> tuple[float, ...]:
    array = np.array(values, np.float64)
    if array.shape != (count,) or not np.isfinite(array).all():
        raise ValueError(f'{values!s:.60} are not {count} finite numbers')
    return tuple(array.tolist())
