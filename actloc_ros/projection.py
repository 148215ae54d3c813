"""Estimate where in space an actor is, from its box and a depth image, and how fast it moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from actloc_ros.frames import seconds
from actloc_ros.joints import RELIABLE_SCORE

CORE = 0.5  # share of the box's width and height, in its middle, that is mostly body
BODY = 0.5  # m: how far a body reaches in depth
NEAR_SHARE = 0.5  # of the largest surface's pixels, that a nearer one needs to be the actor
MIN_SHARE = 0.1  # share of the core's pixels that must hold a depth
MIN_PIXELS = 9
REACH = 1.0  # m: how far in depth a joint may lie from the body's surface: an arm's length
JOINT_PATCH = 2  # pixels of the depth image to each side of a joint whose depth counts
JOINT_SHARE = 0.2  # of that patch, which must hold depths within reach of the body
DEPTH_ERROR = 0.01  # share of the depth: a depth camera's own standard deviation
BOX_ERROR = 0.05  # share of the box's size: standard deviation of a detector's box
MAD_TO_DEVIATION = 1.4826  # of a normal distribution
WINDOW = 1.0  # s of the past over which a velocity is fitted
MIN_SPAN = 0.3  # s that the positions in it must span
MIN_POSITIONS = 3
WIDEST = 1000.0  # image widths: a focal length of more, or of its inverse, is no camera's


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera without distortion, as in `sensor_msgs/CameraInfo`'s K (or P).

    Attributes:
        fx: Focal length along x in pixels.
        fy: Focal length along y in pixels.
        cx: Principal point's x in pixels; 0 is the centre of the leftmost pixels.
        cy: Principal point's y in pixels; 0 is the centre of the topmost pixels.
        width: Width in pixels of the image that they hold for.
        height: Height in pixels of the image that they hold for.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def __post_init__(self) -> None:
        numbers = (self.fx, self.fy, self.cx, self.cy)
        if not (np.isfinite(numbers).all() and min(self.fx, self.fy) > 0):
            raise ValueError(f'fx, fy, cx, cy are {numbers}: is the camera calibrated?')
        if min(self.width, self.height) < 1:
            raise ValueError(f'the calibrated image is {self.width} x {self.height} pixels')
        views = ((self.fx, self.cx, self.width), (self.fy, self.cy, self.height))
        if not all(size / WIDEST <= f <= size * WIDEST for f, _, size in views):
            raise ValueError(
                f'fx, fy are {self.fx}, {self.fy} pixels for an image of {self.width} x'
                f' {self.height} pixels: no camera has such a view'
            )
        if not all(-size <= centre <= 2 * size for _, centre, size in views):
            raise ValueError(
                f'cx, cy are {self.cx}, {self.cy}, far outside the image of {self.width} x'
                f' {self.height} pixels'
            )

    def scaled(self, width: int, height: int) -> Intrinsics:
        """Return the intrinsics of the same view at another resolution."""
        sx, sy = width / self.width, height / self.height
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        return Intrinsics(self.fx * sx, self.fy * sy, cx, cy, width, height)


@dataclass(frozen=True, eq=False)
class ActorPose:
    """Where an actor's visible body is.

    Attributes:
        position: float64 (3,): the box's centre at the depth of the body's surface, in m.
        covariance: float64 (3, 3): of the position, in m².
        size: float64 (3,): the box's width and height at that depth, and the depth that the
            surface's middle 90 % spans, in m, along the optical frame's axes.
        frame_id: Coordinate frame of position, covariance and velocity.
        velocity: float64 (3,): in m/s; None while unknown.
        joints: float64 (K, 3): where the surface at each joint is, in m in `frame_id`, NaN where
            unknown; None without joints.
        untransformed: Whether it is in the camera's frame although another was asked for.
    """

    position: np.ndarray
    covariance: np.ndarray
    size: np.ndarray
    frame_id: str
    velocity: np.ndarray | None = None
    joints: np.ndarray | None = None
    untransformed: bool = False

    @property
    def finite(self) -> bool:
        """Whether position, covariance and size are finite."""
        return all(np.isfinite(a).all() for a in (self.position, self.covariance, self.size))


def locate(
    box: Sequence[float] | np.ndarray,
    image_size: tuple[int, int],
    depth: np.ndarray,
    intrinsics: Intrinsics,
    frame_id: str = '',
    joints: np.ndarray | None = None,
) -> ActorPose | None:
    """Return where the actor in `box` is, or None where too little depth is known.

    The actor is the nearest surface that fills a good part of the box's core; what lies before
    and behind it does not count.

    Args:
        box: x1, y1, x2, y2 in pixels of the image, half-open.
        image_size: The image's width and height in pixels.
        depth: float32 (H, W): distance along z in m, registered to the image, at any resolution;
            0, negative, NaN and infinite values are unknown.
        intrinsics: Of the image or of the depth image: they show the same view.
        frame_id: Name of the camera's optical frame (x right, y down, z forward), in which the
            pose is given.
        joints: float (K, 3): x, y in pixels of the image and confidence in [0, 1], finite.

    Raises:
        ValueError: `depth` is no image of floating-point numbers.
    """
    if depth.ndim != 2 or not depth.size or not np.issubdtype(depth.dtype, np.floating):
        raise ValueError(
            f'depth is {depth.dtype} {depth.shape}; it must be floating-point (height, width) in m'
        )
    height, width = depth.shape
    scale = np.array([width / image_size[0], height / image_size[1]] * 2)
    area = np.asarray(box, np.float64) * scale
    surface = _surface(_core(depth, area))
    if surface is None:
        return None
    camera = intrinsics.scaled(width, height)
    pose = _at_depth(area, surface, camera, frame_id)
    if not pose.finite:
        return None
    if joints is None:
        return pose
    places = np.asarray(joints, np.float64) * [*scale[:2], 1]
    return replace(pose, joints=_joint_positions(places, depth, camera, pose.position[2]))


class VelocityEstimator:
    """Estimates velocities of one camera's tracks: a straight line fitted to recent positions.

    A velocity is known from 3 positions that span 0.3 s or more of the last second. A track that
    without a position for a second is forgotten.
    """

    def __init__(self) -> None:
        self._past: dict[int, deque[tuple[int, np.ndarray]]] = {}

    def update(self, stamp: int, track_id: int, position: np.ndarray) -> np.ndarray | None:
        """Add a track's position (m) at `stamp` (ns); return its velocity (m/s) or None.

        Positions must be in one frame; in a moving camera's frame the velocity is relative to it.
        A stamp that does not rise starts the track again.
        """
        self._forget(stamp)
        past = self._past.setdefault(track_id, deque())
        if past and stamp <= past[-1][0]:
            past.clear()
        past.append((stamp, np.array(position, np.float64)))
        while seconds(stamp - past[0][0]) > WINDOW:
            past.popleft()
        if len(past) < MIN_POSITIONS or seconds(stamp - past[0][0]) < MIN_SPAN:
            return None
        return _slope(past)

    def _forget(self, stamp: int) -> None:
        """Forget tracks without a position in the window that ends, or begins, at `stamp`."""
        self._past = {
            track_id: past
            for track_id, past in self._past.items()
            if abs(seconds(stamp - past[-1][0])) <= WINDOW
        }


def _slope(past: Iterable[tuple[int, np.ndarray]]) -> np.ndarray:
    stamps, positions = zip(*past, strict=True)
    times = np.array([seconds(stamp - stamps[0]) for stamp in stamps])
    times -= times.mean()
    return times @ np.stack(positions) / (times @ times)


def _core(depth: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Return the pixels in the middle of an area of the depth image; at least one, if inside."""
    centre, half = (area[:2] + area[2:]) / 2, (area[2:] - area[:2]) / 2 * CORE
    low = np.floor(np.maximum(centre - half, 0)).astype(int)
    high = np.ceil(np.maximum(centre + half, 0)).astype(int)
    return depth[low[1] : high[1], low[0] : high[0]]


