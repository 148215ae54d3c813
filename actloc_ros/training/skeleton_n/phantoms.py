"""Put tracks of what is nobody among the people: furniture in which a detector finds a person."""

from __future__ import annotations

import numpy as np

from actloc_ros.models.skeleton_n.features import JOINTS, MIN_CONFIDENCE
from actloc_ros.training.skeleton_n.labels import INDEX, NO, UNKNOWN

PHANTOMS = 0.15  # share of the slots without anybody in which one is put
MOST_JOINTS = 0.6  # share of its joints that are found at most


def add_phantoms(
    rng: np.random.Generator,
    sizes: np.ndarray,
    boxes: np.ndarray,
    joints: np.ndarray,
    present: np.ndarray,
    targets: np.ndarray,
    share: float,
) -> None:
    """Fill some empty slots with phantoms, in place: they do nothing.

    Args:
        rng: Draws.
        sizes: (G, 2), pixels.
        boxes: (G, A, T, 4), pixels.
        joints: (G, A, T, 17, 3).
        present: bool (G, A, T).
        targets: uint8 (G, A, T, C).
        share: Of the empty slots.
    """
    moments = present.shape[-1]
    for group, slot in np.argwhere(~present.any(axis=-1) & (rng.random(present.shape[:2]) < share)):
        size = sizes[group]
        height = size[1] * rng.uniform(0.08, 0.6)
        sides = np.array([height * np.exp(rng.uniform(-1.4, 0.7)), height])
        corner = rng.uniform(-0.2, 1, 2) * np.maximum(size - sides, 1)
        still = np.concatenate([corner, corner + sides])
        shake = rng.uniform(0.002, 0.03) * height * rng.standard_normal((moments, 4))
        boxes[group, slot] = np.clip(still + shake, 0, np.tile(size, 2))
        places = corner + sides * rng.uniform(0, 1, (JOINTS, 2))
        places = places + rng.uniform(0.01, 0.15) * height * rng.standard_normal(
            (moments, JOINTS, 2)
        )
        found = rng.random((moments, JOINTS)) < rng.uniform(0, MOST_JOINTS, JOINTS)
        sure = rng.uniform(MIN_CONFIDENCE, 0.5, (moments, JOINTS))
        joints[group, slot, ..., :2] = places
        joints[group, slot, ..., 2] = np.where(found, sure, 0.5 * MIN_CONFIDENCE)
        wide = (boxes[group, slot, :, 2:] - boxes[group, slot, :, :2]).min(axis=-1) > 3
        present[group, slot] = wide & (rng.random(moments) < rng.uniform(0.4, 1))
        targets[group, slot] = NO
        targets[group, slot, :, INDEX['crossing']] = UNKNOWN
