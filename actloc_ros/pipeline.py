"""Turn frames into action instances, live and offline alike."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from actloc_ros.boxes import clip, has_area
from actloc_ros.frames import Frame, seconds
from actloc_ros.instances import InstanceOptions, InstanceTracker, InstanceUpdate, TrackedActor
from actloc_ros.localizer import ClipInfo, Detections, Localizer, ReportsTiming
from actloc_ros.tracks import TrackLinker, TrackOptions, TrackUpdate

MAX_LATENESS = 0.5  # s: what is late by less is out of order; by more, time has jumped back


@dataclass(frozen=True)
class Timing:
    """How long a step took.

    Attributes:
        infer: Time in s that the localizer took, for all cameras of the batch together.
        preprocess: Of it, the time in s from images to the model's input; 0 if not measured.
        link: Time in s that tracks and instances of this camera took.
    """

    infer: float = 0.0
    preprocess: float = 0.0
    link: float = 0.0


@dataclass(frozen=True, eq=False)
class FrameResult:
    """What one key frame of one camera gave.

    Attributes:
        camera: The camera's name.
        stamp: The key frame's stamp in ns.
        frame_id: Its coordinate frame.
        width: Its width in pixels.
        height: Its height in pixels.
        clip: The clip behind the result.
        actions: By rising track id and class id; instances of lost actors that end come first.
        timing: How long it took; zero where a restart ended what was open.
        restart: Whether this step only ends what was open, at the last key frame before the
            camera's past was forgotten.
        features: float32 (D,) of each detected track, by id: `Detections.features`. Empty where
            the localizer offers none.
    """

    camera: str
    stamp: int
    frame_id: str
    width: int
    height: int
    clip: ClipInfo
    actions: tuple[InstanceUpdate, ...]
    timing: Timing = field(default_factory=Timing)
    restart: bool = False
    features: Mapping[int, np.ndarray] = field(default_factory=dict)


class Pipeline:
    """Takes frames of one or more cameras in the order they came, and reports what happens in them.

    A camera's past is forgotten, and all that was open in it is ended first, where time jumps back
    by `max_lateness` or more (a looped recording), where no frame came for more than `restart_gap`,
    and where the image's size changes (nothing says whether the new image is scaled or cropped).
    Track and instance ids go on from there: within a pipeline's life no id of a camera is used
    twice. A frame that is late by less is dropped.

    Attributes:
        name: What messages call the model.
        labels: Action names; the index of a label is its class id.
        threshold: The localizer's score in [0, 1] from which an action counts as detected.
        joint_names: Names of the joints in its results, in order; may be none.
        repeated: Frames that were dropped since their stamp repeats the one before, by camera.
        unstamped: Frames that were dropped since their stamp is zero after one that was not.
        late: Frames that were dropped since their stamp is before the last, by less than
            `max_lateness`, by camera.
        restarts: How often a camera's past was forgotten, by camera.
    """

    def __init__(
        self,
        localizer: Localizer,
        tracks: TrackOptions | None = None,
        instances: InstanceOptions | None = None,
        restart_gap: float = 2.0,
        max_lateness: float = MAX_LATENESS,
    ) -> None:
        if not restart_gap > 0:
            raise ValueError(f'restart_gap is {restart_gap} s; it must be above 0 s')
        if not max_lateness >= 0:
            raise ValueError(f'max_lateness is {max_lateness} s; it must be 0 s or more')
        self.name, self.labels = localizer.name, tuple(localizer.labels)
        self.threshold, self.joint_names = localizer.threshold, tuple(localizer.joint_names)
        self.repeated: dict[str, int] = {}
        self.unstamped: dict[str, int] = {}
        self.late: dict[str, int] = {}
        self.restarts: dict[str, int] = {}
        self._localizer = localizer
        self._tracks, self._instances = tracks or TrackOptions(), instances or InstanceOptions()
        self._restart_gap, self._max_lateness = restart_gap, max_lateness
        self._cameras: dict[str, _Camera] = {}
        self._ended: list[FrameResult] = []
        self._new_camera()  # refuses options that do not fit the labels before any frame comes

    def configure(
        self, tracks: TrackOptions | None = None, instances: InstanceOptions | None = None
    ) -> None:
        """Use other options from now on; tracks and instances go on.

        Raises:
            ValueError: The options do not fit the labels; nothing is changed then.
        """
        before = self._tracks, self._instances
        self._tracks, self._instances = tracks or self._tracks, instances or self._instances
        try:
            self._new_camera()
        except ValueError:
            self._tracks, self._instances = before
            raise
        for camera in self._cameras.values():
            camera.linker.options = self._tracks
            camera.tracker.configure(self._instances)

    def step(self, frames: Sequence[Frame]) -> list[FrameResult]:
        """Take the newest frame of one or more different cameras, as one batch.

        Returns:
            First the steps that end what was open where a camera starts again, then one step for
            each frame that was not dropped, in the order of `frames`.

        Raises:
            ValueError: Two frames of one camera.
            LocalizerError: The localizer's answer is malformed.
        """
        names = [frame.camera for frame in frames]
        if len(set(names)) < len(names):
            raise ValueError(f'one batch holds at most one frame of each camera, not {names}')
        accepted = [frame for frame in frames if self._accept(frame)]
        steps = self._infer(accepted) if accepted else []
        # Only now: were the localizer to fail, the next step still says what had ended.
        ended, self._ended = self._ended, []
        return ended + steps

    def reset(self, camera: str | None = None) -> list[FrameResult]:
        """Forget the past of one camera, or of all; return steps that end what was open."""
        for name in list(self._cameras) if camera is None else [camera]:
            self._forget(name)
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Free the localizer; the pipeline cannot be used any more."""
        self._localizer.close()

    def _accept(self, frame: Frame) -> bool:
        """Return whether a frame is to be used, after starting its camera again where needed."""
        camera = self._cameras.setdefault(frame.camera, self._new_camera())
        last = camera.last
        if last is not None:
            if frame.stamp == last.stamp:
                _count(self.repeated, frame.camera)
                return False
            if frame.stamp == 0:  # unset: a driver's fault, and no jump back by decades
                _count(self.unstamped, frame.camera)
                return False
            if 0 < seconds(last.stamp - frame.stamp) < self._max_lateness:
                _count(self.late, frame.camera)
                return False
            if self._breaks(last, frame):
                self._forget(frame.camera)
                _count(self.restarts, frame.camera)
        camera.last = _key(frame)
        return True

    def _breaks(self, last: FrameResult, frame: Frame) -> bool:
        gap = seconds(frame.stamp - last.stamp)
        resized = (frame.width, frame.height) != (last.width, last.height)
        return gap < 0 or gap > self._restart_gap or resized

    def _infer(self, frames: list[Frame]) -> list[FrameResult]:
        began = time.perf_counter()
        results = self._localizer.step(frames)
        infer = time.perf_counter() - began
        if len(results) != len(frames):
            raise LocalizerError(
                f'{self.name} gave {len(results)} results for {len(frames)} frames'
            )
        checked = [
            self._check(frame, result) for frame, result in zip(frames, results, strict=True)
        ]
        return [
            self._link(frame, detections, infer)
            for frame, detections in zip(frames, checked, strict=True)
        ]

    def _link(self, frame: Frame, detections: Detections, infer: float) -> FrameResult:
        began = time.perf_counter()
        camera = self._cameras[frame.camera]
        tracks = camera.linker.update(
            frame.stamp, detections.boxes, detections.scores, detections.track_ids
        )
        actors = _tracked_actors(tracks, detections)
        actions = camera.tracker.update(frame.stamp, actors, tracks.lost)
        timing = Timing(infer, _preprocess_time(self._localizer), time.perf_counter() - began)
        camera.last = replace(_key(frame), clip=detections.clip, actions=actions, timing=timing)
        return replace(camera.last, features=_features(tracks, detections))

    def _check(self, frame: Frame, found: Detections) -> Detections:
        """Return what lies inside the image; refuse what is malformed."""
        count, classes = len(found), len(self.labels)
        shapes = found.boxes.shape, found.scores.shape, found.actions.shape
        if shapes != ((count, 4), (count,), (count, classes)):
            raise LocalizerError(
                f'{self.name} gave boxes, scores and actions of shapes {shapes}; '
                f'for {classes} labels they must be (N, 4), (N,) and (N, {classes})'
            )
        if not all(np.isfinite(a).all() for a in (found.boxes, found.scores, found.actions)):
            raise LocalizerError(f'{self.name} gave boxes or scores that are not finite')
        if found.track_ids is not None:
            ids = found.track_ids.tolist()
            if len(ids) != count or len(set(ids)) < count or min(ids, default=1) < 1:
                raise LocalizerError(
                    f'{self.name} gave track ids {ids} for {count} actors; '
                    'each must have its own, 1 or more'
                )
        if found.joints is not None:
            self._check_joints(found.joints, count)
        if found.features is not None:
            self._check_features(found.features, count)
        if found.whole_view is not None:
            self._check_whole_view(found, found.whole_view)
        return _inside(found, frame)

    def _check_whole_view(self, found: Detections, whole_view: np.ndarray) -> None:
        if whole_view.shape != (len(found),) or whole_view.dtype != bool or found.track_ids is None:
            raise LocalizerError(
                f'{self.name} gave whole_view of shape {whole_view.shape} and type'
                f' {whole_view.dtype} for {len(found)} rows; it must be one bool a row, with'
                ' track_ids'
            )

    def _check_joints(self, joints: np.ndarray, count: int) -> None:
        """Refuse malformed joints; unlike boxes, they may lie outside the image."""
        expected = (count, len(self.joint_names), 3)
        if joints.shape != expected or not self.joint_names:
            raise LocalizerError(
                f'{self.name} gave joints of shape {joints.shape}; for {count} actors and '
                f'{len(self.joint_names)} joint_names they must be {expected}, or None'
            )
        with np.errstate(over='ignore'):
            finite = np.isfinite(joints.astype(np.float32)).all()
        if not finite or ((joints[..., 2] < 0) | (joints[..., 2] > 1)).any():
            raise LocalizerError(
                f'{self.name} gave joints that are not finite, or confidences outside 0 to 1'
            )

    def _check_features(self, features: np.ndarray, count: int) -> None:
        if features.ndim != 2 or len(features) != count or not np.isfinite(features).all():
            raise LocalizerError(
                f'{self.name} gave features of shape {features.shape}; for {count} actors they '
                f'must be ({count}, D) and finite, or None'
            )

    def _forget(self, name: str) -> None:
        camera = self._cameras.get(name)
        if camera is not None:
            actions = camera.tracker.flush()
            if actions and camera.last is not None:
                ended = replace(camera.last, actions=actions, timing=Timing(), restart=True)
                self._ended.append(ended)
            camera.linker.reset()
            camera.last = None
        self._localizer.reset(name)

    def _new_camera(self) -> _Camera:
        tracker = InstanceTracker(self._instances, self.labels, self._localizer.threshold)
        return _Camera(TrackLinker(self._tracks), tracker)


