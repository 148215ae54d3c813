"""Let what is heard change what actors seem to do, by learned weights (late fusion).

For an action a, sounds s of scores h_s and weights w, the log-odds of an actor's score x become

    bias_a + gain_a logit(x) + sum_s w_as logit(h_s),

which is logistic regression of what the actor truly does: see `training.sound.fusion`. Actions that
the file does not name keep their scores. Where the camera is dark there are no actors; there,
sounds alone say what somebody does, by weights of their own without x.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from actloc_ros.files import write_whole
from actloc_ros.models.errors import WeightsError

LEAST = 0.01  # of a score, and of what it lacks to 1: beyond, log-odds say nothing


@dataclass(frozen=True)
class SoundWeights:
    """What sounds alone say of one action.

    Attributes:
        bias: Added to the log-odds.
        sounds: Of the log-odds of sounds, by their labels.
    """

    bias: float
    sounds: dict[str, float]

    @classmethod
    def of(cls, content: Any) -> SoundWeights:
        """Read what JSON holds; raises what comes of anything else."""
        sounds = {str(sound): finite(weight) for sound, weight in content['sounds'].items()}
        return cls(finite(content['bias']), sounds)


@dataclass(frozen=True)
class ActionWeights:
    """What the score of one action is made of.

    Attributes:
        bias: Added to the log-odds.
        gain: Of the log-odds that the picture gives.
        sounds: Of the log-odds of sounds, by their labels.
        alone: For the dark; None where sounds alone report nothing.
    """

    bias: float
    gain: float
    sounds: dict[str, float]
    alone: SoundWeights | None = None

    @classmethod
    def of(cls, content: Any) -> ActionWeights:
        """Read what JSON holds; raises what comes of anything else."""
        beside, alone = SoundWeights.of(content), content.get('alone')
        return cls(
            beside.bias,
            finite(content['gain']),
            beside.sounds,
            None if alone is None else SoundWeights.of(alone),
        )

    @property
    def named(self) -> tuple[str, ...]:
        """The sounds that have weights."""
        return (*self.sounds, *(self.alone.sounds if self.alone else ()))


class Fusion:
    """Learned weights for some actions, by label."""

    def __init__(self, weights: dict[str, ActionWeights]) -> None:
        self.weights = weights

    @classmethod
    def read(cls, path: Path) -> Fusion:
        """Read a file that `write` wrote.

        Raises:
            WeightsError: It is no such file.
        """
        try:
            content = json.loads(path.read_text(encoding='utf-8'))
            weights = {label: ActionWeights.of(each) for label, each in content['actions'].items()}
        except OSError as error:
            raise WeightsError(f'"{path}" cannot be read: {error.strerror}') from error
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise WeightsError(
                f'"{path}" holds no weights of sounds ({type(error).__name__}: {error}); make them'
                ' by `actloc train` with `model: sound_fusion`'
            ) from error
        return cls(weights)

    def write(self, path: Path) -> None:
        """Write a JSON file, whole or not at all."""
        actions = {label: asdict(each) for label, each in self.weights.items()}
        with write_whole(path) as file:
            file.write_text(json.dumps({'actions': actions}, indent=1) + '\n', encoding='utf-8')

    def check(self, actions: Sequence[str], sounds: Sequence[str]) -> None:
        """Prepare for models with these labels.

        Raises:
            WeightsError: One of the weights is of another label.
        """
        for label, each in self.weights.items():
            unknown = [s for s in each.named if s not in sounds]
            if label not in actions:
                unknown = [label]
            if unknown:
                raise WeightsError(
                    f'sound.fusion has weights of "{unknown[0]}", which neither model knows as it'
                    f' should; actions are {", ".join(actions)}; sounds {", ".join(sounds[:20])}'
                )
        known = [self.weights.get(label) for label in actions]
        self._beside = _Table.of(known, sounds)
        self._alone = _Table.of([each and each.alone for each in known], sounds)
        self._gain = np.array([each.gain if each else 1.0 for each in known])

    def apply(self, scores: np.ndarray, heard: np.ndarray) -> np.ndarray:
        """Return actors' scores (N, A) as what is heard, (S,), changes them."""
        changed = _chance(self._gain * logit(scores) + self._beside.odds(heard))
        return np.where(self._beside.known, changed, scores).astype(np.float32)

    def alone(self, heard: np.ndarray) -> np.ndarray:
        """Return each action's score, (A,), by sounds alone, (S,); 0 where they report nothing."""
        scores = np.where(self._alone.known, _chance(self._alone.odds(heard)), 0.0)
        return scores.astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Table:
    """Weights of A actions and S sounds.

    Attributes:
        known: bool (A,): which actions have weights.
        bias: float (A,).
        weights: float (A, S).
    """

    known: np.ndarray
    bias: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(
        cls, actions: Sequence[ActionWeights | SoundWeights | None], sounds: Sequence[str]
    ) -> _Table:
        """Return the weights of actions in order."""
        return cls(
            np.array([each is not None for each in actions], bool),
            np.array([each.bias if each else 0.0 for each in actions]),
            np.array(
                [[each.sounds.get(s, 0.0) if each else 0.0 for s in sounds] for each in actions]
            ).reshape(len(actions), len(sounds)),
        )

    def odds(self, heard: np.ndarray) -> np.ndarray:
        """Return what sounds of these scores, (S,), add to log-odds: (A,)."""
        return np.asarray(self.bias + self.weights @ logit(heard))


def _chance(odds: np.ndarray) -> np.ndarray:
    return np.asarray(expit(odds))


def logit(scores: np.ndarray) -> np.ndarray:
    """Return the log-odds of scores in [0, 1], cut to those of 0.01 and 0.99."""
    inside = np.clip(np.asarray(scores, np.float64), LEAST, 1 - LEAST)
    return np.asarray(np.log(inside / (1 - inside)))


def finite(value: Any) -> float:
    """Return a finite number.

    Raises:
        ValueError: It is none; or what `float` raises.
    """
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f'{number} is not finite')
    return number
