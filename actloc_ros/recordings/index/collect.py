"""Gather what the pipeline reports of one view into the columns of the index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from actloc_ros.alarms.alarm import Alarm
from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.pipeline import FrameResult
from actloc_ros.recordings.index import model
from actloc_ros.recordings.index.appearance import AppearanceMaker, Embedder
from actloc_ros.recordings.index.segments import SegmentMaker, as_vectors
from actloc_ros.recordings.index.thinning import BoxThinner, KeyBox
from actloc_ros.rules.engine import RuleEngine
from actloc_ros.rules.scene import scene_of
from actloc_ros.sinks import Report

MARGIN = 0.1  # of a box's sides: what a picture shows around it
LARGEST = 160  # px: longer side of a picture
QUALITY = 80  # of JPEG, of 100
FORGET = nanoseconds(60.0)  # after which a track that is not seen needs its scores no more
LOOK = 1000  # frames after which such tracks are looked for


class ViewCollector:
    """Takes the reports of one view, in order."""

    def __init__(
        self,
        number: int,
        camera: str,
        zones: Sequence[str] = (),
        engine: RuleEngine | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        """Begin.

        Args:
            number: Of the view in its recording.
            camera: Its name.
            zones: Names of the zones of the rules.
            engine: Applies the rules; None without.
            embedder: Makes vectors of pictures; None without.
        """
        self._number, self._camera = number, camera
        self._zones = {name: index for index, name in enumerate(zones)}
        self._engine = engine
        self._span: tuple[int, int] | None = None
        self._size = 0, 0
        self._frames = 0
        self._tracks: dict[int, _Track] = {}
        self._instances: dict[int, _Instance] = {}
        self._rows: list[tuple] = []
        self._pictures: dict[int, bytes] = {}
        self._stays = _Stays()
        self._appearances = None if embedder is None else AppearanceMaker(embedder)
        self._alarms: dict[str, Alarm] = {}

    def add(self, report: Report) -> None:
        """Take the next report."""
        step = report.step
        if report.frame is not None:
            self._count(step)
            self._add_tracks(step, report.frame)
            self._apply_rules(report)
        for update in step.actions:
            if update.instance_id:
                self._add_instance(update, step, report.frame)
        if self._frames % LOOK == 0:
            self._forget(step.stamp)

    def finish(self, broken: int) -> tuple[model.IndexedView, dict[tuple[int, int], bytes]]:
        """Return the view, and JPEG files by its number and that of the instance.

        Args:
            broken: Frames that could not be decoded.
        """
        assert self._span is not None, 'a source without any frame raises an error'
        if self._engine is not None:
            self._keep_alarms(self._engine.end_all())
        self._stays.finish()
        tracks = dict(sorted(self._tracks.items()))
        keys, joints = _key_columns(tracks)
        segments, vectors = _segment_columns(tracks)
        appearances = {}
        if self._appearances is not None:
            table, pictures = self._appearances.finish()
            appearances = {'appearances': table, 'appearance_vectors': pictures}
        view = model.IndexedView(
            number=self._number,
            camera=self._camera,
            start=self._span[0],
            end=self._span[1],
            frames=self._frames,
            broken=broken,
            width=self._size[0],
            height=self._size[1],
            tracks=np.sort(
                model.rows(model.TRACKS, [track.row(number) for number, track in tracks.items()]),
                order=['start', 'track'],
            ),
            instances=np.sort(model.rows(model.INSTANCES, self._rows), order=['start', 'instance']),
            stays=np.sort(
                model.rows(model.STAYS, self._stays.rows), order=['start', 'track', 'zone']
            ),
            segments=segments,
            vectors=vectors,
            keys=keys,
            joints=joints,
            alarms=_indexed_alarms(self._alarms.values()),
            **appearances,
        )
        return view, {(self._number, number): data for number, data in self._pictures.items()}

    def _count(self, step: FrameResult) -> None:
        start = step.stamp if self._span is None else min(self._span[0], step.stamp)
        end = step.stamp if self._span is None else max(self._span[1], step.stamp)
        self._span, self._size = (start, end), (step.width, step.height)
        self._frames += 1

    def _add_tracks(self, step: FrameResult, frame: Frame) -> None:
        updates: dict[int, InstanceUpdate] = {}
        for update in step.actions:
            known = updates.get(update.track_id)
            # One that ends tells no joints; another of the same track may.
            if update.detected and (known is None or known.joints is None):
                updates[update.track_id] = update
        for number, update in updates.items():
            track = self._tracks.setdefault(number, _Track(step.stamp))
            track.add(step.stamp, update, step.features.get(number))
            if self._appearances is not None and not update.whole_view:
                seen = number, update.box_score, update.box
                self._appearances.add(step.stamp, *seen, frame.image)

    def _apply_rules(self, report: Report) -> None:
        if self._engine is None:
            return
        scene = scene_of(report.message)
        self._keep_alarms(self._engine.step(scene))
        detected = {actor.track_id for actor in scene.actors}
        for zone, inside in self._engine.inside(scene.camera).items():
            self._stays.add(scene.stamp, self._zones[zone], inside, detected)

    def _keep_alarms(self, alarms: Sequence[Alarm]) -> None:
        for alarm in alarms:
            self._alarms[alarm.id] = alarm

    def _add_instance(self, update: InstanceUpdate, step: FrameResult, frame: Frame | None) -> None:
        number = update.instance_id
        if update.state is InstanceState.ENDED:
            instance = self._instances.pop(number, None)
            if instance is not None:
                score = self._tracks[update.track_id].mean_score(update)
                label = update.track_id, update.class_id, update.start, update.end
                self._rows.append((number, *label, score, *instance.box))
                self._pictures[number] = instance.encoded()
            return
        instance = self._instances.setdefault(number, _Instance(update.track_id))
        if frame is not None and update.detected:
            instance.look(float(update.scores[update.class_id]), update.box, frame)

    def _forget(self, stamp: int) -> None:
        busy = {instance.track for instance in self._instances.values()}
        for number, track in self._tracks.items():
            if number not in busy and stamp - track.last > FORGET:
                track.forget_scores()


@dataclass
class _Instance:
    """The best key frame of an instance so far: where its label scores most."""

    track: int
    score: float = -1.0
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    picture: np.ndarray | None = None

    def look(self, score: float, box: Sequence[float], frame: Frame) -> None:
        if score <= self.score:
            return
        x1, y1, x2, y2 = box
        self.score = score
        self.box = x1 / frame.width, y1 / frame.height, x2 / frame.width, y2 / frame.height
        self.picture = _cut_out(frame.image, box)

    def encoded(self) -> bytes:
        assert self.picture is not None, 'an instance begins at a key frame'
        options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        _, data = cv2.imencode('.jpg', cv2.cvtColor(self.picture, cv2.COLOR_RGB2BGR), options)
        return data.tobytes()


def _cut_out(image: np.ndarray, box: Sequence[float]) -> np.ndarray:
    """Return a small picture of a box and what is around it."""
    x1, y1, x2, y2 = box
    across, down = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    height, width = image.shape[:2]
    left, top = max(int(x1 - across), 0), max(int(y1 - down), 0)
    right = min(max(int(x2 + across), left + 1), width)
    bottom = min(max(int(y2 + down), top + 1), height)
    part = image[top:bottom, min(left, width - 1) : right]
    scale = min(LARGEST / max(part.shape[:2]), 1.0)
    size = max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1)
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA) if scale < 1 else part.copy()


class _Track:
    """All that is gathered of one track."""

    def __init__(self, stamp: int) -> None:
        self._first = self.last = stamp
        self._score = 0.0
        self._count = 0
        self._stamps: list[int] = []
        self._actions: list[np.ndarray] = []
        self.thinner, self.segments = BoxThinner(), SegmentMaker()

    def add(self, stamp: int, update: InstanceUpdate, features: np.ndarray | None) -> None:
        if self._count and stamp <= self.last:
            return  # time jumped back, and the localizer gave the same number again
        self.last = stamp
        self._score += update.box_score
        self._count += 1
        self._stamps.append(stamp)
        self._actions.append(np.asarray(update.scores, np.float32))
        self.thinner.add(KeyBox(stamp, update.box, update.joints))
        if features is not None:
            self.segments.add(stamp, features)

    def row(self, number: int) -> tuple:
        return number, self._first, self.last, self._score / self._count, self._count

    def mean_score(self, update: InstanceUpdate) -> float:
        """Return the mean of the scores of an instance's label while it lasted."""
        stamps = np.array(self._stamps, np.int64)
        first, end = np.searchsorted(stamps, [update.start, update.end + 1])
        rows = self._actions[first:end]
        label = update.class_id
        return float(np.mean([row[label] for row in rows] or [update.scores[label]]))

    def forget_scores(self) -> None:
        self._stamps, self._actions = [], []


