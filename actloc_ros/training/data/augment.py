"""Change a clip at random as cameras, robots and networks would: in view, colour and time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

from actloc_ros.datasets.annotated_videos import LabelledClip
from actloc_ros.training.config import Augmentation
from actloc_ros.training.data.mirror import choose_pairs, mirror_pairs, mirrored_classes
from actloc_ros.truth.annotations import Video

VISIBLE_SHARE = 0.3  # of its area that an actor must keep in a crop to count
LEAST_SIDE = 4.0  # pixels of the network's input


NO_AUGMENTATION = Augmentation(1, 1, 0, (), 0, 1, 0, 0)


@dataclass(frozen=True)
class ColumnNames:
    """What the columns of a clip are called: those of actions, and those of keypoints."""

    labels: tuple[str, ...]
    keypoints: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Sample:
    """A clip in the form of the network's input.

    Attributes:
        images: uint8 (3, T, H, W), RGB.
        boxes: float32 (T, M, 4) in pixels of these images.
        actions: float32 (T, M, C).
        valid: bool (T, M): the actor is to be found in the frame.
        known: bool (T,): whether it is labelled what the frame shows.
        keypoints: float32 (T, M, K, 2) in pixels of these images; NaN where they are not known.
    """

    images: Tensor
    boxes: Tensor
    actions: Tensor
    valid: Tensor
    known: Tensor
    keypoints: Tensor


def choose_frames(
    rng: np.random.Generator, key: int, video: Video, frames: int, rate: float, how: Augmentation
) -> np.ndarray:
    """Return the numbers of T frames of a video, int64 (T,), at about `rate` Hz.

    The frame `key` is the last, or where all frames are labelled, somewhere in the later half.
    Where the video is shorter than the clip, its first frame is repeated.
    """
    step = video.fps / rate * how.rate ** rng.uniform(-1, 1)
    slots = [0]
    while len(slots) < frames:
        slots.append(slots[-1] - 1 - int(rng.geometric(1 - how.drop) - 1 if how.drop else 0))
    offsets = np.round(np.array(slots[::-1]) * step).astype(np.int64)
    if video.labelled is None:
        key += int(rng.integers(0, frames // 2 + 1) * step)
        key = min(max(key, int(-offsets[0])), video.frames - 1)
    numbers = np.clip(key + offsets, 0, None)
    for i in np.flatnonzero(rng.random(frames - 1) < how.freeze) + 1:
        numbers[i] = numbers[i - 1]
    return numbers


def augment(
    rng: np.random.Generator,
    clip: LabelledClip,
    size: tuple[int, int],
    names: ColumnNames,
    how: Augmentation,
) -> Sample:
    """Crop, scale, mirror and colour a clip; `size` is the sample's height and width."""
    height, width = clip.images.shape[1:3]
    top, left, h, w = choose_crop(rng, height, width, how, clip)
    images = torch.from_numpy(clip.images).permute(0, 3, 1, 2)
    images = vision.resized_crop(images, top, left, h, w, list(size), antialias=True)
    boxes = torch.from_numpy(clip.boxes)
    scale = torch.tensor([size[1] / w, size[0] / h] * 2)
    boxes = (boxes - torch.tensor([left, top] * 2)) * scale
    boxes, valid = cut_off(boxes, torch.from_numpy(clip.visible), size)
    keypoints = (torch.from_numpy(clip.keypoints) - torch.tensor([left, top])) * scale[:2]
    actions = torch.from_numpy(clip.actions)
    if rng.random() < how.flip:
        images = images.flip(-1)
        boxes = boxes[..., [2, 1, 0, 3]] * torch.tensor([-1, 1, -1, 1])
        boxes += torch.tensor([size[1], 0, size[1], 0])
        pairs = choose_pairs(names.labels, how.flip_pairs)
        actions = actions[..., mirrored_classes(names.labels, pairs)]
        pairs = mirror_pairs(names.keypoints)
        keypoints = keypoints[..., mirrored_classes(names.keypoints, pairs), :]
        keypoints = keypoints * torch.tensor([-1, 1]) + torch.tensor([size[1], 0])
    return Sample(
        images=recolour(rng, images, how).transpose(0, 1),
        boxes=boxes,
        actions=actions,
        valid=valid,
        known=torch.ones(len(boxes), dtype=torch.bool)
        if clip.known is None
        else torch.from_numpy(clip.known),
        keypoints=keypoints,
    )


def choose_crop(
    rng: np.random.Generator, height: int, width: int, how: Augmentation, clip: LabelledClip
) -> tuple[int, int, int, int]:
    """Return top, left, height and width of a crop in pixels; `focus` lays it around an actor.

    Without augmentation it is the whole image, whatever that does to its proportions, as in
    inference.
    """
    share = rng.uniform(how.crop, how.widest)
    stretch = how.stretch ** rng.uniform(-0.5, 0.5)
    h = min(height, max(1, round(height * share * stretch)))
    w = min(width, max(1, round(width * share / stretch)))
    visible = np.argwhere(clip.visible)
    if not len(visible) or rng.random() >= how.focus:
        return int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w
    x1, y1, x2, y2 = clip.boxes[tuple(rng.choice(visible))]
    top = round((y1 + y2) / 2 - h * rng.uniform(0.3, 0.7))
    left = round((x1 + x2) / 2 - w * rng.uniform(0.3, 0.7))
    return min(max(top, 0), height - h), min(max(left, 0), width - w), h, w


def cut_off(boxes: Tensor, visible: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Clip boxes to the image; an actor of which too little is left does not count."""
    limits = torch.tensor([size[1], size[0]] * 2)
    inside = torch.minimum(boxes.clamp(min=0), limits)
    sides = inside[..., 2:] - inside[..., :2]
    area = (boxes[..., 2:] - boxes[..., :2]).prod(dim=-1)
    kept = sides.clamp(min=0).prod(dim=-1) >= VISIBLE_SHARE * area
    return inside, visible & kept & (sides >= LEAST_SIDE).all(dim=-1)


def recolour(rng: np.random.Generator, images: Tensor, how: Augmentation) -> Tensor:
    """Change brightness, contrast and saturation of uint8 images (T, 3, H, W)."""
    if not how.colour:
        return images
    brightness, contrast, saturation = 1 + rng.uniform(-how.colour, how.colour, 3)
    x = images.float()
    grey = x.mean(dim=1, keepdim=True)
    x = grey + (x - grey) * saturation
    middle = grey.mean()
    x = (middle + (x - middle) * contrast) * brightness
    return x.clamp(0, 255).to(torch.uint8)
