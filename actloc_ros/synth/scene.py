"""Render a synthetic scene frame by frame, with exact ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.synth.backdrop import BackdropPainter
from actloc_ros.synth.body import KEYPOINTS, POINT, POINTS
from actloc_ros.synth.camera import Camera, CameraPath
from actloc_ros.synth.cast import Cast
from actloc_ros.synth.crossing import crossings
from actloc_ros.synth.lens import Lens, darken, merge
from actloc_ros.synth.painter import Area, FigurePainter, Painted, cast_shadows
from actloc_ros.synth.planner import EVEN, SOLO, Planner
from actloc_ros.synth.script import Action, Actor, Hand, Prop
from actloc_ros.synth.world import make_world

INSTANT = 1e-3  # seconds over which speeds are measured
SMALLEST_SHARE = 0.0004  # of the image's pixels: who shows less is not annotated
SEEN_SHARE = 0.1  # of the box of all of them, of which people fill half: who shows less is hidden


@dataclass(frozen=True)
class ActorTruth:
    """What one actor does in one frame, and where.

    Attributes:
        actor: The actor's number, from 1, the same in all frames.
        box: x1, y1, x2, y2 of the visible part in pixels, half-open.
        actions: What the actor is doing at the stamp, each with its whole interval.
        position: Metres in the optical frame (right, down, forward), of the body's middle.
        keypoints: x, y in pixels of the points that `KEYPOINTS` names, whether the image shows
            them or not.
    """

    actor: int
    box: tuple[int, int, int, int]
    actions: tuple[Action, ...]
    position: tuple[float, float, float]
    keypoints: tuple[tuple[float, float], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the actions."""
        return tuple(action.label for action in self.actions)

    @property
    def distance(self) -> float:
        """Metres along the optical axis to the body's middle."""
        return self.position[2]


@dataclass(frozen=True, eq=False)
class SynthFrame:
    """One rendered image and all that is true of it.

    Attributes:
        image: uint8 (height, width, 3), RGB.
        stamp: ns from the scene's start, at the middle of the exposure.
        actors: Those that the image shows, by number.
        mask: uint8 (height, width): the number of the actor that a pixel shows; 255 for things
            that actors carry or pick up, 0 elsewhere. Sharp where the image is blurred.
        depth: float32 (height, width), metres along the optical axis, or None if not asked for.
    """

    image: np.ndarray
    stamp: int
    actors: tuple[ActorTruth, ...]
    mask: np.ndarray
    depth: np.ndarray | None


def frame_count(seconds: float, rate: float) -> int:
    """Return how many frames `render` yields."""
    return round(seconds * rate)


def frame_stamp(index: int, rate: float) -> int:
    """Return the stamp of a frame, ns from the scene's start."""
    return round(index * NANOSECONDS / rate)


def render(
    seed: int,
    seconds: float,
    size: tuple[int, int],
    rate: float,
    depth: bool = False,
    even: bool = False,
) -> Iterator[SynthFrame]:
    """Render the scene of a seed.

    The same arguments give the same bytes. The scene and what happens in it depend on seed,
    seconds and `even` only, not on size and rate.

    Args:
        seed: Any integer >= 0.
        seconds: Duration.
        size: Width and height in pixels, at least 32 each.
        rate: Frames a second.
        depth: Whether frames carry a depth map.
        even: Whether people fall, sit, point, push and pick up as often as they walk.

    Raises:
        ValueError: If an argument is out of range.
    """
    check_arguments(seed, seconds, size, rate)
    scene = Scene(seed, seconds, size, even)
    stamps = (frame_stamp(index, rate) for index in range(frame_count(seconds, rate)))
    return (scene.frame(stamp, depth) for stamp in stamps)


def check_arguments(seed: int, seconds: float, size: tuple[int, int], rate: float) -> None:
    """Raise ValueError if `render` cannot do with these."""
    if seed < 0:
        raise ValueError(f'seed is {seed}; expected an integer >= 0')
    if min(size) < 32:
        raise ValueError(f'size is {size[0]}x{size[1]}; expected at least 32x32')
    if not (0 < rate <= 1000):
        raise ValueError(f'rate is {rate}; expected frames a second in (0, 1000]')
    if not (0 < seconds * rate <= 1e6):
        raise ValueError(f'seconds is {seconds}; expected a duration of 1 to 1000000 frames')