@dataclass
class _Stays:
    """Who is in which zone, as spans."""

    rows: list[tuple] = field(default_factory=list)
    _open: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def add(self, stamp: int, zone: int, inside: set[int], detected: set[int]) -> None:
        for track in detected:
            key = track, zone
            if track in inside:
                start, _ = self._open.get(key, (stamp, stamp))
                self._open[key] = start, stamp
            elif key in self._open:
                self.rows.append((*key, *self._open.pop(key)))

    def finish(self) -> None:
        self.rows += [(*key, *span) for key, span in self._open.items()]
        self._open.clear()


def _key_columns(tracks: dict[int, _Track]) -> tuple[np.ndarray, np.ndarray | None]:
    kept = [(number, key) for number, t in tracks.items() for key in t.thinner.finish()]
    keys = model.rows(model.KEYS, [(number, key.stamp, *key.box) for number, key in kept])
    known = next((key.joints for _, key in kept if key.joints is not None), None)
    if known is None:
        return keys, None
    none = np.full(known.shape, np.nan, np.float16)
    # As halves a joint of an image 4096 pixels wide is 2 pixels off at most.
    joints = [none if key.joints is None else key.joints.astype(np.float16) for _, key in kept]
    return keys, np.stack(joints)


def _segment_columns(tracks: dict[int, _Track]) -> tuple[np.ndarray, np.ndarray]:
    rows, features = [], []
    for number, track in tracks.items():
        track.segments.finish()
        rows += [(number, *span) for span in track.segments.spans]
        features += track.segments.vectors
    table, vectors = model.rows(model.SEGMENTS, rows), as_vectors(features)
    order = np.lexsort((table['track'], table['start']))
    return table[order], vectors[order] if len(order) else vectors


def _indexed_alarms(alarms: Iterable[Alarm]) -> tuple[model.IndexedAlarm, ...]:
    ordered = sorted(alarms, key=lambda a: (a.start, a.rule, a.track_ids))
    return tuple(
        model.IndexedAlarm(
            number,
            alarm.rule,
            alarm.severity.value,
            alarm.start,
            alarm.end,
            tuple(alarm.track_ids),
            tuple(alarm.labels),
        )
        for number, alarm in enumerate(ordered, 1)
    )
