"""Draw batches of people: turned, moved, scaled, cut off, covered, in other light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from actloc_ros.models.joints_n.crops import MARGIN, PAD, Image
from actloc_ros.models.joints_n.crops import SIDE as CROP
from actloc_ros.training.joints_n.bodies import SIDE, Bodies, rarity
from actloc_ros.training.people_n.augment import KNOWN, Augmentation, Augmenter
from actloc_ros.training.people_n.pictures import MIRRORED

COVERED = 0.3  # weight of a joint that something covers
THERE, ABSENT, UNKNOWN = 1, 0, -1


@dataclass(frozen=True)
class Variation:
    """How people are varied.

    Attributes:
        free: Share that is turned by any angle.
        tilt: Degrees of the turn of the others, at most.
        scale: Least and largest side of the crop, relative to the one of the true box.
        shift: Of the crop, at most, in sides of the box.
        aspect: Logarithm of the largest change of width against height.
        aspect_stretched: The same for pictures that were squeezed to a square.
        truncated: Share whose box ends within the body.
        edge: Share that an edge of the image cuts off.
        cover: Share that something covers in part.
        blur: Share with motion blur or lost detail.
        dark: Share in low light.
        colour: Share with changed brightness, contrast and colour.
        grey: Share without colour.
        jpeg: Share that is compressed.
    """

    free: float
    tilt: float
    scale: tuple[float, float]
    shift: float
    aspect: float
    aspect_stretched: float
    truncated: float
    edge: float
    cover: float
    blur: float
    dark: float
    colour: float
    grey: float
    jpeg: float


class Targets(NamedTuple):
    """What is to be learned of B crops.

    Attributes:
        places: float (B, 17, 2), x and y in pixels of the crop.
        weights: float (B, 17), how much each place counts.
        presence: int (B, 17), THERE, ABSENT or UNKNOWN.
    """

    places: Tensor
    weights: Tensor
    presence: Tensor


class Batches(Dataset[tuple[Tensor, Targets]]):
    """Batch number i is the same whenever it is asked for.

    Args:
        bodies: To draw from.
        weights: Set -> weight with which it is drawn; sets that are missing here are not drawn.
        batch: People of a batch.
        variation: How they are varied.
        seed: Of all choices.

    Raises:
        ValueError: Nobody is in a set with a weight.
    """

    def __init__(
        self,
        bodies: Bodies,
        weights: Mapping[str, float],
        batch: int,
        variation: Variation,
        seed: int,
    ) -> None:
        self._bodies, self._batch, self._variation, self._seed = bodies, batch, variation, seed
        odds = rarity(bodies.joints)
        for group in set(bodies.groups.tolist()):
            rows = bodies.groups == group
            odds[rows] *= weights.get(group, 0.0) / odds[rows].sum()
        if not odds.sum():
            raise ValueError(f'nobody is in a set with a weight; sets: {set(bodies.groups)}')
        self._odds = odds / odds.sum()
        self._images: npt.NDArray[np.uint8] | None = None

    def __getitem__(self, index: int) -> tuple[Tensor, Targets]:
        """Return crops, uint8 (B, 3, CROP, CROP), and their targets."""
        if self._images is None:  # not when made: another process would get all of it
            self._images = self._bodies.images()
        random = np.random.default_rng([self._seed, index])
        rows = random.choice(len(self._odds), self._batch, p=self._odds)
        crops, places, weights, presence = zip(
            *(self._varied(random, int(row)) for row in rows), strict=True
        )
        images = np.ascontiguousarray(np.stack(crops).transpose(0, 3, 1, 2))
        return torch.from_numpy(images), Targets(
            torch.from_numpy(np.stack(places)),
            torch.from_numpy(np.stack(weights)),
            torch.from_numpy(np.stack(presence)),
        )

    def _varied(
        self, random: np.random.Generator, row: int
    ) -> tuple[Image, npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        assert self._images is not None
        variation, bodies = self._variation, self._bodies
        mirror = bool(random.uniform() < 0.5)
        widest = variation.aspect_stretched if bodies.stretched[row] else variation.aspect
        matrix = placement(
            random, variation, bodies.boxes[row], bodies.joints[row], mirror, float(widest)
        )
        # cv2 maps pixel centres, joints know pixel edges.
        centres = matrix.copy()
        centres[:, 2] += centres[:, :2] @ [0.5, 0.5] - 0.5
        crop = cv2.warpAffine(
            self._images[row], centres, (CROP, CROP), flags=cv2.INTER_LINEAR,
            borderValue=(PAD,) * 3,
        )  # fmt: skip
        joints = bodies.joints[row].copy()
        joints[:, :2] = joints[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        if mirror:
            joints = joints[MIRRORED]
        weights = np.where(joints[:, 2] >= KNOWN, joints[:, 2], 0).astype(np.float32)
        presence = np.where(joints[:, 2] >= KNOWN, THERE, UNKNOWN)
        presence[joints[:, 2] == 0] = ABSENT
        gone = (joints[:, :2] < 0).any(-1) | (joints[:, :2] >= CROP).any(-1)
        if random.uniform() < variation.edge:
            gone |= cut_off(random, crop, joints)
        weights[gone], presence[gone] = 0, ABSENT
        if random.uniform() < variation.cover:
            covered = self._cover(random, crop, joints)
            weights[covered] *= COVERED
            presence[covered & (presence == THERE)] = UNKNOWN
        light = Augmentation(
            blur=variation.blur, dark=variation.dark, colour=variation.colour,
            grey=variation.grey, jpeg=variation.jpeg,
        )  # fmt: skip
        crop = Augmenter(light, random).light(crop)
        return crop, joints[:, :2].astype(np.float32), weights, presence

    def _cover(
        self, random: np.random.Generator, crop: npt.NDArray[np.integer], joints: npt.NDArray
    ) -> npt.NDArray[np.bool_]:
        """Lay a flat colour or a part of another person over a part, and return what it covers."""
        assert self._images is not None
        width, height = (random.uniform(0.12, 0.5, 2) * CROP).astype(int)
        left, top = random.integers(0, CROP - width), random.integers(0, CROP - height)
        if random.uniform() < 0.6:
            other = self._images[int(random.integers(len(self._images)))]
            x, y = random.integers(20, SIDE - 20 - width), random.integers(20, SIDE - 20 - height)
            patch = other[y : y + height, x : x + width]
        else:
            patch = random.integers(0, 256, 3)
        crop[top : top + height, left : left + width] = patch
        x, y = joints[:, 0], joints[:, 1]
        covered: npt.NDArray[np.bool_] = (
            (x >= left) & (x < left + width) & (y >= top) & (y < top + height)
        )
        return covered


def cut_off(
    random: np.random.Generator, crop: npt.NDArray[np.integer], joints: npt.NDArray[np.float32]
) -> npt.NDArray[np.bool_]:
    """Let the image end at a side within the crop; return which joints (17, 3) are beyond."""
    depth = int(random.uniform(0.05, 0.35) * CROP)
    side = int(random.choice(4, p=[0.4, 0.2, 0.2, 0.2]))
    x, y = joints[:, 0], joints[:, 1]
    if side == 0:
        crop[CROP - depth :], beyond = PAD, y >= CROP - depth
    elif side == 1:
        crop[:depth], beyond = PAD, y < depth
    elif side == 2:
        crop[:, :depth], beyond = PAD, x < depth
    else:
        crop[:, CROP - depth :], beyond = PAD, x >= CROP - depth
    result: npt.NDArray[np.bool_] = beyond
    return result


def placement(
    random: np.random.Generator,
    variation: Variation,
    box: npt.NDArray[np.float32],
    joints: npt.NDArray[np.float32],
    mirror: bool,
    widest: float,
) -> npt.NDArray[np.float64]:
    """Draw the affine map (2, 3) from a kept crop to one that the network takes.

    Args:
        random: Source of all choices.
        variation: How people are varied.
        box: Width and height of the person's box, which is in the middle.
        joints: (17, 3), pixels of the kept crop.
        mirror: Exchange left and right before the turn.
        widest: Logarithm of the largest change of width against height.
    """
    free = random.uniform() < variation.free
    angle = np.deg2rad(random.uniform(-180, 180) if free else
                       random.uniform(-variation.tilt, variation.tilt))  # fmt: skip
    cos, sin = np.cos(angle), np.sin(angle)
    aspect = np.exp(random.uniform(-widest, widest) / 2)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag(
        [-aspect if mirror else aspect, 1 / aspect]
    )
    middle, size = np.full(2, SIDE / 2), box.astype(float)
    if random.uniform() < variation.truncated:
        middle, size = _part(random, middle, size)
    # The turned ellipse in the box, about what a detector would report of the turned body.
    extent = 2 * np.sqrt(((size / 2) ** 2 * linear**2).sum(-1)).max()
    least, largest = np.log(variation.scale)
    linear *= CROP / (MARGIN * extent * np.exp(random.uniform(least, largest)))
    shift = random.uniform(-variation.shift, variation.shift, 2) * CROP / MARGIN
    return np.hstack([linear, (CROP / 2 + shift - linear @ middle)[:, None]])


def _part(
    random: np.random.Generator, middle: npt.NDArray[np.float64], size: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the middle and the size of a part of a box that ends at one of its sides."""
    axis, kept = int(random.uniform() < 0.75), random.uniform(0.4, 0.85)
    # Most often the lower part is what is not in the image.
    side = -1 if random.uniform() < 0.75 else 1
    middle, size = middle.copy(), size.copy()
    middle[axis] += side * size[axis] * (1 - kept) / 2
    size[axis] *= kept
    return middle, size
