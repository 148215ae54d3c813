"""Keep what was seen of actors, to tell in hindsight what they did."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from actloc_ros.frames import Frame, without_pixels
from actloc_ros.localizer import ClipInfo, Detections
from actloc_ros.models.actor_following import Glance
from actloc_ros.models.actor_memory import ActorMemory
from actloc_ros.models.actor_record import gather, told
from actloc_ros.models.clip_localizer import to_detections
from actloc_ros.models.stream_decode import scored
from actloc_ros.models.weights import Entry


@dataclass(frozen=True, eq=False)
class Kept:
    """One frame of one camera.

    Attributes:
        frame: Without its pixels.
        clip: The clip behind what was said of it.
        glance: Whom it showed.
        life: How often the camera's past was forgotten before.
    """

    frame: Frame
    clip: ClipInfo
    glance: Glance
    life: int


class History:
    """All frames of all cameras since it began, in their order."""

    def __init__(self) -> None:
        self.frames: list[Kept] = []
        self._lives: dict[str, int] = defaultdict(int)

    def add(self, frame: Frame, clip: ClipInfo, glance: Glance) -> None:
        """Keep a frame."""
        life = self._lives[frame.camera]
        self.frames.append(Kept(without_pixels(frame), clip, glance, life))

    def forget(self, camera: str) -> None:
        """Note that what comes has nothing to do with what this camera saw before."""
        self._lives[camera] += 1

    def look_back(self, memory: ActorMemory, entry: Entry) -> list[Detections]:
        """Return what the frames show, with what came after them known, and drop them."""
        lives: dict[tuple[str, int], list[int]] = defaultdict(list)
        for place, kept in enumerate(self.frames):
            lives[kept.frame.camera, kept.life].append(place)
        found: dict[int, Detections] = {}
        for own in lives.values():
            record = gather([self.frames[place].glance for place in own])
            _, (actor, actions) = told(record, memory)
            counts = [len(self.frames[place].glance.ids) for place in own]
            parts = (x.split(counts) for x in (record.boxes, actor, actions))
            for place, *part in zip(own, *parts, strict=True):
                kept = self.frames[place]
                found[place] = to_detections(scored(*part), kept.frame, entry, kept.clip)
        self.frames = []
        return [found[place] for place in range(len(found))]
