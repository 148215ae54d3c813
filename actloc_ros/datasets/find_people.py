"""Detect and track the people in a clip that has no boxes."""

from __future__ import annotations

import os

import numpy as np
import torch

from actloc_ros.boxes import clip, has_area
from actloc_ros.frames import Frame
from actloc_ros.io.media import Frames
from actloc_ros.models.detectors.base import DeviceImage, PersonDetector
from actloc_ros.models.detectors.hog import HogDetector
from actloc_ros.models.detectors.people_networks import PeopleNetworkDetector
from actloc_ros.models.detectors.torchvision_detectors import open_network_detector
from actloc_ros.models.people.open import names_people, open_people
from actloc_ros.tracks import TrackLinker, TrackOptions
from actloc_ros.truth.annotations import ActorTrack, Video

HOG = 'hog'
CHUNK = 32  # frames that are read at a time


class PeopleFinder:
    """Finds people by one detector in any number of clips.

    Args:
        detector: `hog`; `people_n`, or the path of a file as `models.people.open` has it; or the
            name of a detection network of torchvision or of its weights.

    Raises:
        ModelError: There is no such detector, or its weights are not here.
    """

    def __init__(self, detector: str) -> None:
        device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
        self._device = device
        self._detector = _open_detector(detector, device)

    def find(self, frames: Frames, video: Video) -> tuple[tuple[ActorTrack, ...], int]:
        """Return each person's track, and the actor whose scores have the highest sum.

        People are tracked as in the two-stage models. The actor is 0 where there are no people.
        """
        linker = TrackLinker(TrackOptions(min_score=self._detector.sure_score))
        self._detector.reset(video.path)
        found: dict[int, list[tuple[int, np.ndarray]]] = {}
        worth: dict[int, float] = {}
        for first in range(0, video.frames, CHUNK):
            numbers = range(first, min(first + CHUNK, video.frames))
            for number, image in zip(numbers, frames.read(numbers), strict=True):
                frame = Frame(video.path, video.stamp(number), image)
                tensor = torch.from_numpy(image).permute(2, 0, 1).to(self._device)
                [people] = self._detector.detect([DeviceImage(frame, tensor)])
                update = linker.update(frame.stamp, people.boxes, people.scores)
                for track_id, row in update.rows():
                    found.setdefault(track_id, []).append((number, people.boxes[row]))
                    worth[track_id] = worth.get(track_id, 0.0) + float(people.scores[row])
        frames.close()
        tracks = (_track(number, rows, video) for number, rows in sorted(found.items()))
        kept = tuple(track for track in tracks if len(track.frames))
        return kept, max((track.actor for track in kept), key=lambda actor: worth[actor], default=0)


def _open_detector(name: str, device: torch.device) -> PersonDetector:
    if name == HOG:
        return HogDetector()
    if names_people(name):
        return PeopleNetworkDetector(open_people(name, 'auto', os.cpu_count() or 1))
    return open_network_detector(name, device)


def _track(number: int, rows: list[tuple[int, np.ndarray]], video: Video) -> ActorTrack:
    """Return one person's boxes, cut at the image's edge."""
    boxes = np.array([box for _, box in rows], float)
    boxes = clip(boxes.round(1), video.width, video.height)
    inside = has_area(boxes)
    return ActorTrack(number, np.array([frame for frame, _ in rows])[inside], boxes[inside])
