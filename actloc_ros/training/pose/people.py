"""Train the heads of `people_n` on, by annotated boxes, and only if that proves better.

The trunk and its pyramid stay as they are. Joints that nobody annotated are taught
by the network as it was, so that they stay while boxes change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.models.people_n.network import PeopleNetwork
from actloc_ros.training.people_n.augment import Augmentation, Augmenter
from actloc_ros.training.people_n.batches import Targets, targets_of
from actloc_ros.training.people_n.losses import LossWeights, PeopleLoss
from actloc_ros.training.people_n.measure import tally_boxes
from actloc_ros.training.people_n.pictures import Picture
from actloc_ros.training.pose.boxed_frames import find, read_pictures
from actloc_ros.truth.annotations import AnnotationError

LEFT_OUT = 4  # of so many recordings, or parts of one, one is left out to measure on
SIZE = (256, 320)
BATCH = 6
RATE, WARMUP, LARGEST = 3e-4, 10, 5.0  # learning rate, its rise in steps, norm of gradients
PULL = 1e-2
"""Of the weights to their start: the decay of their difference."""
EVERY = 25  # steps between measurements
GAIN = 0.005  # of the average precision, by which the start must be outdone
VARIED = Augmentation(mosaic=0, scale=(0.7, 1.4), quarter=0.05, upside_down=0, free=0.03)


@dataclass(frozen=True)
class PeopleOutcome:
    """What became of a training.

    Attributes:
        pictures: That were learned from.
        left_out: That were measured on.
        before: AP50 of boxes in these, as it was.
        after: The best while training.
        used: Whether it is used as trained.
    """

    pictures: int
    left_out: int
    before: float
    after: float
    used: bool

    def text(self) -> str:
        """Return a line that says so."""
        how = 'trained on' if self.used else 'kept as it was'
        return (
            f'people_n: {how}, AP50 on {self.left_out} frames left out '
            f'{self.before:.3f} → {self.after:.3f} ({self.pictures} frames to learn from)'
        )


def train_people(
    network: PeopleNetwork, sets: Sequence[AnnotatedVideos], steps: int, seed: int
) -> PeopleOutcome:
    """Train a network's heads, in place, and leave it in evaluation mode.

    Raises:
        AnnotationError: No frame has a box.
    """
    torch.manual_seed(seed)
    network.eval()
    learned, left_out = divided(read_pictures(sets, network))
    if not any(len(picture.people) for picture in learned):
        raise AnnotationError('no frame of the recordings has a box; people_n learns from boxes')
    heads = free_heads(network)
    best = start = copies(heads)
    before = score = average_precision(network, left_out)
    trainer = HeadTrainer(network, heads, learned, steps, seed)
    for step in range(steps):
        trainer.take_step(step)
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            now = average_precision(network, left_out)
            if now > score:
                best, score = copies(heads), now
    used = score >= before + GAIN
    with torch.no_grad():
        for parameter, value in zip(heads, best if used else start, strict=True):
            parameter.copy_(value)
    return PeopleOutcome(len(learned), len(left_out), before, score, used)


class HeadTrainer:
    """Steps the heads of a network.

    Args:
        network: In evaluation mode.
        heads: Its free parameters.
        pictures: To learn from.
        steps: In all.
        seed: Of all choices.
    """

    def __init__(
        self,
        network: PeopleNetwork,
        heads: list[nn.Parameter],
        pictures: Sequence[Picture],
        steps: int,
        seed: int,
    ) -> None:
        self._network, self._heads, self._pictures = network, heads, pictures
        self._start, self._steps = copies(heads), steps
        self._random = np.random.default_rng(seed)
        self._optimizer = torch.optim.AdamW(heads, lr=RATE, weight_decay=0)
        self._loss = PeopleLoss(LossWeights())

    def take_step(self, step: int) -> None:
        """Learn from one batch."""
        for group in self._optimizer.param_groups:
            group['lr'] = RATE * min(1, (step + 1) / WARMUP) * (1 - step / self._steps)
        images, targets = self._draw()
        total = torch.stack(list(self._loss(self._network(images), targets).values())).sum()
        self._optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self._heads, LARGEST)
        self._optimizer.step()
        with torch.no_grad():
            for parameter, first in zip(self._heads, self._start, strict=True):
                parameter.lerp_(first, PULL)

    def _draw(self) -> tuple[Tensor, list[Targets]]:
        """Return images, float (B, 3, H, W), and what is to be reported of each."""
        augmenter = Augmenter(VARIED, self._random)
        rows = self._random.integers(len(self._pictures), size=BATCH)
        canvases = [augmenter.canvas([self._pictures[row]], SIZE) for row in rows.tolist()]
        images = np.stack([canvas.image for canvas in canvases]).transpose(0, 3, 1, 2)
        return torch.from_numpy(np.ascontiguousarray(images)).float(), [
            targets_of(canvas) for canvas in canvases
        ]


def copies(parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    """Return parameters as they are now."""
    return [parameter.detach().clone() for parameter in parameters]


def free_heads(network: PeopleNetwork) -> list[nn.Parameter]:
    """Return the parameters of the heads, the only ones that keep gradients."""
    network.requires_grad_(False)
    network.heads.requires_grad_(True)
    return list(network.heads.parameters())


def divided(pictures: list[list[Picture]]) -> tuple[list[Picture], list[Picture]]:
    """Return the frames to learn from and those to measure on.

    Whole recordings are left out where there are enough; of a single one, its end is.
    """
    if len(pictures) > 1:
        out = [row for row in range(len(pictures)) if row % LEFT_OUT == LEFT_OUT - 1]
        out = out or [len(pictures) - 1]
        learned = [each for row, part in enumerate(pictures) if row not in out for each in part]
        return learned, [each for row in out for each in pictures[row]]
    cut = len(pictures[0]) - max(1, len(pictures[0]) // LEFT_OUT)
    return pictures[0][:cut], pictures[0][cut:]


def average_precision(network: PeopleNetwork, pictures: Sequence[Picture]) -> float:
    """Return the average precision of boxes at IoU 0.5."""
    return tally_boxes(
        [(picture.people, find(network, picture.image())) for picture in pictures]
    ).average_precision()
