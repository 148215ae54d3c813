"""Report what is heard: alone, or beside what any localizer sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actloc_ros.frames import Frame
from actloc_ros.localizer import Detections, Localizer, no_detections
from actloc_ros.models.sound.fusion import Fusion
from actloc_ros.models.sound.hearing import Heard, Hearing
from actloc_ros.tracks import TrackLinker

LEAST = 0.1  # score of any sound from which there is something to report
DARK = 16  # grey levels of 255 that nearly all of a dark picture stays below
BRIGHT_SHARE = 1.0  # % of a dark picture that may be brighter, such as a lamp
SPARSE = 8  # pixels from one that is looked at to the next, each way
TRACK = 1
"""The track of what is heard; actors have higher ones where both are reported."""


class SoundLocalizer(Localizer):
    """What is heard at each key frame, as one row of the whole view; pictures are not used.

    There is no row while no sound scores 0.1 or more. A score says that the sound goes on in the
    newest part of the classifier's window, so that starts and ends are as exact as key frames.
    """

    def __init__(self, name: str, hearing: Hearing) -> None:
        self.name, self.labels = name, hearing.labels
        self._hearing = hearing

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take the newest frame of one or more different cameras; see `Localizer`."""
        return [heard_row(self._hearing.hear(frame), frame) for frame in frames]

    def reset(self, camera: str | None = None) -> None:
        """Forget the past of one camera, or of all."""
        self._hearing.reset(camera)


def heard_row(heard: Heard, frame: Frame) -> Detections:
    """Return one row of the whole view, or none where nothing is heard."""
    if not len(heard.scores) or heard.scores.max() < LEAST:
        return no_detections(heard.clip, len(heard.scores))
    return Detections(
        boxes=np.array([[0, 0, frame.width, frame.height]], np.float32),
        scores=heard.scores.max(keepdims=True),
        actions=heard.scores[None],
        clip=heard.clip,
        track_ids=np.array([TRACK], np.int64),
        whole_view=np.array([True]),
    )


class SeeingAndHearing(Localizer):
    """Any localizer's actors, and what is heard as a row of its own.

    Labels that both know are one label. With learned weights, see `Fusion`, what is heard changes
    the scores of actors; and where there is no picture, or a dark one, the row of what is heard
    also has the actions that sounds alone report.
    """

    def __init__(self, inner: Localizer, hearing: Hearing, fusion: Fusion | None = None) -> None:
        self.name = f'{inner.name}+sound'
        more = tuple(label for label in hearing.labels if label not in inner.labels)
        self.labels = (*inner.labels, *more)
        self.joint_names = inner.joint_names
        # One scale for both: a sound counts from 0.5 on, an action from the model's own threshold.
        self.threshold = 0.5
        self._inner, self._hearing, self._fusion = inner, hearing, fusion
        self._columns = [self.labels.index(label) for label in hearing.labels]
        self._linkers: dict[str, TrackLinker] = {}
        if fusion is not None:
            fusion.check(inner.labels, hearing.labels)

    @property
    def parts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The labels of what sees and of what hears."""
        return tuple(self._inner.labels), self._hearing.labels

    def hear(self, frame: Frame) -> Heard:
        """Return what is heard up to a frame's stamp."""
        return self._hearing.hear(frame)

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take the newest frame of one or more different cameras; see `Localizer`."""
        shown = [frame for frame in frames if frame.width and frame.height]
        seen = iter(self._inner.step(shown) if shown else [])
        return [
            self._join(
                next(seen)
                if frame.width and frame.height
                else no_detections(self._hearing.hear(frame).clip, len(self._inner.labels)),
                self._hearing.hear(frame),
                frame,
            )
            for frame in frames
        ]

    def reset(self, camera: str | None = None) -> None:
        """Forget the past of one camera, or of all."""
        self._inner.reset(camera)
        self._hearing.reset(camera)
        for name in list(self._linkers) if camera is None else [camera]:
            self._linkers.pop(name, None)

    def close(self) -> None:
        """Free the localizer."""
        self._inner.close()

    def _join(self, found: Detections, heard: Heard, frame: Frame) -> Detections:
        found = self._followed(found, frame)
        assert found.track_ids is not None
        row = heard_row(heard, frame)
        heard_alone = self._alone(heard, frame)
        scores = self._rescaled(found.actions)
        if self._fusion is not None and len(found):
            scores = self._fusion.apply(scores, heard.scores)
        actions = np.zeros((len(found) + len(row), len(self.labels)), np.float32)
        actions[: len(found), : scores.shape[1]] = scores
        actions[len(found) :, self._columns] = row.actions
        in_dark = actions[len(found) :, : len(heard_alone)]
        np.maximum(in_dark, heard_alone, out=in_dark)
        return Detections(
            boxes=np.concatenate([found.boxes, row.boxes]).astype(np.float32),
            scores=np.concatenate([found.scores, row.scores]).astype(np.float32),
            actions=actions,
            clip=found.clip,
            track_ids=np.concatenate([found.track_ids + TRACK, np.full(len(row), TRACK, np.int64)]),
            joints=_with_rows(found.joints, len(row)),
            features=_with_rows(found.features, len(row)),
            whole_view=np.arange(len(actions)) >= len(found),
        )

    def _alone(self, heard: Heard, frame: Frame) -> np.ndarray:
        """Return the scores, (A,), of the actions that sounds alone report: in the dark, else 0."""
        if self._fusion is None or not is_dark(frame):
            return np.zeros(len(self._inner.labels), np.float32)
        return self._fusion.alone(heard.scores)

    def _rescaled(self, actions: np.ndarray) -> np.ndarray:
        """Return scores so that the model's own threshold becomes 0.5."""
        level = self._inner.threshold
        if level in (0.0, 0.5, 1.0):
            return actions
        above = 0.5 + 0.5 * (actions - level) / (1 - level)
        return np.where(actions < level, 0.5 * actions / level, above).clip(0, 1)

    def _followed(self, found: Detections, frame: Frame) -> Detections:
        """Return detections with track ids; those too weak to have one are left out."""
        if found.track_ids is not None:
            return found
        linker = self._linkers.setdefault(frame.camera, TrackLinker())
        rows = linker.update(frame.stamp, found.boxes, found.scores).rows()
        kept = [row for _, row in rows]
        return Detections(
            boxes=found.boxes[kept],
            scores=found.scores[kept],
            actions=found.actions[kept],
            clip=found.clip,
            track_ids=np.array([track_id for track_id, _ in rows], np.int64),
            joints=None if found.joints is None else found.joints[kept],
            features=None if found.features is None else found.features[kept],
        )


def is_dark(frame: Frame) -> bool:
    """Return whether there is nothing to see: no picture, or one that is black nearly all over."""
    seen = frame.image[SPARSE // 2 :: SPARSE, SPARSE // 2 :: SPARSE]
    return not seen.size or bool(np.percentile(seen.max(axis=2), 100 - BRIGHT_SHARE) < DARK)


def _with_rows(known: np.ndarray | None, count: int) -> np.ndarray | None:
    """Return what is known of rows with `count` rows more of which nothing is."""
    if known is None:
        return None
    return np.concatenate([known, np.zeros((count, *known.shape[1:]), known.dtype)])
