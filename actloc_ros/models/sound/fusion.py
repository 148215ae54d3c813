"""Let what is heard change what actors seem to do, by learned weights (late fusion).

For an action a, sounds s of scores h_s and weights w, the log-odds of an actor's score x become

    bias_a + gain_a logit(x) + sum_s w_as logit(h_s),

which is logistic regression of what the actor truly does: see `training.sound.fusion`. Actions that
the file does not name keep their scores.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.files import write_whole
from actloc_ros.models.errors import WeightsError

LEAST = 0.01  # of a score, and of what it lacks to 1: beyond, log-odds say nothing


@dataclass(frozen=True)
class ActionWeights:
    """What the score of one action is made of.

    Attributes:
        bias: Added to the log-odds.
        gain: Of the log-odds that the picture gives.
        sounds: Of the log-odds of sounds, by their labels.
    """

    bias: float
    gain: float
    sounds: dict[str, float]


class Fusion:
    """Learned weights for some actions, by label."""

    def __init__(self, weights: dict[str, ActionWeights]) -> None:
        self.weights = weights
        self._matrix = np.zeros((0, 0))

    @classmethod
    def read(cls, path: Path) -> Fusion:
        """Read a file that `write` wrote.

        Raises:
            WeightsError: It is no such file.
        """
        try:
            content = json.loads(path.read_text(encoding='utf-8'))
            weights = {
                label: ActionWeights(
                    _finite(each['bias']),
                    _finite(each['gain']),
                    {str(sound): _finite(weight) for sound, weight in each['sounds'].items()},
                )
                for label, each in content['actions'].items()
            }
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
        actions = {
            label: {'bias': each.bias, 'gain': each.gain, 'sounds': each.sounds}
            for label, each in self.weights.items()
        }
        with write_whole(path) as file:
            file.write_text(json.dumps({'actions': actions}, indent=1) + '\n', encoding='utf-8')

    def check(self, actions: Sequence[str], sounds: Sequence[str]) -> None:
        """Prepare for models with these labels.

        Raises:
            WeightsError: One of the weights is of another label.
        """
        for label, each in self.weights.items():
            unknown = (
                [label] if label not in actions else [s for s in each.sounds if s not in sounds]
            )
            if unknown:
                raise WeightsError(
                    f'sound.fusion has weights of "{unknown[0]}", which neither model knows as it'
                    f' should; actions are {", ".join(actions)}; sounds {", ".join(sounds[:20])}'
                )
        count = len(actions)
        self._bias, self._gain = np.zeros(count), np.ones(count)
        self._matrix = np.zeros((count, len(sounds)))
        self._named = np.array([label in self.weights for label in actions], bool)
        for label, each in self.weights.items():
            row = actions.index(label)
            self._bias[row], self._gain[row] = each.bias, each.gain
            for sound, weight in each.sounds.items():
                self._matrix[row, sounds.index(sound)] = weight

    def apply(self, scores: np.ndarray, heard: np.ndarray) -> np.ndarray:
        """Return actors' scores (N, A) as what is heard, (S,), changes them."""
        odds = self._bias + self._gain * logit(scores) + self._matrix @ logit(heard)
        changed = 1 / (1 + np.exp(-odds))
        return np.where(self._named, changed, scores).astype(np.float32)


def logit(scores: np.ndarray) -> np.ndarray:
    """Return the log-odds of scores in [0, 1], cut to those of 0.01 and 0.99."""
    inside = np.clip(np.asarray(scores, np.float64), LEAST, 1 - LEAST)
    return np.asarray(np.log(inside / (1 - inside)))


def _finite(value: Any) -> float:
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f'{number} is not finite')
    return number
