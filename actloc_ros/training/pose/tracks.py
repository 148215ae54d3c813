"""Follow people in labelled recordings as a robot would, and say what is known of each frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.io.media import open_frames
from actloc_ros.models.people.open import PeopleNetwork
from actloc_ros.models.skeleton_n.actions import SkeletonActions, SkeletonSession, SkeletonSpec
from actloc_ros.models.skeleton_n.features import MIRRORED
from actloc_ros.tracks import TrackLinker, TrackOptions
from actloc_ros.training.pose.known_actions import FrameTruth, Truth
from actloc_ros.truth.annotations import Video

CHUNK = 32  # frames that are read at a time
VIEWS = ((False, 1), (True, 1), (False, 2), (True, 2))
"""How each recording is shown: mirrored or not, and every frame or every second one."""


@dataclass(eq=False)
class LabelledTrack:
    """One track in one view of a recording.

    Attributes:
        video: Index of the recording.
        view: Index of the view in `VIEWS`, of which the first shows it as it is.
        features: Of each frame, float32 (FEATURES,).
        elapsed: Seconds since the track's last frame.
        targets: Of each frame, uint8 (C,) of NO, YES and UNKNOWN.
        stamps: Of each frame, in ns.
    """

    video: int
    view: int
    features: list[np.ndarray] = field(default_factory=list)
    elapsed: list[float] = field(default_factory=list)
    targets: list[np.ndarray] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)

    @property
    def plain(self) -> bool:
        """Whether the recording is shown as it is."""
        return self.view == 0


class FeatureRecorder(SkeletonSession):
    """Stands in for a network, and keeps what it is given."""

    def __init__(self, spec: SkeletonSpec) -> None:
        self.spec = spec
        self.given: tuple[np.ndarray, np.ndarray] | None = None

    def step(
        self, features: np.ndarray, elapsed: np.ndarray, state: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Keep the input of a step; see `SkeletonSession`."""
        self.given = features, elapsed
        return np.zeros((len(features), len(self.spec.labels)), np.float32), state


@dataclass(eq=False)
class View:
    """One way to show a recording, with the memory of its tracks.

    Args:
        video: Index of the recording.
        number: Index of the view in `VIEWS`.
        spec: Of the network.
    """

    video: int
    number: int
    spec: SkeletonSpec
    tracks: dict[int, LabelledTrack] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin without tracks."""
        self.mirrored, self.every = VIEWS[self.number]
        self._recorder = FeatureRecorder(self.spec)
        self._actions = SkeletonActions(self._recorder)

    def add(self, moment: Moment) -> None:
        """Take a frame."""
        boxes, joints = moment.boxes, moment.joints
        if self.mirrored:
            width = moment.size[0]
            joints = joints[:, MIRRORED] * [-1, 1, 1] + [width, 0, 0]
            boxes = np.stack(
                [width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], -1
            )
        self._recorder.given = None
        self._actions.update(moment.stamp, moment.size, moment.ids, boxes, joints)
        if self._recorder.given is None:
            return
        for row, track_id in enumerate(moment.ids.tolist()):
            track = self.tracks.setdefault(track_id, LabelledTrack(self.video, self.number))
            track.stamps.append(moment.stamp)
            track.features.append(self._recorder.given[0][row])
            track.elapsed.append(float(self._recorder.given[1][row]))
            track.targets.append(moment.targets[row])


@dataclass(frozen=True, eq=False)
class Moment:
    """The people of a frame, with what is known of them.

    Attributes:
        stamp: In ns.
        size: Width and height in pixels.
        ids: int64 (N,), of tracks.
        boxes: float (N, 4).
        joints: float (N, 17, 3).
        targets: uint8 (N, C).
    """

    stamp: int
    size: tuple[int, int]
    ids: np.ndarray
    boxes: np.ndarray
    joints: np.ndarray
    targets: np.ndarray


def read_tracks(
    sets: Sequence[AnnotatedVideos],
    people: PeopleNetwork,
    spec: SkeletonSpec,
    labels: tuple[str, ...],
    rate: float,
    truth_of: Callable[[Video, tuple[str, ...], tuple[str, ...]], FrameTruth] = Truth,
    first: int = 0,
) -> list[LabelledTrack]:
    """Return the tracks of all recordings in all views.

    Joints are those that the network finds, also where others are annotated: on a robot, too, the
    actions are read from its joints.

    Args:
        sets: The recordings.
        people: Finds people, as on a robot.
        spec: Of the network to train.
        labels: Of the targets.
        rate: Frames a second that are used, at most.
        truth_of: Makes what is known of a recording of its annotations, the labels of the targets,
            and those that the annotations use.
        first: Index of the first recording.
    """
    tracks: list[LabelledTrack] = []
    number = first
    for videos in sets:
        for video in videos.videos:
            views = [View(number, view, spec) for view in range(len(VIEWS))]
            truth = truth_of(video, labels, videos.labels)
            for index, moment in enumerate(moments(videos, video, people, truth, rate)):
                for view in views:
                    if index % view.every == 0:
                        view.add(moment)
            tracks += [track for view in views for track in view.tracks.values()]
            number += 1
    return tracks


def frame_numbers(video: Video, rate: float) -> np.ndarray:
    """Return the frames (N,) of a recording that are used at this rate."""
    stride = max(1, int(np.ceil(video.fps / rate - 1e-3)))
    return np.arange(0, video.frames, stride)


def moments(
    videos: AnnotatedVideos, video: Video, people: PeopleNetwork, truth: FrameTruth, rate: float
) -> Iterator[Moment]:
    """Yield the frames of a recording, with people on tracks as `PoseLocalizer` has them."""
    linker = TrackLinker(TrackOptions(min_score=people.threshold))
    least = people.weakest
    frames = open_frames(videos.folder / video.path)
    numbers = frame_numbers(video, rate).tolist()
    for first in range(0, len(numbers), CHUNK):
        part = numbers[first : first + CHUNK]
        for number, image in zip(part, frames.read(part), strict=True):
            found = people.detect(image, least)
            stamp = video.stamp(number)
            tracks = linker.update(stamp, found.boxes, found.scores).rows()
            followed = people.refine(image, found[[row for _, row in tracks]])
            height, width = image.shape[:2]
            scale = np.array([video.width / width, video.height / height] * 2)
            yield Moment(
                stamp,
                (width, height),
                np.array([track_id for track_id, _ in tracks], np.int64),
                followed.boxes,
                followed.joints,
                truth.targets(number, followed.boxes * scale, followed.scores),
            )
    frames.close()


def with_labels(spec: SkeletonSpec, more: Sequence[str]) -> SkeletonSpec:
    """Return a network's description with further labels, whose thresholds are 0.5."""
    new = tuple(label for label in dict.fromkeys(more) if label not in spec.labels)
    thresholds = (*spec.thresholds, *(0.5 for _ in new))
    return replace(spec, labels=(*spec.labels, *new), thresholds=thresholds)
