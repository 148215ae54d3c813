"""Report taught actions beside those that a localizer knows by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from actloc_ros.frames import Frame
from actloc_ros.localizer import Detections, Localizer
from actloc_ros.models.errors import ModelError
from actloc_ros.models.taught.actions import Prototypes, TaughtSet, fingerprint


class TaughtLocalizer(Localizer):
    """A localizer with features, and actions that were taught on them.

    Raises:
        ModelError: They were taught on another model's features, or on other weights.
    """

    def __init__(self, inner: Localizer, path: Path) -> None:
        taught = TaughtSet.read(path)
        if taught.model != inner.name or taught.weights != fingerprint(inner.weight_files):
            raise ModelError(
                f'"{path}" was taught on {taught.model} with the weights {taught.weights}, and'
                f' {inner.name} has {fingerprint(inner.weight_files)}: teach it again, or take the'
                ' model that it was taught on'
            )
        known = [name for name in taught.examples if name in inner.labels]
        if known:
            raise ModelError(f'"{path}" teaches "{known[0]}", which {inner.name} has already')
        self.name, self.joint_names = inner.name, inner.joint_names
        self.labels = (*inner.labels, *taught.examples)
        self.threshold = inner.threshold
        self.weight_files = (*inner.weight_files, path)
        self._inner, self._prototypes = inner, Prototypes.of(taught)
        self._path, self._shape = path, (taught.width, taught.appearance)

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take the newest frame of one or more different cameras; see `Localizer`."""
        return [self._with_taught(found) for found in self._inner.step(frames)]

    def reset(self, camera: str | None = None) -> None:
        """Forget the past of one camera, or of all."""
        self._inner.reset(camera)

    def close(self) -> None:
        """Free the localizer."""
        self._inner.close()

    def _with_taught(self, found: Detections) -> Detections:
        scores = np.zeros((len(found), len(self._prototypes.names)), np.float32)
        if len(found):
            scores = self._scaled(self._prototypes.scores(self._features(found)))
        actions = np.concatenate([found.actions, scores], axis=1)
        return replace(found, actions=actions.astype(np.float32))

    def _features(self, found: Detections) -> np.ndarray:
        """Return the features of the actors, which must be those that actions were taught on."""
        features, appearance = features_of(found, self.name)
        if (features.shape[1], appearance) != self._shape:
            raise ModelError(
                f'"{self._path}" was taught on {self._shape[0]} numbers, {self._shape[1]} of'
                f' appearance, and {self.name} gives {features.shape[1]}, {appearance} of it:'
                ' teach it again'
            )
        return features

    def _scaled(self, scores: np.ndarray) -> np.ndarray:
        """Return scores so that 0.5 becomes the model's own threshold."""
        level = self.threshold
        above = level + (scores - 0.5) * 2 * (1 - level)
        return np.where(scores < 0.5, scores * 2 * level, above)


def features_of(found: Detections, model: str) -> tuple[np.ndarray, int]:
    """Return what actions of the actors that were found are taught on.

    Returns:
        float32 (N, D), motion and, where it is offered, appearance, NaN where that is not known;
        and how many of the D are of appearance.

    Raises:
        ModelError: The model gives none.
    """
    if found.features is None:
        raise ModelError(f'{model} offers no features to teach actions on; take pose_n')
    if found.appearance is None:
        return found.features, 0
    appearance = found.appearance.shape[1]
    return np.concatenate([found.features, found.appearance], axis=1), appearance
