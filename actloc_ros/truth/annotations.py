"""Define annotations: which actors a video shows, where, and when they do what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.frames import NANOSECONDS


class AnnotationError(ValueError):
    """Annotations that cannot be used; the message names file, place, value and what to do."""


@dataclass(frozen=True, eq=False)
class ActorTrack:
    """Where one actor is visible.

    Attributes:
        actor: Number of the actor, unique in its video.
        frames: int64 (N,), indices of frames, rising.
        boxes: float64 (N, 4), x1, y1, x2, y2 of the visible part in pixels, half-open.
        distances: float64 (N,), metres along the optical axis, or None if unknown.
        keypoints: float64 (N, K, 2), x, y in pixels, or None if unknown.
        name: What the annotations call the actor, where that is not its number; for messages.
    """

    actor: int
    frames: np.ndarray
    boxes: np.ndarray
    distances: np.ndarray | None = None
    keypoints: np.ndarray | None = None
    name: str = ''


@dataclass(frozen=True)
class Instance:
    """One action by one actor over stamps start <= stamp < end, in ns from the video's start."""

    actor: int
    label: str
    start: int
    end: int


@dataclass(frozen=True)
class Happening:
    """One action of somebody in a recording: neither who does it is known, nor where.

    Attributes:
        label: The action.
        start: Stamp in ns from the video's start at which it goes on; None: at some time.
        end: Stamp before which it goes on from `start`; None where only one moment is known.
    """

    label: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, eq=False)
class Video:
    """What is known of one video: its file, relative to the JSON, its shape, and its truth.

    Attributes:
        path: Video file or folder of images, relative to the JSON.
        fps: Frames a second.
        width: Of the images, in pixels.
        height: Of the images, in pixels.
        frames: How many there are.
        tracks: Where the actors are visible.
        instances: What they do.
        labelled: int64, rising: the frames of which it is known what they show, where others are
            not; None: all are known.
        happenings: What somebody does, where it is not known who.
    """

    path: str
    fps: float
    width: int
    height: int
    frames: int
    tracks: tuple[ActorTrack, ...]
    instances: tuple[Instance, ...]
    labelled: np.ndarray | None = None
    happenings: tuple[Happening, ...] = ()

    def stamp(self, frame: int) -> int:
        """Return the stamp of a frame in ns from the video's start."""
        return round(frame * NANOSECONDS / self.fps)

    def stamps(self, frames: np.ndarray) -> np.ndarray:
        """Return the stamps of frames (N,) in ns from the video's start: int64 (N,)."""
        return np.rint(frames * float(NANOSECONDS) / self.fps).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Annotations:
    """The content of a file.

    Attributes:
        labels: The action names, in the order of their class ids.
        videos: The videos that use them.
        keypoints: Names of the body points in tracks, in order; may be none.
    """

    labels: tuple[str, ...]
    videos: tuple[Video, ...]
    keypoints: tuple[str, ...] = ()
