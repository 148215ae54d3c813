"""Collect the joints of people in labelled recordings, and make clips of them as a robot does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.frames import nanoseconds
from actloc_ros.models.entry import Entry
from actloc_ros.models.graphs.actions import Window, for_layout, shows
from actloc_ros.models.graphs.history import JointHistory
from actloc_ros.models.graphs.inputs import make_clips
from actloc_ros.models.graphs.layouts import LAYOUTS
from actloc_ros.models.graphs.streams import KNOWN
from actloc_ros.models.people.open import PeopleNetwork
from actloc_ros.models.skeleton_n.features import MIRRORED
from actloc_ros.training.pose.known_actions import Truth
from actloc_ros.training.pose.tracks import Moment, moments
from actloc_ros.training.skeleton_n.labels import UNKNOWN, YES

SPACING = nanoseconds(0.5)  # of clips to measure on: as often as a robot classifies


@dataclass(frozen=True, eq=False)
class JointTrack:
    """One person of a recording over T frames.

    Attributes:
        video: Index of the recording.
        size: Width and height of its images in pixels.
        stamps: int64 (T,), in ns, rising.
        joints: float32 (T, 17, 3), COCO's, x and y in pixels, confidence.
        targets: uint8 (T, C) of NO, YES and UNKNOWN.
    """

    video: int
    size: tuple[int, int]
    stamps: np.ndarray
    joints: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class Change:
    """How a clip differs from what was seen.

    Attributes:
        mirrored: Whether left and right are exchanged.
        scale: Factor of the body's size, about the middle of its joints.
        shift: In widths and heights of the image.
        speed: Factor of the motion's speed.
        noise: Standard deviation of joints' places, in heights of the body.
        seed: Of the noise.
    """

    mirrored: bool = False
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    speed: float = 1.0
    noise: float = 0.0
    seed: int = 0

    @classmethod
    def draw(cls, random: np.random.Generator) -> Change:
        """Return a change by chance."""
        return cls(
            mirrored=bool(random.random() < 0.5),
            scale=float(random.uniform(0.7, 1.4)),
            shift=(float(random.uniform(-0.2, 0.2)), float(random.uniform(-0.1, 0.1))),
            speed=float(random.uniform(0.8, 1.25)),
            noise=0.01,
            seed=int(random.integers(2**31)),
        )


AS_SEEN = Change()


@dataclass(frozen=True, eq=False)
class Ends:
    """N moments at which clips end.

    Attributes:
        tracks: int64 (N,), index of the track.
        frames: int64 (N,), index of the frame in it.
        targets: uint8 (N, C) of what is known of the person then.
        videos: int64 (N,), index of the recording.
    """

    tracks: np.ndarray
    frames: np.ndarray
    targets: np.ndarray
    videos: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Ends:
        """Return some of them, by a mask or by indices."""
        return Ends(self.tracks[rows], self.frames[rows], self.targets[rows], self.videos[rows])


def read_joint_tracks(
    sets: Sequence[AnnotatedVideos],
    people: PeopleNetwork,
    labels: tuple[str, ...],
    rate: float,
    first: int = 0,
) -> list[JointTrack]:
    """Return everybody in all recordings; joints are those that the network finds, as on a robot.

    Args:
        sets: The recordings.
        people: Finds people and joints.
        labels: Of the targets.
        rate: Frames a second that are used, at most.
        first: Index of the first recording.
    """
    tracks: list[JointTrack] = []
    number = first
    for videos in sets:
        for video in videos.videos:
            truth = Truth(video, labels, videos.labels)
            tracks += _of_moments(number, list(moments(videos, video, people, truth, rate)))
            number += 1
    return tracks


def _of_moments(video: int, seen: Sequence[Moment]) -> list[JointTrack]:
    """Return the tracks of a recording that are longer than one frame."""
    rows: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = {}
    for moment in seen:
        for row, track_id in enumerate(moment.ids.tolist()):
            part = moment.stamp, moment.joints[row], moment.targets[row]
            rows.setdefault(track_id, []).append(part)
    tracks = []
    for parts in rows.values():
        if len(parts) > 1:
            stamps, joints, targets = zip(*parts, strict=True)
            tracks.append(
                JointTrack(
                    video,
                    seen[0].size,
                    np.array(stamps, np.int64),
                    np.stack(joints).astype(np.float32),
                    np.stack(targets),
                )
            )
    return tracks


def clip_ends(tracks: Sequence[JointTrack]) -> Ends:
    """Return all moments at which something is known of a person who was seen before."""
    found = [
        (number, frame)
        for number, track in enumerate(tracks)
        for frame in range(1, len(track.stamps))
        if (track.targets[frame] != UNKNOWN).any() and shows(track.joints[: frame + 1])
    ]
    numbers, frames = np.array(found, np.int64).reshape(-1, 2).T
    targets = [tracks[number].targets[frame] for number, frame in found]
    classes = tracks[0].targets.shape[1] if tracks else 0
    return Ends(
        numbers,
        frames,
        np.array(targets, np.uint8).reshape(-1, classes),
        np.array([tracks[number].video for number, _ in found], np.int64),
    )


def spaced(ends: Ends, tracks: Sequence[JointTrack], most: int) -> Ends:
    """Return moments as far apart in each track as a robot classifies; evenly fewer above `most`.

    Args:
        ends: In the order of `clip_ends`.
        tracks: That they are of.
        most: How many.
    """
    kept, last = [], (-1, 0)
    for row, (number, frame) in enumerate(zip(ends.tracks, ends.frames, strict=True)):
        stamp = int(tracks[number].stamps[frame])
        if number != last[0] or stamp - last[1] >= SPACING:
            kept.append(row)
            last = int(number), stamp
    rows = np.array(kept, np.int64)
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]
    return ends[rows]


def make_clip(
    track: JointTrack, frame: int, entry: Entry, change: Change = AS_SEEN
) -> np.ndarray | None:
    """Return the clip that ends at a frame, float32 (3, T, V, M), or None if no joint is known.

    Args:
        track: Of the person.
        frame: Index in it.
        entry: Of the network.
        change: How the clip differs from what was seen.
    """
    how = entry.skeleton
    assert how is not None
    window, layout = Window.of(entry), LAYOUTS[how.layout]
    end = track.stamps[frame]
    stamps = end + ((track.stamps[: frame + 1] - end) / change.speed).astype(np.int64)
    first = max(0, int(np.searchsorted(stamps, end - window.length, 'right')) - 1)
    joints = for_layout(_changed(track.joints[first : frame + 1], track.size, change), layout)
    history = JointHistory(window.length, layout.confident)
    for stamp, body in zip(stamps[first:].tolist(), joints, strict=True):
        history.add(stamp, body)
    seen = window.read(history, int(end))
    if not shows(seen):
        return None
    clip: np.ndarray = make_clips(seen[None], how, entry.frames, track.size)[0]
    return clip.astype(np.float32)


def _changed(joints: np.ndarray, size: tuple[int, int], change: Change) -> np.ndarray:
    """Return COCO's joints (T, 17, 3) in another place and size, noisy, or mirrored."""
    if change == AS_SEEN:
        return joints
    known = joints[..., 2] > KNOWN
    changed = joints.copy()
    if not known.any():
        return changed
    places = changed[known][:, :2]
    middle, height = places.mean(0), float(np.ptp(places[:, 1]))
    random = np.random.default_rng(change.seed)
    shift = np.array(change.shift, np.float32) * size
    moved = (changed[..., :2] - middle) * change.scale + middle + shift
    moved += random.normal(0, change.noise * height * change.scale, moved.shape)
    changed[..., :2] = moved
    if change.mirrored:
        changed = changed[:, MIRRORED]
        changed[..., 0] = size[0] - changed[..., 0]
    return changed


def labels_shown(ends: Ends) -> dict[int, frozenset[int]]:
    """Return which labels each recording shows, by its index, where anything is known of it."""
    return {
        int(video): frozenset(
            np.flatnonzero((ends.targets[ends.videos == video] == YES).any(0)).tolist()
        )
        for video in np.unique(ends.videos)
    }
