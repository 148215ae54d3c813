"""Give the joints that another node finds to the frame that they belong to."""

from __future__ import annotations

import numpy as np

from actloc_ros.localizer import PersonJoints
from actloc_ros.ros.localizer_node.awaited import AwaitedInput

FARTHEST = 1e6  # pixels, or widths of an image: no image is as large


class JointsInput(AwaitedInput[PersonJoints]):
    """The people and joints of all cameras, by stamp: what subscribers put, models take."""

    def joints(self, camera: str, stamp: int) -> PersonJoints | None:
        """Return who came for a stamp in ns, waiting for them; None where nothing comes."""
        return self.take(camera, stamp)

    def put(self, camera: str, stamp: int, people: PersonJoints) -> None:
        """Keep who is in a frame; those put before for the same stamp are replaced."""
        arrays = people.joints, people.scores, people.boxes, people.places
        self.keep(camera, stamp, people, sum(a.nbytes for a in arrays if a is not None))

    def usable(self, camera: str, people: PersonJoints) -> PersonJoints:
        """Return those whose numbers are all possible; count and report the others."""
        joints, scores = people.joints, people.scores
        fits = np.isfinite(joints).all(axis=(1, 2)) & (scores >= 0) & (scores <= 1)
        fits &= (np.abs(joints[..., :2]) < FARTHEST).all(axis=(1, 2))
        fits &= ((joints[..., 2] >= 0) & (joints[..., 2] <= 1)).all(axis=1)
        boxes = people.boxes
        if boxes is not None:
            fits &= np.isfinite(boxes).all(axis=1) & (np.abs(boxes) < FARTHEST).all(axis=1)
        if fits.all():
            return people
        row = int(np.argmin(fits))
        self.note_broken(
            camera, int((~fits).sum()), f'joints {joints[row].tolist()} with score {scores[row]}'
        )
        kept = None if boxes is None else boxes[fits]
        places = None if people.places is None else people.places[fits]
        return PersonJoints(joints[fits], scores[fits], kept, people.relative, places)
