"""Merge what different sources say of where actors are: one candidate for each actor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.boxes import area, intersection

SAME = 0.3  # IoU from which boxes of two sources are of one actor
INSIDE = 0.6  # share of the smaller box within the larger from which they do, too
DOUBLE = 0.5  # IoU from which two followed actors are one
NESTED = 0.7  # share of the smaller box within the larger from which they are, too
FRAGMENT = 0.5  # of the actor's area: a smaller region is a limb and not the actor


@dataclass(eq=False)
class Candidate:
    """Where an actor may be.

    Attributes:
        box: float (4,), x1, y1, x2, y2.
        person: Probability of a person by the people detector; None if it detects none.
        known: Whether the people detector detected this actor at any time.
        moving: Evidence of motion in [0, 1]; None if nothing moves.
    """

    box: np.ndarray
    person: float | None = None
    moving: float | None = None
    known: bool = False

    @property
    def confirmed(self) -> bool:
        """Whether a person or motion is detected there."""
        return self.person is not None or self.moving is not None


def distinct(boxes: dict[int, np.ndarray], scores: dict[int, float]) -> list[int]:
    """Return the keys of boxes without doubles, best first; the better one stays."""
    kept: list[int] = []
    for key in sorted(boxes, key=lambda key: (-scores[key], key)):
        if not any(_double(boxes[key], boxes[other]) for other in kept):
            kept.append(key)
    return kept


def add_people(found: list[Candidate], boxes: np.ndarray, chances: np.ndarray, gain: float) -> None:
    """Add people to `found`; the box of one already there moves towards the new one by `gain`."""
    for index in np.argsort(-chances, kind='stable'):
        box, chance = boxes[index], float(chances[index])
        fits = [overlaps(box, other.box)[0] if other.person is None else 0.0 for other in found]
        best = int(np.argmax(fits)) if fits else -1
        if best >= 0 and fits[best] >= SAME:
            found[best].box = found[best].box + gain * (box - found[best].box)
            found[best].person, found[best].known = chance, True
        else:
            found.append(Candidate(box, person=chance, known=True))


def add_regions(
    found: list[Candidate], boxes: np.ndarray, evidence: np.ndarray, gain: float
) -> None:
    """Add moving regions; one that is an actor's corrects its box by `gain`, or is its limb.

    A region that holds several people that the people detector never found makes them one.
    """
    for box, weight in zip(boxes, evidence, strict=True):
        owners = [other for other in found if _belongs_to(box, other.box)]
        for owner in owners:
            owner.moving = max(owner.moving or 0.0, float(weight))
        if not owners:
            found.append(Candidate(box, moving=float(weight)))
            continue
        if not any(owner.known for owner in owners):
            for owner in owners[1:]:
                found.remove(owner)
            del owners[1:]
        if len(owners) == 1 and area(box) > FRAGMENT * area(owners[0].box):
            owners[0].box = owners[0].box + gain * (box - owners[0].box)


def overlaps(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return intersection over union, and over the smaller one."""
    shared = float(intersection(first, second))
    one, two = float(area(first)), float(area(second))
    return shared / max(one + two - shared, 1e-9), shared / max(min(one, two), 1e-9)


def _double(first: np.ndarray, second: np.ndarray) -> bool:
    union, smaller = overlaps(first, second)
    return union >= DOUBLE or smaller >= NESTED


def _belongs_to(region: np.ndarray, actor: np.ndarray) -> bool:
    union, smaller = overlaps(region, actor)
    return union >= SAME or smaller >= INSIDE