class LocalizerError(RuntimeError):
    """A localizer's answer is malformed."""


@dataclass
class _Camera:
    linker: TrackLinker
    tracker: InstanceTracker
    last: FrameResult | None = None


def _key(frame: Frame) -> FrameResult:
    clip = ClipInfo(frame.stamp, frame.stamp)
    return FrameResult(
        frame.camera, frame.stamp, frame.frame_id, frame.width, frame.height, clip, actions=()
    )


def _preprocess_time(localizer: Localizer) -> float:
    return localizer.preprocess_time if isinstance(localizer, ReportsTiming) else 0.0


def _tracked_actors(tracks: TrackUpdate, found: Detections) -> list[TrackedActor]:
    """Return the actors that have a track, by rising id."""
    return [
        TrackedActor(
            track_id=track_id,
            box=found.boxes[row],
            score=float(found.scores[row]),
            actions=found.actions[row],
            first_stamp=tracks.first_stamps[track_id],
            joints=None if found.joints is None else found.joints[row],
            whole_view=found.whole_view is not None and bool(found.whole_view[row]),
        )
        for track_id, row in tracks.rows()
    ]


def _features(tracks: TrackUpdate, found: Detections) -> dict[int, np.ndarray]:
    if found.features is None:
        return {}
    return {track_id: found.features[row] for track_id, row in tracks.rows()}


def _inside(found: Detections, frame: Frame) -> Detections:
    boxes = clip(found.boxes, frame.width, frame.height).astype(np.float32)
    kept = has_area(boxes)
    if found.whole_view is not None:
        boxes[found.whole_view] = 0, 0, frame.width, frame.height
        kept |= found.whole_view
    return Detections(
        boxes=boxes[kept],
        scores=found.scores[kept],
        actions=found.actions[kept],
        clip=found.clip,
        track_ids=None if found.track_ids is None else found.track_ids[kept],
        joints=None if found.joints is None else found.joints[kept].astype(np.float32),
        features=None if found.features is None else found.features[kept].astype(np.float32),
        whole_view=None if found.whole_view is None else found.whole_view[kept],
    )


def _count(counters: dict[str, int], camera: str) -> None:
    counters[camera] = counters.get(camera, 0) + 1
