"""Make the input of skeleton networks of joints: normalizing, bones, motion, choice of frames.

Joints are (P, T, V, 3): P people, T frames, V joints; x, y and z in metres, or x and y in pixels
and a confidence in [0, 1]. Absent people are zeros. No PyTorch.

Streams and normalizing are as in "PYSKL" (arXiv 2205.09443) and "Two-Stream Adaptive Graph
Convolutional Networks" (arXiv 1805.07694).
"""

from __future__ import annotations

import numpy as np

from actloc_ros.models.graphs.layouts import Layout

STREAMS = ('j', 'b', 'jm', 'bm')
"""Joints, bones, and the motion of both."""
KNOWN = 0.01  # confidence above which a joint is used
FEW_PIXELS = 10  # width and height up to which a body is not scaled to its own size
SEED = 255  # of the frames that PYSKL's tests take
SMALLEST = 1e-6  # length and angle below which nothing is turned


def normalize_image(joints: np.ndarray, width: float, height: float) -> np.ndarray:
    """Return joints whose x and y are -1 to 1 over the image; 0 where a joint is not known."""
    size = np.array([width, height], np.float32) / 2
    return _placed(joints, size, size)


def normalize_extent(joints: np.ndarray) -> np.ndarray:
    """Return joints whose x and y are -1 to 1 over all that is known of all people and frames.

    Where that is up to 10 pixels wide or high, x and y stay.
    """
    known = joints[..., 2] > KNOWN
    places = joints[known][:, :2] if known.any() else np.zeros((1, 2), joints.dtype)
    low, high = places.min(0), places.max(0)
    if not (high - low > FEW_PIXELS).all():
        return _placed(joints, np.zeros(2, np.float32), np.ones(2, np.float32))
    return _placed(joints, (high + low) / 2, (high - low) / 2)


def normalize_unit(joints: np.ndarray, width: float, height: float) -> np.ndarray:
    """Return joints whose x and y are -0.5 to 0.5 over the image, as for Kinetics-Skeleton."""
    size = np.array([width, height], np.float32)
    return _placed(joints, size / 2, size, known=0.0)


def _placed(
    joints: np.ndarray, middle: np.ndarray, size: np.ndarray, known: float = KNOWN
) -> np.ndarray:
    placed = joints.astype(np.float32)
    placed[..., :2] = (placed[..., :2] - middle) / size
    placed[..., :2][placed[..., 2] <= known] = 0
    return placed


def normalize_body(joints: np.ndarray, moving_centre: bool = False) -> np.ndarray:
    """Return the joints of NTU RGB+D, in metres, as seen by the first person in the first frame.

    The middle of the spine becomes the origin, the spine the z axis, and the line from the left to
    the right shoulder the x axis. Of two people the one who is there in more frames comes first,
    and frames without that one are left out; (P, T', 25, 3) with T' up to T.

    Args:
        joints: (P, T, 25, 3) in metres, of one or two people.
        moving_centre: Whether the origin is of each frame, not of the first one.
    """
    joints = np.asarray(joints, np.float64)
    if not joints.any():
        return joints
    there = ~np.isclose(joints, 0).all((2, 3))
    if len(joints) > 1 and there[1].sum() > there[0].sum():
        joints, there = joints[::-1], there[::-1]
    joints = joints[:, there[0]]
    origin = joints[0, :, 1:2] if moving_centre else joints[0, 0, 1]
    joints = (joints - origin) * joints.any(-1, keepdims=True)
    joints = joints @ _turn(joints[0, 0, 1] - joints[0, 0, 0], np.array([0.0, 0, 1])).T
    return joints @ _turn(joints[0, 0, 8] - joints[0, 0, 4], np.array([1.0, 0, 0])).T


def normalize_start(joints: np.ndarray) -> np.ndarray:
    """Return joints in metres relative to the middle of the first person's spine at first."""
    joints = np.asarray(joints, np.float64)
    first = np.flatnonzero(joints[0].any((1, 2)))
    if not len(first):
        return joints
    return (joints - joints[0, first[0], 1]) * joints.any(-1, keepdims=True)


