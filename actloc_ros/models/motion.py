"""Localize people and what moves by classic vision, and say how they move, without any download."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from actloc_ros.frames import Frame, seconds
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions
from actloc_ros.models.motion_candidates import (
    Candidate,
    add_people,
    add_regions,
    distinct,
)
from actloc_ros.models.motion_flow import FlowEstimator, FlowField
from actloc_ros.models.motion_kinematics import LABELS, Kinematics
from actloc_ros.models.motion_people import PeopleDetector
from actloc_ros.models.motion_regions import RegionFinder
from actloc_ros.tubes import TubeLinker, TubeOptions

AREA = 320 * 240  # px of the image in which motion is analysed
LEAST_SIDE = 48  # px that it must measure at least, or nothing is looked for
PEOPLE_PERIOD = 0.25  # s between two searches for people
INTERVAL = 0.1  # s between the two frames whose flow is measured
MAX_SHIFT = 6.0  # px: a camera or scene that is faster than that over it is looked at sooner
FADING = 1.0  # s after which an actor that nothing confirms has lost most of its score
RISING = 0.3  # s over which evidence becomes a score
LEAST_SCORE = 0.05  # below which an actor is given up
SHOWN_SCORE = 0.25  # below which an actor is not told to anyone


@dataclass
class Actor:
    """Someone or something that is followed.

    Attributes:
        box: float (4,), x1, y1, x2, y2 in pixels of the analysed image.
        score: In [0, 1].
        motion: How it moves.
    """

    box: np.ndarray
    score: float
    motion: Kinematics = field(default_factory=Kinematics)


class MotionLocalizer(Localizer):
    """People and moving regions, labelled by how they move against the background.

    Actors' boxes and how they move come from dense flow at every step; people are searched for
    every `PEOPLE_PERIOD` and carried by the flow in between. All speeds are per second, by stamps.
    """

    name = 'motion'
    labels = LABELS
    threshold = 0.5

    def __init__(self, options: LocalizerOptions) -> None:
        self._options = options
        self._cameras: dict[str, MotionCamera] = {}

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take the newest frame of one or more different cameras; see `Localizer`."""
        return [self._camera(frame).step(frame) for frame in frames]

    def reset(self, camera: str | None = None) -> None:
        """Forget the past of one camera, or of all."""
        for name in list(self._cameras) if camera is None else [camera]:
            self._cameras.pop(name, None)

    def _camera(self, frame: Frame) -> MotionCamera:
        camera = self._cameras.get(frame.camera)
        if camera is None or camera.breaks(frame):
            camera = self._cameras[frame.camera] = MotionCamera(self._options)
        return camera


