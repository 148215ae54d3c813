"""Make the input of skeleton_n from tracked boxes and joints: the same in training and at run time.

All arrays have G groups (cameras, or training examples) of A slots (tracks). Nothing here uses
frame counts: what changes over time is measured by stamps, so that 5 Hz and 30 Hz give alike input.
Image axes are kept (y is down), since gravity says who lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Joint(IntEnum):
    """The 17 joints of COCO, in its order."""

    NOSE = 0
    LEFT_EYE = 1
    RIGHT_EYE = 2
    LEFT_EAR = 3
    RIGHT_EAR = 4
    LEFT_SHOULDER = 5
    RIGHT_SHOULDER = 6
    LEFT_ELBOW = 7
    RIGHT_ELBOW = 8
    LEFT_WRIST = 9
    RIGHT_WRIST = 10
    LEFT_HIP = 11
    RIGHT_HIP = 12
    LEFT_KNEE = 13
    RIGHT_KNEE = 14
    LEFT_ANKLE = 15
    RIGHT_ANKLE = 16


JOINTS = len(Joint)
# The joint on the other side, for each joint: what a mirror makes of the left is the right.
MIRRORED = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15])
SHOULDERS = [Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER]
HIPS = [Joint.LEFT_HIP, Joint.RIGHT_HIP]
TRUNK = SHOULDERS + HIPS

MIN_CONFIDENCE = 0.2  # joints below it count as missing
NEIGHBOURS = 2
REACH = 8.0  # body lengths (shoulders to hips) within which others are neighbours
LIMIT = 8.0  # features are clipped to ±LIMIT
FAST, SLOW = 0.15, 0.8  # seconds: time constants of the velocities
SIZE_TIME = 1.5  # seconds: time constant of the body length
LONGEST_GAP = 1.0  # seconds a joint or a track may be missing without losing its velocity
# Body lengths of what else shows a body's size, where the trunk is short in the image or missing.
BOX_SHARE, SHOULDER_SHARE = 0.27, 1.15

_WIDTHS = {
    'joints': 3 * JOINTS,  # x, y relative to the root in body lengths, confidence
    'joint_velocities': 2 * JOINTS,  # relative to the root's, body lengths a second
    'root_velocity': 4,  # x, y by FAST, x, y by SLOW
    'box': 5,  # log of width / height, width, height, centre relative to the root
    'box_velocities': 4,  # of x1, y1, x2, y2
    'body': 4,  # trunk and shoulders in body lengths, hips known, mean confidence
    'view': 7,  # root in the image (-0.5..0.5), log of its size there, room to the four borders
    'time': 2,  # since the track's last frame, since its first one
    'neighbours': NEIGHBOURS * (3 * JOINTS + 4),  # joints, log of relative size, velocity, present
}
SLICES: dict[str, slice] = {}
for _name, _width in _WIDTHS.items():
    _start = sum(part.stop - part.start for part in SLICES.values())
    SLICES[_name] = slice(_start, _start + _width)
FEATURES = sum(_WIDTHS.values())


@dataclass(eq=False)
class PeopleFrame:
    """The tracks of one moment in G images, with A slots each.

    Attributes:
        stamps: int64 (G,), ns.
        sizes: float (G, 2), width and height of the images in pixels.
        boxes: float (G, A, 4), x1, y1, x2, y2 in pixels.
        joints: float (G, A, 17, 3), x and y in pixels and confidence in [0, 1].
        present: bool (G, A): whether the slot's track is in this image.
    """

    stamps: np.ndarray
    sizes: np.ndarray
    boxes: np.ndarray
    joints: np.ndarray
    present: np.ndarray


class TrackHistory:
    """What is remembered of each track between frames, and the features made with it.

    Args:
        groups: G.
        slots: A.
    """

    def __init__(self, groups: int, slots: int) -> None:
        shape = (groups, slots)
        self.started = np.zeros(shape, bool)
        self.first = np.zeros(shape, np.int64)  # stamps, ns
        self.last = np.zeros(shape, np.int64)
        self.log_length = np.zeros(shape, np.float32)  # of the body length in pixels
        self.box = np.zeros((*shape, 4), np.float32)
        self.box_velocity = np.zeros((*shape, 4), np.float32)  # pixels a second, as all velocities
        self.xy = np.zeros((*shape, JOINTS, 2), np.float32)  # where each joint was last detected
        # Seconds since then, as a negative number.
        self.detected = np.full((*shape, JOINTS), -np.inf, np.float32)
        self.velocity = np.zeros((*shape, JOINTS, 2), np.float32)
        self.slow_velocity = np.zeros((*shape, 2), np.float32)

    def forget(self, slots: np.ndarray) -> None:
        """Empty the slots of a bool (G, A) mask for other tracks."""
        self.started[slots] = False

    def grow(self, slots: int) -> None:
        """Add empty slots, up to `slots` of them in all."""
        groups, old = self.started.shape
        larger = TrackHistory(groups, slots)
        for name, values in vars(self).items():
            getattr(larger, name)[:, :old] = values
        self.__dict__.update(vars(larger))

    def update(self, frame: PeopleFrame) -> tuple[np.ndarray, np.ndarray]:
        """Take the next frame.

        Slots without a track in the frame keep what they know.

        Returns:
            The features, float32 (G, A, FEATURES), 0 for slots that are not present; and the
            seconds since each track's last frame, float32 (G, A), 0 for new tracks.

        Raises:
            ValueError: A track's stamp does not rise.
        """
        here = frame.present
        frame = PeopleFrame(
            frame.stamps,
            frame.sizes.astype(np.float32),
            frame.boxes.astype(np.float32),
            frame.joints.astype(np.float32),
            here,
        )
        new = here & ~self.started
        self._start(new, frame)
        elapsed = np.where(here, (frame.stamps[:, None] - self.last) * 1e-9, 0.0).astype(np.float32)
        if np.any(elapsed[here & ~new] <= 0):
            raise ValueError('the stamp of a track does not rise')
        self.last = np.where(here, frame.stamps[:, None], self.last)
        known = (frame.joints[..., 2] >= MIN_CONFIDENCE) & here[..., None]
        xy = frame.joints[..., :2]
        self._update_length(frame.boxes, xy, known, elapsed, new)
        root_velocity = self._update_velocities(frame.boxes, xy, known, elapsed, here)
        features = self._features(frame, known, elapsed, root_velocity)
        features[~here] = 0
        return features, elapsed

    def _start(self, new: np.ndarray, frame: PeopleFrame) -> None:
        """Begin the tracks of a mask (G, A)."""
        self.started |= new
        stamps = np.broadcast_to(frame.stamps[:, None], new.shape)
        self.first = np.where(new, stamps, self.first)
        self.last = np.where(new, stamps, self.last)
        self.box[new] = frame.boxes[new]
        self.box_velocity[new] = 0
        self.detected[new] = -np.inf
        self.velocity[new] = 0
        self.slow_velocity[new] = 0

    def _update_length(
        self,
        boxes: np.ndarray,
        xy: np.ndarray,
        known: np.ndarray,
        elapsed: np.ndarray,
        new: np.ndarray,
    ) -> None:
        """Follow the body length slowly: a body that bends over is not a smaller one."""
        observed = np.log(body_length(boxes, xy, known))
        age = self._age()
        # A mean at first, then a low pass.
        share = np.maximum(1 - np.exp(-elapsed / SIZE_TIME), elapsed / np.maximum(age, 1e-9))
        share = np.where(new, 1.0, np.where(elapsed > 0, np.minimum(share, 1.0), 0.0))
        self.log_length += share * (observed - self.log_length)

    def _update_velocities(
        self,
        boxes: np.ndarray,
        xy: np.ndarray,
        known: np.ndarray,
        elapsed: np.ndarray,
        here: np.ndarray,
    ) -> np.ndarray:
        """Update all velocities; return the root's (G, A, 2), pixels a second."""
        self.detected = self.detected - elapsed[..., None]
        gap = -self.detected  # seconds since each joint was last detected
        moved = known & (gap > 0) & (gap <= LONGEST_GAP)
        safe = np.where(moved, gap, 1.0)[..., None]
        measured = (xy - self.xy) / safe
        keep = np.exp(-safe / FAST)
        self.velocity = np.where(
            moved[..., None], keep * self.velocity + (1 - keep) * measured, self.velocity
        )
        self.velocity[known & (gap > LONGEST_GAP)] = 0
        self.xy = np.where(known[..., None], xy, self.xy)
        self.detected = np.where(known, 0.0, self.detected)
        steps = np.where(elapsed > 0, elapsed, 1.0)[..., None]
        moved_box = ((elapsed > 0) & (elapsed <= LONGEST_GAP))[..., None]
        keep = np.exp(-steps / FAST)
        box_velocity = keep * self.box_velocity + (1 - keep) * (boxes - self.box) / steps
        self.box_velocity = np.where(moved_box, box_velocity, self.box_velocity)
        self.box = np.where(here[..., None], boxes, self.box)
        root = _mean_velocity(self.velocity, known, self.box_velocity)
        keep = np.exp(-elapsed / SLOW)[..., None]
        self.slow_velocity = keep * self.slow_velocity + (1 - keep) * root
        return root

    def _features(
        self,
        frame: PeopleFrame,
        known: np.ndarray,
        elapsed: np.ndarray,
        root_velocity: np.ndarray,
    ) -> np.ndarray:
        """Return the features (G, A, FEATURES) of tracks whose state is up to date."""
        length = np.exp(self.log_length)[..., None]
        root = _root(frame.boxes, frame.joints[..., :2], known)
        shown = known[..., None]
        relative = np.where(
            shown, (frame.joints[..., :2] - root[..., None, :]) / length[..., None], 0
        )
        confidence = np.where(known, frame.joints[..., 2], 0)
        posed = np.concatenate([relative, confidence[..., None]], axis=-1)
        turning = (self.velocity - root_velocity[..., None, :]) / length[..., None]
        parts = [
            posed.reshape(*known.shape[:2], -1),
            np.where(shown, turning, 0).reshape(*known.shape[:2], -1) / 2,
            np.concatenate([root_velocity, self.slow_velocity], axis=-1) / length,
            _box_features(frame.boxes, root, length),
            self.box_velocity / length / 2,
            _body_features(frame.joints[..., :2], known, confidence, length),
            _view_features(frame, root, length),
            np.stack([np.log1p(elapsed / 0.1), np.log1p(self._age())], axis=-1),
            self._neighbours(frame.present, frame.joints, known, root, root_velocity),
        ]
        return np.clip(np.concatenate(parts, axis=-1), -LIMIT, LIMIT).astype(np.float32)

    def _age(self) -> np.ndarray:
        """Return the seconds (G, A) since each track began, at most 10."""
        return np.minimum((self.last - self.first) * 1e-9, 10.0).astype(np.float32)

    def _neighbours(
        self,
        present: np.ndarray,
        joints: np.ndarray,
        known: np.ndarray,
        root: np.ndarray,
        root_velocity: np.ndarray,
    ) -> np.ndarray:
        """Return the features of the nearest other tracks in the image, nearest first."""
        groups, slots = present.shape
        found = np.zeros((groups, slots, NEIGHBOURS, 3 * JOINTS + 4), np.float32)
        if slots < 2:
            return found.reshape(groups, slots, -1)
        length = np.exp(self.log_length)
        apart = np.linalg.norm(root[:, :, None] - root[:, None], axis=-1) / length[:, :, None]
        apart = np.where(present[:, None] & ~np.eye(slots, dtype=bool), apart, np.inf)
        nearest = np.argsort(apart, axis=-1, kind='stable')[..., :NEIGHBOURS]
        group = np.arange(groups)[:, None, None]
        near = np.take_along_axis(apart, nearest, axis=-1) < REACH
        own = length[:, :, None, None, None]
        xy = (joints[group, nearest, :, :2] - root[:, :, None, None]) / own
        shown = known[group, nearest]
        wide = nearest.shape[-1]
        rest = np.concatenate(
            [
                np.log(length[group, nearest] / length[:, :, None])[..., None],
                (root_velocity[group, nearest] - root_velocity[:, :, None]) / own[..., 0],
                np.ones((groups, slots, wide, 1), np.float32),
            ],
            axis=-1,
        )
        posed = np.concatenate([xy, joints[group, nearest, :, 2:]], axis=-1) * shown[..., None]
        both = np.concatenate([posed.reshape(groups, slots, wide, -1), rest], axis=-1)
        found[:, :, :wide] = np.where(near[..., None], both, 0)
        return found.reshape(groups, slots, -1)


