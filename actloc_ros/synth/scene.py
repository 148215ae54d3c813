"""Render a synthetic scene frame by frame, with exact ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.synth.backdrop import BackdropPainter
from actloc_ros.synth.camera import Camera, CameraPath
from actloc_ros.synth.lens import Lens, darken, merge
from actloc_ros.synth.painter import (
    PELVIS,
    Figure,
    FigurePainter,
    Painted,
    cast_shadows,
    figure_of,
    figure_of_thing,
)
from actloc_ros.synth.planner import Planner
from actloc_ros.synth.script import Action, Actor, Hand
from actloc_ros.synth.world import make_world

SMALLEST_SHARE = 0.0004  # of the image's pixels: who shows less is not annotated


@dataclass(frozen=True)
class ActorTruth:
    """What one actor does in one frame, and where.

    Attributes:
        actor: The actor's number, from 1, the same in all frames.
        box: x1, y1, x2, y2 of the visible part in pixels, half-open.
        actions: What the actor is doing at the stamp, each with its whole interval.
        position: Metres in the optical frame (right, down, forward), of the body's middle.
    """

    actor: int
    box: tuple[int, int, int, int]
    actions: tuple[Action, ...]
    position: tuple[float, float, float]

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
        actors: Whom the image shows, by number.
        mask: uint8 (height, width): the number of the actor whom a pixel shows; 255 for things
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
    seed: int, seconds: float, size: tuple[int, int], rate: float, depth: bool = False
) -> Iterator[SynthFrame]:
    """Render the scene of a seed.

    The same arguments give the same bytes. The scene and what happens in it depend on seed and
    seconds only, not on size and rate.

    Args:
        seed: Any integer >= 0.
        seconds: Duration.
        size: Width and height in pixels, at least 32 each.
        rate: Frames a second.
        depth: Whether frames carry a depth map.

    Raises:
        ValueError: If an argument is out of range.
    """
    _check(seed, seconds, size, rate)
    scene = Scene(seed, seconds, size)
    for index in range(frame_count(seconds, rate)):
        yield scene.frame(frame_stamp(index, rate), 1 / rate, depth)


def _check(seed: int, seconds: float, size: tuple[int, int], rate: float) -> None:
    if seed < 0:
        raise ValueError(f'seed is {seed}; expected an integer >= 0')
    if min(size) < 32:
        raise ValueError(f'size is {size[0]}x{size[1]}; expected at least 32x32')
    if not (0 < rate <= 1000):
        raise ValueError(f'rate is {rate}; expected frames a second in (0, 1000]')
    if not (0 < seconds * rate <= 1e6):
        raise ValueError(f'seconds is {seconds}; expected a duration of 1 to 1000000 frames')


class Scene:
    """A world, its camera and its actors, which can be pictured at any moment, in order."""

    def __init__(self, seed: int, seconds: float, size: tuple[int, int]) -> None:
        streams = [np.random.default_rng([seed, index]) for index in range(4)]
        self.size = size
        self.world = make_world(streams[0])
        self.path = CameraPath(streams[1])
        planner = Planner(streams[2], self.world, 0.5 / self.path.focal_share, seconds)
        planner.plan()
        self.actors, self.props = planner.actors, planner.props
        self.actions = [actor.actions() for actor in self.actors]
        self.lens = Lens(streams[3], *size)
        self.backdrop = BackdropPainter(self.world, *size)
        self.painter = FigurePainter(*size)
        self.before: tuple[Camera, list[np.ndarray]] | None = None

    def frame(self, stamp: int, period: float, depth: bool) -> SynthFrame:
        """Picture a moment; the time since the last call should be the period, in seconds."""
        time = stamp / NANOSECONDS
        camera = self.path.at(time, *self.size)
        figures = self._figures(time)
        still = self.backdrop.paint(camera)
        shadow = cast_shadows(camera, figures, self.world.light, self.world.softness)
        darken(still.image, cv2.bitwise_and(shadow, still.ground), self.world.shadow)
        painted = self.painter.paint(
            camera, figures, still.depth, self.world.light, self.world.ambient
        )
        actors = self._truths(stamp, camera, figures, painted)
        mask = painted.owners
        image = self._expose(camera, figures, still.image, painted, time, period)
        return SynthFrame(image, stamp, actors, mask, painted.depth if depth else None)

    def _figures(self, time: float) -> list[Figure]:
        figures = [figure_of(actor.number, actor.body, actor.joints(time)) for actor in self.actors]
        for prop in self.props:
            holder = prop.holder(time)
            if isinstance(holder, Hand):
                points = figures[holder.actor - 1].points
                from_elbow = points[18 + holder.side] - points[16 + holder.side]
                middle = points[18 + holder.side] + 0.4 * from_elbow
            else:
                middle = np.array([holder.x, holder.y, holder.z])
            half = np.array([0, prop.size[1] / 2, 0])
            points = np.stack([middle - half, middle + half])
            figures.append(figure_of_thing(prop.size, prop.colour, points))
        return figures

    def _truths(
        self, stamp: int, camera: Camera, figures: list[Figure], painted: Painted
    ) -> tuple[ActorTruth, ...]:
        found = []
        for actor, actions, figure, area in zip(
            self.actors, self.actions, figures, painted.areas, strict=False
        ):
            box = _box_of(painted.owners, actor, area)
            if box is not None:
                position = camera.to_optical(figure.points[PELVIS])
                now = tuple(each for each in actions if each.start <= stamp < each.end)
                x, y, z = position.tolist()
                found.append(ActorTruth(actor.number, box, now, (x, y, z)))
        return tuple(found)

    def _expose(
        self,
        camera: Camera,
        figures: list[Figure],
        image: np.ndarray,
        painted: Painted,
        time: float,
        period: float,
    ) -> np.ndarray:
        """Blur by motion since the last frame, lay the figures over the backdrop, expose."""
        middles = [figure.points[:1] for figure in figures]
        pixels = np.concatenate([camera.project(camera.to_optical(middle)) for middle in middles])
        shifts, turn = np.zeros_like(pixels), 0.0
        if self.before is not None:
            last, earlier = self.before
            old = np.concatenate([last.project(last.to_optical(middle)) for middle in earlier])
            shifts = pixels - old
            turn = (camera.heading - last.heading) * camera.focal
        self.before = (camera, middles)
        image = self.lens.blur_backdrop(image, turn / period)
        alpha = np.where(painted.owners > 0, np.uint8(255), np.uint8(0))
        layer = painted.layer
        for area, shift in zip(painted.areas, shifts.tolist(), strict=True):
            if area is not None:
                self.lens.blur_figure(layer, alpha, area, (shift[0] / period, shift[1] / period))
        x, y, width, height = cv2.boundingRect(alpha)
        if width:
            merge(image, layer, alpha, (slice(y, y + height), slice(x, x + width)))
        return self.lens.expose(image, time)


def _box_of(
    owners: np.ndarray, actor: Actor, area: tuple[slice, slice] | None
) -> tuple[int, int, int, int] | None:
    """Return the box of an actor's visible pixels, or None if there are too few."""
    if area is None:
        return None
    mask = (owners[area] == actor.number).view(np.uint8)
    if cv2.countNonZero(mask) < max(16, SMALLEST_SHARE * owners.size):
        return None
    x, y, width, height = cv2.boundingRect(mask)
    x, y = x + area[1].start, y + area[0].start
    return x, y, x + width, y + height
