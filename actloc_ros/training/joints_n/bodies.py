"""Keep crops of labelled people, with room to turn and move them, as one array on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actloc_ros.models.joints_n.crops import JOINTS, Image, cut, squares
from actloc_ros.training.people_n.augment import KNOWN
from actloc_ros.training.people_n.pictures import People, Picture

SIDE = 256
"""Pixels of a kept crop's side."""

MARGIN = 1.9
"""Side of a kept crop, in longer sides of the person's box."""

LEAST_SIDE = 30.0
LEAST_JOINTS = 5
SHOULDERS, HIPS, KNEES = [5, 6], [11, 12], [13, 14]
LEANING, BENT = 50.0, 45.0  # degrees to the vertical: of the trunk, of the thighs
LYING, SITTING = 3.0, 1.8  # how much more often such a body is drawn than one that stands


@dataclass(frozen=True, eq=False)
class Bodies:
    """N people.

    Attributes:
        crops: File of uint8 (N, SIDE, SIDE, 3), RGB.
        groups: Set that each is drawn with.
        boxes: float32 (N, 2), width and height of the box, which is in the middle, in pixels of the
            crop.
        joints: float32 (N, 17, 3), x, y in pixels of the crop and confidence.
        stretched: bool (N,), whose picture was squeezed.
    """

    crops: Path
    groups: npt.NDArray[np.str_]
    boxes: npt.NDArray[np.float32]
    joints: npt.NDArray[np.float32]
    stretched: npt.NDArray[np.bool_]

    def images(self) -> npt.NDArray[np.uint8]:
        """Return the crops, which stay on disk."""
        images: npt.NDArray[np.uint8] = np.load(self.crops, mmap_mode='r')
        return images


def known_people(people: People) -> npt.NDArray[np.int64]:
    """Return the rows of people who are large enough and have enough known joints."""
    sides = (people.boxes[:, 2:] - people.boxes[:, :2]).max(-1, initial=0)
    known = (people.joints[..., 2] >= KNOWN).sum(-1) >= LEAST_JOINTS
    return np.flatnonzero(people.posed & ~people.ignored & known & (sides >= LEAST_SIDE))


def keep_bodies(pictures: Sequence[Picture], path: Path) -> Bodies:
    """Write crops of the people in some pictures to a file, and return what is known of them."""
    chosen = [(picture, known_people(picture.people)) for picture in pictures]
    count = sum(len(rows) for _, rows in chosen)
    shape = (count, SIDE, SIDE, 3)
    crops = np.lib.format.open_memmap(path, 'w+', np.uint8, shape)
    boxes, joints = np.zeros((count, 2), np.float32), np.zeros((count, JOINTS, 3), np.float32)
    groups, stretched, at = [], [], 0
    for picture, rows in chosen:
        image = picture.image() if len(rows) else None
        for row in rows:
            assert image is not None
            crops[at], boxes[at], joints[at] = _kept(image, picture.people, int(row))
            groups.append(picture.group)
            stretched.append(picture.stretched)
            at += 1
    crops.flush()
    return Bodies(path, np.array(groups), boxes, joints, np.array(stretched, bool))


def _kept(
    image: Image, people: People, row: int
) -> tuple[Image, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    box = people.boxes[row]
    square = squares(box[None], MARGIN)[0]
    scale = SIDE / square[2]
    joints = people.joints[row].copy()
    joints[:, :2] = (joints[:, :2] - square[:2]) * scale
    return cut(image, square, SIDE), (box[2:] - box[:2]) * scale, joints


def rarity(joints: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return how often to draw people by their posture, relative to those who stand.

    Args:
        joints: (N, 17, 3).
    """
    trunk = _angle(joints, SHOULDERS, HIPS)
    thigh = _angle(joints, HIPS, KNEES)
    return np.where(trunk > LEANING, LYING, np.where(thigh > BENT, SITTING, 1.0))


def _angle(
    joints: npt.NDArray[np.float32], upper: list[int], lower: list[int]
) -> npt.NDArray[np.float64]:
    """Return angles (N,) to the vertical in degrees; 0 where a side's joints are not known."""
    step = joints[:, lower, :2].mean(1) - joints[:, upper, :2].mean(1)
    known = (joints[:, upper + lower, 2] >= KNOWN).all(-1)
    angle = np.degrees(np.arctan2(np.abs(step[:, 0]), step[:, 1]))
    return np.where(known, angle, 0.0)
