"""Find segments of actions in a whole recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from actloc_ros.frames import Frame, seconds
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.actionformer import LAYOUTS
from actloc_ros.models.actionformer.decode import DecodeOptions, Timeline, decode
from actloc_ros.models.actionformer.features import (
    RATE,
    STRIDE,
    WINDOW,
    I3dFeatures,
    read_features,
)
from actloc_ros.models.errors import ModelError
from actloc_ros.models.loading import OpenedNetwork, open_network
from actloc_ros.models.ops.runtime import choose_device, fold_batch_norms
from actloc_ros.models.registry import find_entry
from actloc_ros.models.segments import Segments, SuppressionOptions
from actloc_ros.models.storage import find_stored, stored_path


@dataclass(frozen=True)
class Recipe:
    """What a configuration says beside its weights.

    Attributes:
        rate: Frames a second for which features are.
        stride: Frames from one feature to the next.
        window: Frames that one feature sees.
        resized: Whether features are stretched to the network's `longest`.
        decode: How segments are chosen.
    """

    rate: float
    stride: int
    window: int
    resized: bool
    decode: DecodeOptions


OF_I3D = Recipe(RATE, STRIDE, WINDOW, False, DecodeOptions())
RECIPES = {
    'actionformer_i3d': OF_I3D,
    'actionformer_s': OF_I3D,
    'actionformer_n': OF_I3D,
    'actionformer_tsp': Recipe(
        *(30.0, 16, 16, True),
        DecodeOptions(
            min_length=0.001,
            suppression=SuppressionOptions(sigma=0.75, most=100, by_label=False, voting=0.9),
        ),
    ),
}


class Segmenter:
    """Takes a recording's frames, then says when actions happen in it.

    Attributes:
        name: What messages call it.
        labels: Action names.
        threshold: Score in [0, 1] from which a segment counts as detected.
    """

    def __init__(
        self, opened: OpenedNetwork, features: np.ndarray | I3dFeatures, device: torch.device
    ) -> None:
        entry = opened.entry
        self.name, self.labels, self.threshold = entry.name, entry.labels, entry.threshold
        self._layout = LAYOUTS[entry.architecture]
        self._recipe = RECIPES[entry.architecture]
        self._network, self._device = opened.network.to(device), device
        self._features = features
        self._first = self._last = 0
        self._frames = 0

    def push(self, frame: Frame) -> None:
        """Add the next frame, whose stamp is above the last one's."""
        if not self._frames:
            self._first = frame.stamp
        self._last = frame.stamp
        self._frames += 1
        if isinstance(self._features, I3dFeatures):
            self._features.push(frame)

    def finish(self) -> Segments:
        """Return the segments of all frames, in s from the first, best first.

        Raises:
            ModelError: The recording is too short.
        """
        found = self._features
        features = found.finish() if isinstance(found, I3dFeatures) else found
        return find_segments(
            features,
            self._network,
            self._layout.longest,
            self._recipe,
            self._duration,
            self._device,
        )

    @property
    def _duration(self) -> float:
        """From the first frame to the end of the last, in s."""
        shown = seconds(self._last - self._first)
        return shown * self._frames / max(1, self._frames - 1)


@torch.inference_mode()
def find_segments(
    features: np.ndarray,
    network: torch.nn.Module,
    longest: int,
    recipe: Recipe,
    duration: float,
    device: torch.device,
) -> Segments:
    """Return the segments in features (T, C) of a recording of `duration` s, best first."""
    given = torch.from_numpy(features).T[None].to(device)
    stride, window = float(recipe.stride), float(recipe.window)
    if recipe.resized:
        stride = window = ((len(features) - 1) * stride + window) / longest
        given = functional.interpolate(given, longest, mode='linear', align_corners=False)
    outputs: tuple[Tensor, ...] = network(given)
    return decode(outputs, recipe.decode, Timeline(recipe.rate, stride, window, duration))


def open_segmenter(model: str, options: LocalizerOptions, features: str = '') -> Segmenter:
    """Return the segmenter called `model`.

    Args:
        model: A model whose task is segments in time.
        options: What the user chose; `weights` are ActionFormer's. Those of I3D are what
            `i3d_rgb_kinetics400` and `i3d_flow_kinetics400` have.
        features: Path of the recording's features as a NumPy file; empty: they are computed.

    Raises:
        ModelError: There is no such model, weights are missing or do not fit, or features must be
            given.
    """
    opened = open_network(model, options.weights, options.random_weights)
    device = choose_device(options.device)
    layout = LAYOUTS[opened.entry.architecture]
    if features:
        return Segmenter(opened, read_features(Path(features), layout.features), device)
    if RECIPES[opened.entry.architecture] is not OF_I3D:
        raise ModelError(
            f'{opened.entry.name} takes TSP features, which nothing here computes: give those of'
            ' the recording with --features FILE.npy'
        )
    return Segmenter(opened, open_features(options, device), device)


def open_features(options: LocalizerOptions, device: torch.device) -> I3dFeatures:
    """Return what computes the features of one recording.

    Args:
        options: What the user chose; of them, whether weights may be random.
        device: Where I3D runs.

    Raises:
        ModelError: Weights of I3D are missing or do not fit.
    """
    rgb, flow = (_open_i3d(part, options, device) for part in ('rgb', 'flow'))
    return I3dFeatures(rgb, flow, device)


def _open_i3d(part: str, options: LocalizerOptions, device: torch.device) -> torch.nn.Module:
    """Return I3D of RGB or of flow, from where downloaded checkpoints are."""
    entry = find_entry(f'i3d_{part}_kinetics400')
    if not options.random_weights and find_stored(entry) is None:
        raise ModelError(
            f'features are computed by I3D, whose weights are not here: put {part}_imagenet.pt of'
            f' {entry.source} at {stored_path(entry)}, or give features with --features FILE.npy'
        )
    opened = open_network(entry.name, '', options.random_weights)
    return fold_batch_norms(opened.network).to(device)
