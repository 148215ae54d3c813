"""Show every trainable localizer to the trainer in one form: dense predictions for frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from actloc_ros.models.architecture import ActorPredictions, Architecture, build_network
from actloc_ros.models.entry import Entry
from actloc_ros.models.registry import architectures, entry_for
from actloc_ros.models.stream.network import REACH, StreamNet, place_centres
from actloc_ros.training.keypoints import StreamWithKeypoints

TRAINABLE = ('stream_', 'yowov2_')
"""How the names of architectures begin that can be trained."""


@dataclass(frozen=True, eq=False)
class DensePredictions:
    """Predictions at A places of the key frames of B clips, F = B * key frames a clip.

    Attributes:
        boxes: (F, A, 4) in pixels of the network's input.
        actor: (F, A) logits.
        actions: (F, A, C) logits.
        centres: (A, 2) of the places in pixels.
        pose: (F, A, 4K): see `StreamWithKeypoints`; None where the detector tells none.
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
    """A network in training.

    Attributes:
        network: Its weights.
        learner: The same as a part of what is trained: with layers that only training needs.
        entry: Its preprocessing, labels and thresholds.
        key_frames: The clip's frames that it speaks of.
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
        """Turn uint8 RGB images (B, 3, T, H, W) into the network's input."""
        how = self.entry.preprocessing
        mean, std = (
            torch.tensor(v, device=images.device).view(3, 1, 1, 1) for v in (how.mean, how.std)
        )
        return (images.float() * (how.maximum / 255) - mean) / std

    @torch.inference_mode()
    def find(self, images: Tensor, network: nn.Module) -> ActorPredictions:
        """Return whom `network` sees at the newest frame of a clip, as a robot would.

        Args:
            images: uint8 (3, T, H, W), RGB; T is the detector's span.
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


class StreamDetector(TrainableAdapter):
    """Every frame of a clip is a key frame; the learner tells poses where it can learn them."""

    key_frames = slice(None)
    orthogonal = True

    def __init__(self, network: StreamNet, entry: Entry, keypoints: int) -> None:
        super().__init__(network, entry)
        if keypoints:
            self.learner = StreamWithKeypoints(network, keypoints)

    @property
    def span(self) -> int:
        """Frames, the newest among them, that a result depends on."""
        return 1 + REACH

    def action_biases(self, network: nn.Module) -> list[Tensor]:
        """Return those of the heads; see `TrainableAdapter.action_biases`."""
        return [head.actions.bias for head in network.heads]  # type: ignore[union-attr]

    def predict(self, clips: Tensor, network: nn.Module) -> DensePredictions:
        """Run the network; see `TrainableAdapter.predict`."""
        centres = place_centres(clips.shape[-2], clips.shape[-1], clips)
        if self.learner is self.network:
            output, pose = network(clips), None
        else:
            output, pose = network(clips)
            pose = pose.flatten(0, 1)
        boxes, actor, actions = (x.flatten(0, 1) for x in output)
        return DensePredictions(boxes, actor, actions, centres, pose)


class Yowov2Detector(TrainableAdapter):
    """The last frame of a clip is its key frame."""

    def action_biases(self, network: nn.Module) -> list[Tensor]:
        """Return those of the class predictors; see `TrainableAdapter.action_biases`."""
        return [layer.bias for layer in network.cls_preds]  # type: ignore[union-attr]

    def predict(self, clips: Tensor, network: nn.Module) -> DensePredictions:
        """Run the network; see `TrainableAdapter.predict`."""
        maps = network(clips)
        centres = place_centres(clips.shape[-2], clips.shape[-1], clips)
        flat = [x.flatten(2).mT for x in maps]
        strides = torch.cat(
            [x.new_full((x.shape[1], 1), 8.0 * 2**i) for i, x in enumerate(flat[::3])]
        )
        box = torch.cat(flat[2::3], dim=1)
        middle = centres + box[..., :2] * strides
        half = box[..., 2:].clamp(max=6).exp() * strides / 2
        return DensePredictions(
            boxes=torch.cat([middle - half, middle + half], dim=-1),
            actor=torch.cat(flat[::3], dim=1)[..., 0],
            actions=torch.cat(flat[1::3], dim=1),
            centres=centres,
        )


def new_detector(
    architecture: Architecture, labels: tuple[str, ...], keypoints: int = 0
) -> TrainableAdapter:
    """Return a detector with random weights for these labels, and a learner of keypoints.

    Raises:
        ValueError: The architecture cannot be trained here.
    """
    entry = replace(entry_for(architecture, len(labels)), labels=labels)
    network = build_network(architecture, entry).train().requires_grad_(True)
    if isinstance(network, StreamNet):
        return StreamDetector(network, entry, keypoints)
    if architecture.name.startswith('yowov2_'):
        for head in network.conf_preds:  # type: ignore[union-attr]
            nn.init.constant_(head.bias, -4.6)  # as in stream: few places hold an actor
        return Yowov2Detector(network, entry)
    raise ValueError(f'{architecture.name} cannot be trained; take stream_* or yowov2_*')