def _pair_middle(
    xy: np.ndarray, known: np.ndarray, pair: list[Joint]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle (..., 2) of a pair of joints and whether both are known (...)."""
    both = np.asarray(known[..., pair].all(axis=-1))
    return xy[..., pair, :].mean(axis=-2), both


def _distance(xy: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return lengths (...) of trunk and shoulders in pixels, 0 where they are not known."""
    shoulders, has_shoulders = _pair_middle(xy, known, SHOULDERS)
    hips, has_hips = _pair_middle(xy, known, HIPS)
    trunk = np.linalg.norm(shoulders - hips, axis=-1)
    width = np.linalg.norm(xy[..., SHOULDERS[0], :] - xy[..., SHOULDERS[1], :], axis=-1)
    return np.where(has_shoulders & has_hips, trunk, 0), np.where(has_shoulders, width, 0)


def body_length(boxes: np.ndarray, xy: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return how long the trunk would be in pixels (...), were it not foreshortened."""
    trunk, width = _distance(xy, known)
    longer = np.maximum(boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1])
    return np.maximum.reduce(
        [trunk, SHOULDER_SHARE * width, BOX_SHARE * longer, np.ones_like(trunk)]
    )


def _root(boxes: np.ndarray, xy: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the middle of the hips (..., 2), or of the box where they are not known."""
    hips, has_hips = _pair_middle(xy, known, HIPS)
    return np.where(has_hips[..., None], hips, (boxes[..., :2] + boxes[..., 2:]) / 2)


def _mean_velocity(velocity: np.ndarray, known: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the velocity (..., 2) of the trunk, else of all joints, else of the box."""
    use = known.copy()
    some = np.asarray(known[..., TRUNK].any(axis=-1))
    use[..., : Joint.LEFT_SHOULDER] &= ~some[..., None]
    use[..., Joint.LEFT_ELBOW : Joint.LEFT_HIP] &= ~some[..., None]
    use[..., Joint.LEFT_KNEE :] &= ~some[..., None]
    count = use.sum(-1)[..., None]
    mean = (velocity * use[..., None]).sum(-2) / np.maximum(count, 1)
    return np.where(count > 0, mean, (box[..., :2] + box[..., 2:]) / 2)


def _box_features(boxes: np.ndarray, root: np.ndarray, length: np.ndarray) -> np.ndarray:
    width = np.maximum(boxes[..., 2] - boxes[..., 0], 1.0)
    height = np.maximum(boxes[..., 3] - boxes[..., 1], 1.0)
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    sides = np.stack([width, height], axis=-1) / length
    return np.concatenate(
        [np.log(width / height)[..., None], sides / 2, (centre - root) / length], axis=-1
    )


def _body_features(
    xy: np.ndarray, known: np.ndarray, confidence: np.ndarray, length: np.ndarray
) -> np.ndarray:
    trunk, width = _distance(xy, known)
    hips = known[..., HIPS].all(-1)
    return np.stack(
        [trunk / length[..., 0], width / length[..., 0], hips, confidence.mean(-1)], axis=-1
    )


def _view_features(frame: PeopleFrame, root: np.ndarray, length: np.ndarray) -> np.ndarray:
    size = frame.sizes[:, None]
    room = np.concatenate([frame.boxes[..., :2], size - frame.boxes[..., 2:]], axis=-1) / length
    return np.concatenate(
        [
            root / size - 0.5,
            np.log(length / size[..., 1:]) + 2,
            np.clip(room, 0, 1),
        ],
        axis=-1,
    )