class Scene:
    """A world, its camera and its actors, which can be pictured at any moment in any order."""

    def __init__(
        self, seed: int, seconds: float, size: tuple[int, int], even: bool = False
    ) -> None:
        streams = [np.random.default_rng([seed, index]) for index in range(4)]
        self.size = size
        self.world = make_world(streams[0])
        self.path = CameraPath(streams[1])
        half_view = 0.5 / self.path.focal_share
        planner = Planner(streams[2], self.world, half_view, seconds, EVEN if even else SOLO)
        planner.plan()
        for actor in planner.actors:
            actor.extra += crossings(actor.segments, self.path)
        self.backdrop = BackdropPainter(self.world, *size)
        first = self.backdrop.paint(self.path.at(0.0, *size))
        self.lens = Lens(streams[3], *size, float(first.image.mean()))
        self.set_actors(planner.actors, planner.props)

    def set_actors(self, actors: Sequence[Actor], props: Sequence[Prop] = ()) -> None:
        """Give the scene its actors, numbered from 1 in order, and the things they use."""
        self.actors, self.props = actors, props
        self.actions = [actor.actions() for actor in self.actors]
        self.cast = Cast([a.body for a in self.actors], [prop.thing for prop in self.props])
        self.painter = FigurePainter(self.cast, *self.size)

    def frame(self, stamp: int, depth: bool = False) -> SynthFrame:
        """Picture a moment.

        Args:
            stamp: ns from the scene's start.
            depth: Whether the frame carries a depth map.
        """
        time = stamp / NANOSECONDS
        camera = self.path.at(time, *self.size)
        points = self._points(time)
        still = self.backdrop.paint(camera)
        light = self.world.light
        shadow = cast_shadows(camera, self.cast, points, light, self.world.softness)
        darken(still.image, cv2.bitwise_and(shadow, still.ground), self.world.shadow)
        painted = self.painter.paint(camera, points, still.depth, light, self.world.ambient)
        middles = self._middles(points)
        actors = self._truths(stamp, camera, points, painted)
        image = self._expose(camera, middles, still.image, painted, time)
        return SynthFrame(image, stamp, actors, painted.owners, painted.depth if depth else None)

    def _points(self, time: float) -> np.ndarray:
        """Return the world points of all figures, in the order of the cast."""
        joints = [actor.joints(time) for actor in self.actors]
        for prop in self.props:
            holder = prop.holder(time)
            if isinstance(holder, Hand):
                body = joints[holder.actor - 1]
                finger = body[POINT['finger_l'] + holder.side]
                middle = 1.4 * finger - 0.4 * body[POINT['wrist_l'] + holder.side]
            else:
                middle = np.array(holder.at(time))
            half = np.array([0, prop.length / 2, 0])
            joints.append(np.stack([middle - half, middle + half]))
        return np.concatenate(joints)

    def _velocities(self, time: float) -> np.ndarray:
        """Return how fast each figure moves over the ground (F, 3), m/s."""
        rows = [(*actor.velocity(time, INSTANT), 0.0) for actor in self.actors]
        for prop in self.props:
            holder = prop.holder(time)
            if isinstance(holder, Hand):
                rows.append(rows[holder.actor - 1])
            else:
                rows.append((holder.vx, holder.vy, 0.0))
        return np.array(rows)

    def _middles(self, points: np.ndarray) -> np.ndarray:
        """Return a world point (F, 3) for each figure: pelvis, or an end of a thing."""
        bodies = len(self.actors) * len(POINTS)
        pelvises = points[POINT['pelvis'] : bodies : len(POINTS)]
        return np.concatenate([pelvises, points[bodies::2]])

    def _truths(
        self, stamp: int, camera: Camera, points: np.ndarray, painted: Painted
    ) -> tuple[ActorTruth, ...]:
        found = []
        bodies = points[: len(self.actors) * len(POINTS)].reshape(-1, len(POINTS), 3)
        for actor, actions, body, area in zip(
            self.actors, self.actions, bodies, painted.areas, strict=False
        ):
            box = _box_of(painted.owners, actor, area)
            if box is not None:
                now = tuple(each for each in actions if each.start <= stamp < each.end)
                optical = camera.to_optical(body)
                x, y, z = optical[POINT['pelvis']].tolist()
                pixels = camera.project(optical[list(KEYPOINTS.values())])
                keypoints = tuple((u, v) for u, v in pixels.tolist())
                found.append(ActorTruth(actor.number, box, now, (x, y, z), keypoints))
        return tuple(found)

    def _expose(
        self,
        camera: Camera,
        middles: np.ndarray,
        image: np.ndarray,
        painted: Painted,
        time: float,
    ) -> np.ndarray:
        """Blur by motion, lay the figures over the backdrop, expose."""
        last = self.path.at(time - INSTANT, *self.size)
        earlier = middles - INSTANT * self._velocities(time)
        now = camera.project(camera.to_optical(middles))
        speeds = (now - last.project(last.to_optical(earlier))) / INSTANT
        turn = (camera.heading - last.heading) * camera.focal / INSTANT
        image = self.lens.blur_backdrop(image, turn)
        alpha = np.where(painted.owners > 0, np.uint8(255), np.uint8(0))
        for area, (x, y) in zip(painted.areas, speeds.tolist(), strict=True):
            if area is not None:
                self.lens.blur_figure(painted.layer, alpha, area, (x, y))
        left, top, width, height = cv2.boundingRect(alpha)
        if width:
            spot = (slice(top, top + height), slice(left, left + width))
            merge(image, painted.layer, alpha, spot)
        return self.lens.expose(image, time)


def _box_of(
    owners: np.ndarray, actor: Actor, area: Area | None
) -> tuple[int, int, int, int] | None:
    """Return the box of an actor's visible pixels, or None if there are too few.

    With less than a fifth visible, a viewer knows neither where an actor ends nor what it does.
    """
    if area is None:
        return None
    mask = (owners[area] == actor.number).view(np.uint8)
    if cv2.countNonZero(mask) < max(16, SMALLEST_SHARE * owners.size, SEEN_SHARE * mask.size):
        return None
    x, y, width, height = cv2.boundingRect(mask)
    x, y = x + area[1].start, y + area[0].start
    return x, y, x + width, y + height