class MotionCamera:
    """What is known of one camera's view."""

    def __init__(self, options: LocalizerOptions) -> None:
        self.actors: dict[int, Actor] = {}
        self.flow: FlowField | None = None
        self.grey: np.ndarray | None = None
        self._options = options
        self._size: tuple[int, int] | None = None
        self._past: deque[tuple[int, np.ndarray]] = deque()
        self._interval = INTERVAL
        self._searched: int | None = None
        self._estimator, self._people = FlowEstimator(), PeopleDetector()
        self._regions = RegionFinder()
        self._linker = TubeLinker(TubeOptions())

    def breaks(self, frame: Frame) -> bool:
        """Say whether a frame does not go on from the ones before."""
        if not self._past:
            return False
        gap = seconds(frame.stamp - self._past[-1][0])
        resized = (frame.width, frame.height) != self._size
        return resized or gap <= 0 or gap > self._options.restart_gap

    def step(self, frame: Frame) -> Detections:
        """Take the newest frame."""
        self._size = frame.width, frame.height
        full = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
        zoom = min(1.0, float(np.sqrt(AREA / full.size)))
        size = max(1, round(frame.width * zoom)), max(1, round(frame.height * zoom))
        self.grey = cv2.resize(full, size, interpolation=cv2.INTER_AREA)
        scale = np.array([frame.width / size[0], frame.height / size[1]] * 2)
        reference = self._reference(frame.stamp)
        clip = ClipInfo(reference[0] if reference else frame.stamp, frame.stamp, 2, not reference)
        if min(size) >= LEAST_SIDE:
            elapsed = seconds(frame.stamp - self._past[-1][0]) if self._past else 0.0
            self._measure(reference, frame.stamp, elapsed)
            found = self._candidates(frame.stamp, full, scale, elapsed)
            self._follow(frame.stamp, found, elapsed)
        self._past.append((frame.stamp, self.grey))
        return self._tell(clip, scale)

    def _reference(self, stamp: int) -> tuple[int, np.ndarray] | None:
        """Return the past frame whose age is nearest to the interval at which to measure flow."""
        while len(self._past) > 1 and seconds(stamp - self._past[1][0]) >= INTERVAL:
            self._past.popleft()
        usable = [f for f in self._past if seconds(stamp - f[0]) <= self._options.bridge_gap]
        return min(usable, key=lambda f: abs(seconds(stamp - f[0]) - self._interval), default=None)

    def _measure(
        self, reference: tuple[int, np.ndarray] | None, stamp: int, elapsed: float
    ) -> None:
        """Measure the flow, and choose over which time it is best measured next."""
        self.flow = None
        if reference is None or self.grey is None:
            return
        boxes = np.array([actor.box for actor in self.actors.values()]).reshape(-1, 4)
        interval = seconds(stamp - reference[0])
        self.flow = self._estimator.measure(self.grey, reference[1], interval, boxes)
        speed = float(np.median(np.abs(self.flow.velocity_in_image).sum(2)))
        self._interval = min(INTERVAL, MAX_SHIFT / max(speed, 1e-6))

    def _candidates(
        self, stamp: int, full: np.ndarray, scale: np.ndarray, elapsed: float
    ) -> list[Candidate]:
        boxes = {key: self._carry(actor, elapsed) for key, actor in self.actors.items()}
        scores = {key: actor.score for key, actor in self.actors.items()}
        found = [Candidate(boxes[key], key) for key in distinct(boxes, scores)]
        if self._searched is None or seconds(stamp - self._searched) >= PEOPLE_PERIOD - 1e-3:
            since = seconds(stamp - self._searched) if self._searched is not None else 0.0
            people, chances = self._people.detect(full)
            add_people(found, people / scale, chances, _share(since, RISING))
            self._searched = stamp
        if self.flow is not None:
            regions, evidence = self._regions.update(self.flow, elapsed)
            add_regions(found, regions, evidence, _share(elapsed, RISING))
        return found

    def _carry(self, actor: Actor, elapsed: float) -> np.ndarray:
        """Return where the flow takes an actor's box."""
        if self.flow is None:
            return actor.box
        return carry(actor.box, self.flow, actor.motion.growth, elapsed)

    def _follow(self, stamp: int, found: list[Candidate], elapsed: float) -> None:
        """Give candidates their tracks, and take what is seen into the actors."""
        boxes = np.array([each.box for each in found]).reshape(-1, 4)
        count = len(found)
        clip = ClipInfo(stamp, stamp)
        seen = Detections(boxes, np.ones(count), np.arange(count)[:, None], clip)
        before, self.actors = self.actors, {}
        for linked in self._linker.update(stamp, seen).actors:
            candidate = found[int(linked.actions[0])]
            actor = before.get(linked.track_id) or Actor(candidate.box, 0.0)
            actor.box = candidate.box
            actor.score += _evidence(actor.score, candidate, elapsed)
            evidence = self._regions.evidence
            if self.flow is not None and evidence is not None:
                actor.motion.update(self.flow, actor.box, evidence, elapsed)
            if actor.score >= LEAST_SCORE:
                self.actors[linked.track_id] = actor

    def _tell(self, clip: ClipInfo, scale: np.ndarray) -> Detections:
        shown = {k: a for k, a in self.actors.items() if a.score >= SHOWN_SCORE}
        ids = sorted(
            distinct({k: a.box for k, a in shown.items()}, {k: a.score for k, a in shown.items()})
        )
        actors = [shown[key] for key in ids]
        actions = [actor.score * actor.motion.scores() for actor in actors]
        return Detections(
            boxes=(np.array([a.box for a in actors]).reshape(-1, 4) * scale).astype(np.float32),
            scores=np.array([actor.score for actor in actors], np.float32),
            actions=np.array(actions, np.float32).reshape(-1, len(LABELS)),
            clip=clip,
            track_ids=np.array(ids, np.int64),
        )


def carry(box: np.ndarray, flow: FlowField, growth: float, elapsed: float) -> np.ndarray:
    """Return where flow and growth (1/s) take a box in `elapsed` s."""
    x1, y1, x2, y2 = np.clip(np.round(box), 0, None).astype(int)
    dx, dy = (x2 - x1) // 4, (y2 - y1) // 8
    middle = flow.velocity_in_image[y1 + dy : y2 - 3 * dy, x1 + dx : x2 - dx].reshape(-1, 2)
    shift = np.median(middle, 0) * elapsed if len(middle) else np.zeros(2)
    half = (box[2:] - box[:2]) / 2 * np.exp(growth * elapsed)
    centre = (box[:2] + box[2:]) / 2 + shift
    return np.concatenate([centre - half, centre + half])


def _evidence(score: float, candidate: Candidate, elapsed: float) -> float:
    """Return by how much the score of an actor changes."""
    chance = max(candidate.person or 0.0, candidate.moving or 0.0)
    if candidate.person is not None:
        return (chance - score) * _share(PEOPLE_PERIOD, RISING)
    if candidate.moving is not None and chance > score:
        return (chance - score) * _share(elapsed, RISING)
    return -score * _share(elapsed, FADING)


def _share(elapsed: float, time: float) -> float:
    """Return the weight of something new after `elapsed` s of exponential averaging."""
    return float(1 - np.exp(-elapsed / time))
