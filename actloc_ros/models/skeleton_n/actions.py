"""Score what tracked people do, frame by frame, by ONNX Runtime; needs no PyTorch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from actloc_ros.models.skeleton_n.features import JOINTS, PeopleFrame, TrackHistory

METADATA = 'actloc_ros.skeleton'
ERRORS = 3  # of ONNX Runtime's levels of logging
FORGET = 3_000_000_000  # ns after which a track that was not given is forgotten
FIRST_SLOTS = 4


@dataclass(frozen=True)
class SkeletonSpec:
    """What a skeleton network's file says of itself.

    Attributes:
        labels: Of the scores, in order.
        thresholds: For each label, from which score on it is reported.
        layers: Recurrent layers.
        width: Channels of each.
    """

    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    layers: int
    width: int

    def to_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return asdict(self)


class SkeletonSession:
    """A skeleton network in an ONNX file.

    Args:
        model: The file, or its content.
        providers: ONNX Runtime's execution providers, best first.

    Raises:
        ValueError: It is not a skeleton network's file.
    """

    def __init__(
        self, model: Path | bytes, providers: tuple[str, ...] = ('CPUExecutionProvider',)
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # more of them cost more than such a small network takes
        options.log_severity_level = ERRORS
        content = model if isinstance(model, bytes) else str(model)
        self._session = onnxruntime.InferenceSession(content, options, providers=list(providers))
        metadata = self._session.get_modelmeta().custom_metadata_map
        if METADATA not in metadata:
            raise ValueError(
                f'{"the model" if isinstance(model, bytes) else model} is no skeleton_n'
            )
        values = json.loads(metadata[METADATA])
        self.spec = SkeletonSpec(
            tuple(values['labels']),
            tuple(values['thresholds']),
            values['layers'],
            values['width'],
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the scores, in order."""
        return self.spec.labels

    def follow(self) -> SkeletonActions:
        """Return what scores the people of one camera."""
        return SkeletonActions(self)

    def step(
        self, features: np.ndarray, elapsed: np.ndarray, state: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return scores (N, C) and the next state (layers, N, width), all float32.

        Args:
            features: float32 (N, FEATURES).
            elapsed: float32 (N,), seconds.
            state: float32 (layers, N, width).
        """
        given = {'features': features, 'elapsed': elapsed, 'state': state}
        scores, following = self._session.run(['scores', 'next_state'], given)
        return scores, following


class SkeletonActions:
    """What the people of one camera do, with the memory of each track.

    Args:
        session: The network; sessions may be shared by cameras.
    """

    def __init__(self, session: SkeletonSession) -> None:
        self._session = session
        self.reset()

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the scores, in order."""
        return self._session.spec.labels

    @property
    def thresholds(self) -> np.ndarray:
        """For each label, from which score on it is reported, float32 (C,)."""
        return np.array(self._session.spec.thresholds, np.float32)

    def reset(self) -> None:
        """Forget all tracks."""
        spec = self._session.spec
        self._slots: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._history = TrackHistory(1, FIRST_SLOTS)
        self._state = np.zeros((spec.layers, FIRST_SLOTS, spec.width), np.float32)

    def update(
        self,
        stamp: int,
        size: tuple[int, int],
        tracks: np.ndarray,
        boxes: np.ndarray,
        joints: np.ndarray,
    ) -> np.ndarray:
        """Take a frame.

        Args:
            stamp: ns; rises from frame to frame.
            size: Width and height of the image in pixels.
            tracks: int (N,), each track once.
            boxes: (N, 4), x1, y1, x2, y2 in pixels.
            joints: (N, 17, 3), x and y in pixels, and confidence in [0, 1], in COCO's order.

        Returns:
            float32 (N, C): for each track and label a chance in [0, 1].

        Raises:
            ValueError: The stamp does not rise, a track stands twice, or shapes do not fit.
        """
        count = len(tracks)
        if joints.shape != (count, JOINTS, 3) or boxes.shape != (count, 4):
            raise ValueError(
                f'{count} tracks with boxes {boxes.shape} and joints {joints.shape}; '
                f'expected ({count}, 4) and ({count}, {JOINTS}, 3)'
            )
        ids = [int(track) for track in tracks]
        if len(set(ids)) != count:
            raise ValueError('a track stands twice in a frame')
        if any(stamp <= last for last in self._last.values()):
            raise ValueError(f'stamp {stamp} does not rise')
        self._forget(stamp)
        if not count:
            return np.zeros((0, len(self.labels)), np.float32)
        slots = self._slots_of(ids)
        self._last.update(dict.fromkeys(ids, stamp))
        frame = self._frame(stamp, size, slots, boxes, joints)
        features, elapsed = self._history.update(frame)
        scores, following = self._session.step(
            features[0, slots], elapsed[0, slots], self._state[:, slots]
        )
        self._state[:, slots] = following
        return scores

    def memory(self, tracks: np.ndarray) -> np.ndarray:
        """Return the state of the last recurrent layer of tracks that were just given.

        Args:
            tracks: int (N,).

        Returns:
            float32 (N, width): what their motion left in the network's memory.
        """
        return self._state[-1, [self._slots[int(track)] for track in tracks]]

    def _frame(
        self,
        stamp: int,
        size: tuple[int, int],
        slots: list[int],
        boxes: np.ndarray,
        joints: np.ndarray,
    ) -> PeopleFrame:
        """Lay a frame's tracks into their slots."""
        wide = self._state.shape[1]
        laid_boxes = np.zeros((1, wide, 4))
        laid_joints = np.zeros((1, wide, JOINTS, 3))
        present = np.zeros((1, wide), bool)
        laid_boxes[0, slots], laid_joints[0, slots], present[0, slots] = boxes, joints, True
        return PeopleFrame(
            np.array([stamp], np.int64), np.array([size], float), laid_boxes, laid_joints, present
        )

    def _forget(self, stamp: int) -> None:
        """Free the slots of tracks that were not given for long."""
        for track in [track for track, last in self._last.items() if stamp - last > FORGET]:
            self._release(self._slots.pop(track))
            del self._last[track]

    def _release(self, slot: int) -> None:
        mask = np.zeros((1, self._state.shape[1]), bool)
        mask[0, slot] = True
        self._history.forget(mask)
        self._state[:, slot] = 0

    def _slots_of(self, ids: list[int]) -> list[int]:
        """Return each track's slot, giving new tracks free ones."""
        free = sorted(set(range(self._state.shape[1])) - set(self._slots.values()))
        new = [track for track in ids if track not in self._slots]
        if len(new) > len(free):
            free += range(self._state.shape[1], self._state.shape[1] + len(new) - len(free))
            self._grow(max(2 * self._state.shape[1], free[-1] + 1))
        self._slots.update(zip(new, free, strict=False))
        return [self._slots[track] for track in ids]

    def _grow(self, slots: int) -> None:
        """Make room for more tracks."""
        spec, old = self._session.spec, self._state.shape[1]
        self._history.grow(slots)
        state = np.zeros((spec.layers, slots, spec.width), np.float32)
        state[:, :old] = self._state
        self._state = state
