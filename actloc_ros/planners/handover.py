"""Find who hands something over, and where the hand is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from actloc_ros.planners.people import Person

HANDS = (('left_elbow', 'left_wrist'), ('right_elbow', 'right_wrist'))


@dataclass(frozen=True, eq=False)
class Hand:
    """Where a wrist is.

    Attributes:
        position: float64 (3,) in m in the planners' frame.
        direction: float64 (3,): from the elbow, of length 1; zeros if the elbow is not known.
    """

    position: np.ndarray
    direction: np.ndarray


def partner(people: Sequence[Person], labels: Collection[str], robot: np.ndarray) -> Person | None:
    """Return who hands something over, the nearest to the robot at (2,) m; None if nobody does."""
    handing = [person for person in people if not person.labels.isdisjoint(labels)]
    return min(handing, key=lambda p: float(np.hypot(*(p.position[:2] - robot))), default=None)


def giving_hand(person: Person, robot: np.ndarray) -> Hand | None:
    """Return the wrist that is nearest to the robot at (2,) m, or None if no wrist is known."""
    hands = [pair for pair in HANDS if pair[1] in person.joints]
    if not hands:
        return None
    elbow, wrist = min(
        hands, key=lambda pair: float(np.hypot(*(person.joints[pair[1]][:2] - robot)))
    )
    position = person.joints[wrist]
    forearm = position - person.joints.get(elbow, position)
    length = float(np.linalg.norm(forearm))
    return Hand(position, forearm / length if length > 0 else np.zeros(3))
