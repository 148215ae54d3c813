"""Measure joints in boxes of labelled people: COCO's similarity, and joints within 0.2 trunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from actloc_ros.models.joints_n.crops import Image
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.training.people_n.augment import KNOWN
from actloc_ros.training.people_n.measure import OVERLAP, compare, similarity
from actloc_ros.training.people_n.pictures import Picture

FloatArray = npt.NDArray[np.float32]
LEAST_SIDE, LEAST_JOINTS = 40.0, 6
TRUNK = [5, 6, 11, 12]
BODY = slice(5, 17)  # from shoulders to ankles
CLOSE = 0.2  # trunks

FindJoints = Callable[[Image, FloatArray], FloatArray]
"""An image (H, W, 3) and boxes (N, 4) -> joints (N, 17, 3)."""


@dataclass(frozen=True, eq=False)
class Body:
    """A labelled person of a picture.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        given: (4,), box in which the joints are looked for.
        box: (4,), true one.
        joints: (17, 3), x, y and confidence; 0 where not known.
        group: Set of the picture.
    """

    image: Image
    given: FloatArray
    box: FloatArray
    joints: FloatArray
    group: str


def true_bodies(pictures: Sequence[Picture]) -> list[Body]:
    """Return people who are large enough and have enough known joints, in their true boxes."""
    bodies = []
    for picture in pictures:
        people, image = picture.people, None
        for i in np.flatnonzero(people.posed & ~people.ignored):
            box, joints = people.boxes[i], people.joints[i].copy()
            joints[joints[:, 2] < KNOWN, 2] = 0
            if (box[2:] - box[:2]).max() < LEAST_SIDE or (joints[:, 2] > 0).sum() < LEAST_JOINTS:
                continue
            image = picture.image() if image is None else image
            bodies.append(Body(image, box, box, joints, picture.group))
    return bodies


def found_bodies(
    bodies: Sequence[Body], find: Callable[[Image], FoundPeople]
) -> list[tuple[Body, FloatArray]]:
    """Return the bodies that a detector finds, in its boxes, with the joints that it reports."""
    result = []
    for body in bodies:
        found = find(body.image)
        overlaps = compare(found.boxes, body.box[None])[0][:, 0]
        if len(overlaps) and overlaps.max() >= OVERLAP:
            best = int(overlaps.argmax())
            result.append((replace(body, given=found.boxes[best]), found.joints[best]))
    return result


def turned(body: Body) -> Body:
    """Return a body whose picture is turned by 90 degrees, clockwise."""
    height = body.image.shape[0]

    def moved(points: FloatArray) -> FloatArray:
        return np.stack([height - points[..., 1], points[..., 0]], -1)

    def box(corners: FloatArray) -> FloatArray:
        ends = moved(corners.reshape(2, 2))
        return np.concatenate([ends.min(0), ends.max(0)])

    joints = body.joints.copy()
    joints[:, :2] = moved(joints[:, :2])
    image = np.ascontiguousarray(np.rot90(body.image, -1))
    return Body(image, box(body.given), box(body.box), joints, body.group)


def figures(bodies: Sequence[Body], joints: Sequence[FloatArray]) -> dict[str, float]:
    """Return mean similarity, its share over 0.5, and how many of the body's joints are close.

    Args:
        bodies: N of them.
        joints: Reported ones of each, (17, 3).
    """
    values, close = [], []
    for body, reported in zip(bodies, joints, strict=True):
        values.append(similarity(reported, body.joints, body.box))
        if (body.joints[TRUNK, 2] > 0).all():
            ends = body.joints[TRUNK, :2].reshape(2, 2, 2).mean(1)
            away = np.linalg.norm(reported[:, :2] - body.joints[:, :2], axis=-1)
            near = away < CLOSE * np.linalg.norm(ends[0] - ends[1])
            close.append(near[BODY][body.joints[BODY, 2] > 0])
    if not values:
        return {}
    return {
        'OKS': float(np.mean(values)),
        'OKS>0.5': float((np.array(values) > 0.5).mean()),
        'PCK': float(np.concatenate(close).mean()) if close else 0.0,
    }


def measure(find: FindJoints, bodies: Sequence[Body]) -> dict[str, float]:
    """Return the figures of joints that are found in the given boxes."""
    return figures(bodies, [find(body.image, body.given[None])[0] for body in bodies])
