"""Adapt every trainable network to the trainer: dense predictions for frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from actloc_ros.models.architecture import ActorPredictions, Architecture, build_network
from actloc_ros.models.entry import Entry
from actloc_ros.models.families import import_named
from actloc_ros.models.registry import architectures, entry_for, trainable
from actloc_ros.training.config import ConfigError


@dataclass(frozen=True, eq=False)
class DensePredictions:
    """Predictions at A locations of the key frames of B clips, F = B * key frames a clip.

    Attributes:
        boxes: (F, A, 4) in pixels of the network's input.
        actor: (F, A) logits.
        actions: (F, A, C) logits.
        centres: (A, 2) of the locations in pixels.
        pose: (F, A, 4K): see `StreamWithKeypoints`; None where none are predicted.
    """

    boxes: Tensor
    actor: Tensor
    actions: Tensor
    centres: Tensor
    pose: Tensor | None = None

    def of(self, frames: Tensor) -> DensePredictions:
        """Return the predictions for some frames, bool (F,)."""
        boxes, actor, actions = (x[frames] for x in (self.boxes, self.actor, self.actions))
        pose = None if self.pose is None else self.pose[frames]
        return DensePredictions(boxes, actor, actions, self.centres, pose)


class TrainableAdapter(ABC):
    """A network in training, made of it, its entry and the number of keypoints; see `new_adapter`.

    Attributes:
        network: Its weights.
        learner: The same as a part of what is trained: with layers that only training needs.
        entry: Its preprocessing, labels and thresholds.
        key_frames: The clip's frames that it predicts.
        orthogonal: Whether it learns faster by orthogonal steps; see `optimizer`.
    """

    key_frames = slice(-1, None)
    orthogonal = False

    def __init__(self, network: nn.Module, entry: Entry) -> None:
        self.network, self.learner, self.entry = network, network, entry

    @property
    def span(self) -> int:
        """Frames, the newest among them, that a result depends on."""
        return self.entry.frames

    def prepare(self, images: Tensor) -> Tensor:
        """Return the network's input for uint8 RGB images (B, 3, T, H, W): float, same shape."""
        how = self.entry.preprocessing
        mean, std = (
            torch.tensor(v, device=images.device).view(3, 1, 1, 1) for v in (how.mean, how.std)
        )
        return (images.float() * (how.maximum / 255) - mean) / std

    @torch.inference_mode()
    def find(self, images: Tensor, network: nn.Module) -> ActorPredictions:
        """Return the actors that `network` detects at the newest frame of a clip, as on a robot.

        Args:
            images: uint8 (3, T, H, W), RGB; T is `span`.
            network: This one's or its average, in evaluation mode.
        """
        decode = architectures()[self.entry.architecture].decode
        assert decode is not None
        [actors] = decode(network(self.prepare(images[None])), self.entry)
        return actors

    @abstractmethod
    def action_biases(self, network: nn.Module) -> list[Tensor]:
        """Return the biases (C,) of the logits of actions of such a network, one a level."""

    @abstractmethod
    def predict(self, clips: Tensor, network: nn.Module) -> DensePredictions:
        """Run `network`, the learner, on prepared clips (B, 3, T, H, W)."""


def new_adapter(
    architecture: Architecture, labels: tuple[str, ...], keypoints: int = 0
) -> TrainableAdapter:
    """Return a network with random weights for these labels, ready to be trained.

    Args:
        architecture: Of the network.
        labels: Action names.
        keypoints: Points of a body that the recordings give; 0 for none.

    Raises:
        ConfigError: The architecture cannot be trained.
    """
    if not architecture.trainable:
        raise ConfigError(
            f'model is {architecture.name!r}; expected one of {", ".join(trainable())}'
        )
    entry = replace(entry_for(architecture, len(labels)), labels=labels)
    network = build_network(architecture, entry).train().requires_grad_(True)
    adapter: TrainableAdapter = import_named(architecture.trainable)(network, entry, keypoints)
    return adapter
