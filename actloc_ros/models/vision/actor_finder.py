"""Localize people and what moves by classic vision, and say how they move, without any download."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from actloc_ros.frames import Frame, seconds
from actloc_ros.localizer import Detections, LocalizerOptions
from actloc_ros.models.vision.candidates import (
    Candidate,
    add_people,
    add_regions,
    distinct,
)
from actloc_ros.models.vision.hog_people import PeopleDetector
from actloc_ros.models.vision.kinematics import LABELS, TORSO, Kinematics, part
from actloc_ros.models.vision.optical_flow import FlowField
from actloc_ros.models.vision.regions import RegionFinder
from actloc_ros.models.vision.view import MotionView
from actloc_ros.tracks import TrackLinker, TrackOptions

PEOPLE_PERIOD = 0.25  # s between two searches for people
FADING = 1.0  # s after which an actor that nothing confirms has lost most of its score
RISING = 0.3  # s over which evidence becomes a score
LEAST_SCORE = 0.05  # below which an actor is given up that nothing confirms
SHOWN_SCORE = 0.25  # below which an actor is not reported


@dataclass
class MovingActor:
    """Someone or something that is followed.

    Attributes:
        box: float (4,), x1, y1, x2, y2 in pixels of the analysed image.
        score: In [0, 1].
        known: Whether the people detector found it at any time.
        motion: How it moves.
    """

    box: np.ndarray
    score: float
    known: bool = False
    motion: Kinematics = field(default_factory=Kinematics)


class ActorFinder:
    """One camera: its view, and the actors in it.

    Attributes:
        view: The newest frame and its flow.
        actors: Those who are followed, by track id, also those not reported yet.
    """

    def __init__(self, options: LocalizerOptions) -> None:
        self._options = options
        self._linker = TrackLinker(TrackOptions(min_score=0))
        self._begin()

    def _begin(self) -> None:
        """Forget all but which track ids were used."""
        self.view = MotionView(self._options.bridge_gap, self._options.restart_gap)
        self.actors: dict[int, MovingActor] = {}
        self._people, self._regions = PeopleDetector(), RegionFinder()
        self._searched: int | None = None
        self._linker.reset()

    def step(self, frame: Frame) -> Detections:
        """Take the newest frame; start again where it does not continue the ones before."""
        if self.view.breaks(frame):
            self._begin()
        boxes = np.array([actor.box for actor in self.actors.values()]).reshape(-1, 4)
        self.view.update(frame, boxes)
        if self.view.large_enough:
            self._follow(frame.stamp, self._candidates(frame.stamp))
        return self._detections()

    def _candidates(self, stamp: int) -> list[Candidate]:
        """Return where the actors of before must be, who else is found, and what else moves."""
        boxes = {key: self._carry(actor) for key, actor in self.actors.items()}
        scores = {key: actor.score for key, actor in self.actors.items()}
        found = [
            Candidate(boxes[key], known=self.actors[key].known) for key in distinct(boxes, scores)
        ]
        if self._searched is None or seconds(stamp - self._searched) >= PEOPLE_PERIOD - 1e-3:
            since = seconds(stamp - self._searched) if self._searched is not None else 0.0
            people, chances = self._people.detect(self.view.full)
            add_people(found, people / self.view.scale, chances, _share(since, RISING))
            self._searched = stamp
        if self.view.flow is not None:
            regions, evidence = self._regions.update(self.view.flow, self.view.elapsed)
            add_regions(found, regions, evidence, _share(self.view.elapsed, RISING))
        return found

    def _carry(self, actor: MovingActor) -> np.ndarray:
        """Return where the flow takes an actor's box."""
        if self.view.flow is None:
            return actor.box
        return carry(actor.box, self.view.flow, actor.motion.growth, self.view.elapsed)

    def _follow(self, stamp: int, found: list[Candidate]) -> None:
        """Give candidates their tracks, and update the actors by them."""
        boxes = np.array([each.box for each in found]).reshape(-1, 4)
        tracks = self._linker.update(stamp, boxes, np.ones(len(found)))
        before, self.actors = self.actors, {}
        # By rising id: the order of `actors` decides which of two equal ones is kept.
        for track_id, row in tracks.rows():
            candidate = found[row]
            actor = before.get(track_id) or MovingActor(candidate.box, 0.0)
            self._update(actor, candidate)
            if candidate.confirmed or actor.score >= LEAST_SCORE:
                self.actors[track_id] = actor

    def _update(self, actor: MovingActor, candidate: Candidate) -> None:
        elapsed = self.view.elapsed
        actor.box, actor.known = candidate.box, candidate.known
        actor.score += _evidence(actor.score, candidate, elapsed)
        if self.view.flow is not None:
            actor.motion.update(self.view.flow, actor.box, elapsed, actor.known)

    def _detections(self) -> Detections:
        shown = {key: each for key, each in self.actors.items() if each.score >= SHOWN_SCORE}
        boxes = {key: each.box for key, each in shown.items()}
        ids = sorted(distinct(boxes, {key: each.score for key, each in shown.items()}))
        actors = [shown[key] for key in ids]
        places = np.array([actor.box for actor in actors]).reshape(-1, 4) * self.view.scale
        actions = [actor.score * actor.motion.scores() for actor in actors]
        return Detections(
            boxes=places.astype(np.float32),
            scores=np.array([actor.score for actor in actors], np.float32),
            actions=np.array(actions, np.float32).reshape(-1, len(LABELS)),
            clip=self.view.clip,
            track_ids=np.array(ids, np.int64),
        )


def carry(box: np.ndarray, flow: FlowField, growth: float, elapsed: float) -> np.ndarray:
    """Return where flow, and growth in 1/s against the background, take a box in `elapsed` s."""
    middle = part(flow.velocity_in_image, box, TORSO).reshape(-1, 2)
    shift = np.median(middle, 0) * elapsed if len(middle) else np.zeros(2)
    half = (box[2:] - box[:2]) / 2 * np.exp((growth + flow.zoom) * elapsed)
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
