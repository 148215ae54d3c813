"""Say where actors are: anchors of boxes in the image, and points on the ground in m."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actloc_ros.rules.file.model import Ground
from actloc_ros.rules.homography import fit_homography, to_ground
from actloc_ros.rules.scene import Actor, Scene
from actloc_ros.rules.shapes import points_of


@dataclass(frozen=True)
class Places:
    """Where K actors are.

    Attributes:
        image: Of each anchor, float64 (K, 2) shares of the image.
        metres: float64 (K, 2) in `frame`; NaN where not known.
        frame: Of `metres`; empty where no metres are known.
        elsewhere: How many actors have poses in another frame, which are not used.
    """

    image: dict[str, np.ndarray]
    metres: np.ndarray
    frame: str
    elsewhere: int = 0


class Placer:
    """Places the actors of one camera: by its ground if there is one, else by their poses.

    Poses count in one frame alone: that of the zones and lines in metres, else the first that
    comes. So positions of a track never jump between two ways of measuring.
    """

    def __init__(self, ground: Ground | None, frame: str) -> None:
        self._frame = frame
        self._matrix: np.ndarray | None = None
        if ground is not None:
            self._matrix = fit_homography(points_of(ground.image), points_of(ground.metres))
            self._frame = ground.frame

    @property
    def frame(self) -> str:
        """Frame of metres; empty where none are known yet."""
        return self._frame

    def place(self, scene: Scene, boxes: np.ndarray) -> Places:
        """Return where the scene's actors are, whose boxes are float64 (K, 4) in pixels."""
        shares = boxes / (scene.width, scene.height, scene.width, scene.height)
        center = (shares[:, :2] + shares[:, 2:]) / 2
        bottom = center.copy()
        bottom[:, 1] = shares[:, 3]
        image = {'bottom_center': bottom, 'center': center}
        if self._matrix is not None:
            metres = to_ground(self._matrix, bottom)
            return Places(image, metres, self._frame)
        metres, elsewhere = self._poses(scene.actors)
        return Places(image, metres, self._frame, elsewhere)

    def _poses(self, actors: Sequence[Actor]) -> tuple[np.ndarray, int]:
        metres, elsewhere = np.full((len(actors), 2), np.nan), 0
        for row, actor in enumerate(actors):
            if actor.position is None:
                continue
            self._frame = self._frame or actor.frame
            if actor.frame == self._frame:
                metres[row] = actor.position
            else:
                elsewhere += 1
        return metres, elsewhere
