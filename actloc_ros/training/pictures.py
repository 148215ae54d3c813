"""Draw the clips of a training and the predictions of its detector, for people to check."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.utils import draw_bounding_boxes, make_grid

from actloc_ros.models.entry import Entry
from actloc_ros.training.data.augment import Sample
from actloc_ros.training.validation import KeyFramePrediction

COLUMNS = 4
LEAST_SIDE = 256  # pixels: smaller images are enlarged, or letters would hide them
LEAST_SCORE = 0.3  # of an actor that is drawn
COLOURS = ('#ffb000', '#40c8ff', '#ff6090', '#70e060', '#c090ff', '#f0f0f0')


def draw_samples(samples: Sequence[Sample], labels: Sequence[str]) -> Tensor:
    """Return a page, uint8 (3, height, width): a row of frames for each sample, with its truth."""
    pictures = []
    for sample in samples:
        for frame in np.linspace(0, sample.images.shape[1] - 1, COLUMNS).round().astype(int):
            there = sample.valid[frame]
            texts = [
                ', '.join(labels[i] for i in actions.nonzero().flatten()) or '-'
                for actions in sample.actions[frame][there]
            ]
            boxes = sample.boxes[frame][there]
            pictures.append(draw_actors(sample.images[:, frame], boxes, texts))
    return make_grid(pictures, nrow=COLUMNS)


def draw_predictions(predictions: Sequence[KeyFramePrediction], entry: Entry) -> Tensor:
    """Return a page, uint8 (3, height, width), of what a detector predicts in frames."""
    pictures = []
    for each in predictions:
        drawn = each.actors.scores >= LEAST_SCORE
        texts = [
            ', '.join(
                f'{entry.labels[i]} {actions[i]:.2f}'
                for i in (actions >= entry.threshold).nonzero().flatten()
            )
            or '-'
            for actions in each.actors.actions[drawn]
        ]
        pictures.append(draw_actors(each.image, each.actors.boxes[drawn], texts))
    return make_grid(pictures, nrow=COLUMNS)


def draw_actors(image: Tensor, boxes: Tensor, texts: Sequence[str]) -> Tensor:
    """Return an image, uint8 (3, H, W), with boxes (N, 4) in its pixels and a text at each."""
    image, boxes = image.cpu(), boxes.cpu()
    height, width = image.shape[1:]
    factor = -(-LEAST_SIDE // min(height, width))
    large = functional.interpolate(image[None], scale_factor=float(factor))[0]
    if not len(boxes):
        return large
    inside = torch.minimum(boxes.clamp(min=0), boxes.new_tensor([width, height] * 2)) * factor
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(boxes))]
    return draw_bounding_boxes(large, inside, list(texts), colours, width=2)
