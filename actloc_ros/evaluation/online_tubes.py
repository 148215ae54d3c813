"""Gather the tubes that the pipeline makes while frames come in, as a robot would publish them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from actloc_ros.evaluation.boxes import Tube
from actloc_ros.instances import Action, State

GOING_ON = (State.STARTED, State.ONGOING)


class OnlineTubes:
    """Collects each action instance's box and score at each frame while it goes on."""

    def __init__(self, classes: np.ndarray | None) -> None:
        """Begin without tubes.

        Args:
            classes: int64, the ground truth's id of each of the model's classes, or -1; None
                takes all as class 0.
        """
        self._classes = classes
        self._rows: dict[tuple[int, int, int], list[list[float]]] = defaultdict(list)

    def add(self, actions: Sequence[Action], video: int, frame: int, scale: np.ndarray) -> None:
        """Take what a step says.

        Args:
            actions: The step's actions.
            video: Index of the video.
            frame: Number of the frame.
            scale: float (4,), by which boxes are multiplied.
        """
        for action in actions:
            if action.state not in GOING_ON:
                continue
            label = 0 if self._classes is None else int(self._classes[action.class_id])
            if label >= 0:
                key = video, label, action.instance_id
                box = (np.array(action.box) * scale).tolist()
                self._rows[key].append([frame, *box, float(action.scores[action.class_id])])

    def tubes(self) -> tuple[Tube, ...]:
        """Return all tubes; a tube's score is the mean of its frames' scores."""
        return tuple(
            _tube(video, label, np.array(rows)) for (video, label, _), rows in self._rows.items()
        )


def _tube(video: int, label: int, rows: np.ndarray) -> Tube:
    scores = rows[:, 5]
    return Tube(video, label, rows[:, 0].astype(np.int64), rows[:, 1:5], scores.mean(), scores)