def _turn(direction: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) of `direction` onto the unit vector `axis`, by Rodrigues."""
    normal = np.cross(direction, axis)
    length = np.linalg.norm(direction)
    if np.abs(direction).sum() < SMALLEST or np.abs(normal).sum() < SMALLEST:
        return np.eye(3)
    angle = np.arccos(np.clip(direction @ axis / length, -1, 1))
    x, y, z = normal / np.linalg.norm(normal)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def make_stream(joints: np.ndarray, layout: Layout, stream: str) -> np.ndarray:
    """Return a stream of `STREAMS` of normalized joints: (P, T, V, 3).

    A bone's confidence is the mean of its ends', a motion's the mean of both frames'.
    """
    if stream not in STREAMS:
        raise ValueError(f'there is no stream "{stream}"; there are {", ".join(STREAMS)}')
    values = _bones(joints, layout) if stream.startswith('b') else joints
    return _motion(values, layout) if stream.endswith('m') else values


def _bones(joints: np.ndarray, layout: Layout) -> np.ndarray:
    ends = joints[..., list(layout.parents), :]
    bones = joints - ends
    if layout.confident:
        bones[..., 2] = (joints[..., 2] + ends[..., 2]) / 2
    return bones


def _motion(values: np.ndarray, layout: Layout) -> np.ndarray:
    motion = np.zeros_like(values)
    motion[:, :-1] = values[:, 1:] - values[:, :-1]
    if layout.confident:
        motion[:, :-1, :, 2] = (values[:, 1:, :, 2] + values[:, :-1, :, 2]) / 2
    return motion


def sample_frames(total: int, length: int, clips: int = 1) -> np.ndarray:
    """Return which frames PYSKL's tests take of a recording: int64 (clips, length).

    Frames are spread over the recording, one of each of `length` parts, by chance but always the
    same; a recording shorter than a clip is repeated.

    Args:
        total: Frames of the recording, 1 or more.
        length: Frames of a clip.
        clips: How many.
    """
    chance = np.random.RandomState(SEED)
    taken = []
    for clip in range(clips):
        chance.rand(), chance.randint(1)  # the published code draws a speed and an offset here
        taken.append(_one_clip(total, length, clip, clips, chance) % total)
    return np.stack(taken).astype(np.int64)


def _one_clip(
    total: int, length: int, clip: int, clips: int, chance: np.random.RandomState
) -> np.ndarray:
    if total < length:
        begin = clip if total < clips else clip * total // clips
        return begin + np.arange(length)
    if total < 2 * length:
        skips = np.zeros(length + 1, np.int64)
        skips[chance.choice(length + 1, total - length, replace=False)] = 1
        return np.arange(length) + np.cumsum(skips)[:-1]
    bounds = np.arange(length + 1) * total // length
    return bounds[:-1] + chance.randint(np.diff(bounds))


def middle_resized(joints: np.ndarray, length: int, share: float = 0.95) -> np.ndarray:
    """Return the middle of a recording, resized in time by linear interpolation.

    Args:
        joints: (P, T, V, 3), all frames of which count.
        length: Frames to return.
        share: Of the recording, that is kept.
    """
    total = joints.shape[1]
    cut = int((1 - share) * total / 2)
    kept = joints[:, cut : total - cut]
    steps = kept.shape[1]
    places = (np.arange(length) + 0.5) * steps / length - 0.5
    places = places.clip(0, steps - 1)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, steps - 1)
    weight = (places - low)[:, None, None]
    return kept[:, low] * (1 - weight) + kept[:, high] * weight


def with_persons(joints: np.ndarray, persons: int) -> np.ndarray:
    """Return the joints of exactly `persons` people: the first ones, and zeros for who lacks."""
    kept = joints[:persons]
    absent = np.zeros((persons - len(kept), *joints.shape[1:]), joints.dtype)
    return np.concatenate([kept, absent])