def _surface(core: np.ndarray) -> np.ndarray | None:
    """Return the depths, rising, of the nearest surface that fills a good part of the core."""
    known = np.sort(core[np.isfinite(core) & (core > 0)].astype(np.float64))
    if len(known) < max(MIN_PIXELS, MIN_SHARE * core.size):
        return None
    ends = np.searchsorted(known, known + BODY, side='right')
    counts = ends - np.arange(len(known))
    near = int(np.argmax(counts >= NEAR_SHARE * counts.max()))
    begin = near + int(np.argmax(counts[near : ends[near]]))
    return known[begin : ends[begin]]


def _at_depth(
    area: np.ndarray, surface: np.ndarray, camera: Intrinsics, frame_id: str
) -> ActorPose:
    z = float(np.median(surface))
    width, height = area[2:] - area[:2]
    # Boxes are continuous, with pixel centres at halves; intrinsics have pixel centres at integers.
    u, v = (area[:2] + area[2:]) / 2 - 0.5
    ray = np.array([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, 1.0])
    spread = MAD_TO_DEVIATION * float(np.median(np.abs(surface - z)))
    errors = np.array([BOX_ERROR * width, BOX_ERROR * height, np.hypot(DEPTH_ERROR * z, spread)])
    jacobian = np.array([[z / camera.fx, 0, ray[0]], [0, z / camera.fy, ray[1]], [0, 0, 1]])
    low, high = np.percentile(surface, [5, 95])
    return ActorPose(
        position=ray * z,
        covariance=(jacobian * errors**2) @ jacobian.T,
        size=np.array([width * z / camera.fx, height * z / camera.fy, high - low]),
        frame_id=frame_id,
    )


def _joint_positions(
    joints: np.ndarray, depth: np.ndarray, camera: Intrinsics, body: float
) -> np.ndarray:
    """Return where joints (K, 3), in pixels of the depth image, are: (K, 3) in m, NaN if unknown.

    Args:
        joints: x, y and confidence.
        depth: The depth image.
        camera: Its intrinsics.
        body: Depth of the body's surface in m: what lies out of its reach is not the body.
    """
    z = np.array([_joint_depth(joint, depth, body) for joint in joints])
    u, v = joints[:, 0] - 0.5, joints[:, 1] - 0.5
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    return np.column_stack([x, y, np.ones_like(x)]) * z[:, None]


def _joint_depth(joint: np.ndarray, depth: np.ndarray, body: float) -> float:
    """Return the median of the depths around a joint that are within the body's reach, or NaN."""
    x, y, score = joint
    height, width = depth.shape
    if score < RELIABLE_SCORE or not (0 <= x < width and 0 <= y < height):
        return np.nan
    column, row = int(x), int(y)
    patch = depth[
        max(0, row - JOINT_PATCH) : row + JOINT_PATCH + 1,
        max(0, column - JOINT_PATCH) : column + JOINT_PATCH + 1,
    ]
    known = patch[(patch > 0) & (np.abs(patch - body) <= REACH)]  # neither NaN nor infinity is
    return float(np.median(known)) if len(known) >= JOINT_SHARE * patch.size else np.nan
