"""Localize people and what moves by classic vision, and say how they move, without any download."""

from __future__ import annotations

from collections.abc import Sequence

from actloc_ros.frames import Frame
from actloc_ros.localizer import Detections, Localizer, LocalizerOptions
from actloc_ros.models.vision.actor_finder import ActorFinder
from actloc_ros.models.vision.kinematics import LABELS


class MotionLocalizer(Localizer):
    """People and moving regions, labelled by how they move against the background.

    Boxes are carried by dense flow, and moving regions are found, at every step; people, who need
    not move, are searched for every `PEOPLE_PERIOD` only, which keeps a step cheap. All speeds are
    per second by stamps, and against the background as a homography explains it, so that a camera
    that turns or goes forward makes no one move.

    `moving_left` and `moving_right` are along x of the optical frame, from 0.15 body heights/s
    on; `approaching` and `receding` from a growth of 0.12 /s on (walking towards the camera from
    8 m); `still` is neither. Someone may approach and move sideways at once. An action's score is
    its probability times the actor's score, which rises with evidence within half a second and
    fades without it within a second or two. Measured on footage with ground truth, almost all
    actors with a score from 0.6 on were real, and half of those from 0.4 to 0.6.
    """

    name = 'motion'
    labels = LABELS
    threshold = 0.5

    def __init__(self, options: LocalizerOptions) -> None:
        self._options = options
        self._cameras: dict[str, ActorFinder] = {}

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take the newest frame of one or more different cameras; see `Localizer`."""
        return [self._camera(frame).step(frame) for frame in frames]

    def reset(self, camera: str | None = None) -> None:
        """Forget the past of one camera, or of all."""
        for name in list(self._cameras) if camera is None else [camera]:
            self._cameras.pop(name, None)

    def _camera(self, frame: Frame) -> ActorFinder:
        camera = self._cameras.get(frame.camera)
        if camera is None:
            camera = self._cameras[frame.camera] = ActorFinder(self._options)
        return camera
