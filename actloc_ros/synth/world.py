"""Build the places that people move in: textured rooms and streets, with light and seats."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from actloc_ros.synth import textures


@dataclass(frozen=True, eq=False)
class Face:
    """A textured parallelogram, seen from where across x down points away from.

    Attributes:
        corner: float64 (3,), metres, where the texture's first pixel lies.
        across: float64 (3,), the edge along the texture's columns.
        down: float64 (3,), the edge along its rows.
        levels: uint8 (h, w, 3) textures, each half the one before.
        repeats: How often the texture is laid along each edge, mirrored every other time.
        is_ground: Whether shadows fall on it.
    """

    corner: np.ndarray
    across: np.ndarray
    down: np.ndarray
    levels: tuple[np.ndarray, ...]
    repeats: tuple[float, float] = (1.0, 1.0)
    is_ground: bool = False

    @property
    def corners(self) -> np.ndarray:
        """The four corners (4, 3) in order."""
        return self.corner + np.array(
            [np.zeros(3), self.across, self.across + self.down, self.down]
        )


@dataclass(frozen=True)
class Seat:
    """Where to stand before a seat, the heading to sit with, and how high it is, in metres."""

    place: tuple[float, float]
    heading: float
    height: float


@dataclass(eq=False)
class World:
    """All that does not move, and the light.

    Attributes:
        faces: What may be in view.
        light: Unit vector towards the light.
        ambient: Share of the light that comes from everywhere.
        shadow: How dark cast shadows are, 0..1.
        softness: Metres over which a shadow's edge fades.
        seats: Where people can sit.
        blocks: Circles (x, y, radius) on the ground that people walk around.
        depth: How far from the camera's start people go, metres.
    """

    faces: list[Face]
    light: np.ndarray
    ambient: float
    shadow: float
    softness: float
    depth: float
    seats: list[Seat] = field(default_factory=list)
    blocks: list[tuple[float, float, float]] = field(default_factory=list)


def make_world(rng: np.random.Generator) -> World:
    """Draw an indoor or an outdoor place with its furniture."""
    world = _make_room(rng) if rng.random() < 0.6 else _make_street(rng)
    for _ in range(int(rng.integers(1, 4))):
        _add_seat(rng, world)
    if rng.random() < 0.5:  # something low that hides legs
        x = rng.uniform(2.4, 4.5)
        y = rng.choice([-1, 1]) * rng.uniform(0.15, 0.45) * x
        size = tuple(rng.uniform([0.3, 0.3, 0.25], [0.6, 0.9, 0.65]))
        _add_box(rng, world, (x, y), size, rng.normal(0, 0.4))
    return world


def pyramid(texture: np.ndarray, smallest: int = 8) -> tuple[np.ndarray, ...]:
    """Return a texture and its halves, so that far faces do not flicker."""
    levels = [texture]
    while min(levels[-1].shape[:2]) >= 2 * smallest:
        height, width = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        levels.append(half)
    return tuple(levels)


def _unit(x: float, y: float, z: float) -> np.ndarray:
    vector = np.array([x, y, z])
    return vector / np.linalg.norm(vector)


def _make_room(rng: np.random.Generator) -> World:
    left, right = rng.uniform(2.8, 5.5), -rng.uniform(2.8, 5.5)
    back, front, height = rng.uniform(7.5, 12.0), -3.0, rng.uniform(2.6, 3.4)
    floor = textures.ground(rng, str(rng.choice(['wood', 'tiles', 'carpet'])))
    world = World(
        [_ground(floor, front, back, right, left, 3.0)],
        _unit(rng.uniform(-0.5, 0.2), rng.uniform(-0.5, 0.5), 1.0),
        ambient=float(rng.uniform(0.55, 0.7)),
        shadow=float(rng.uniform(0.25, 0.45)),
        softness=0.12,
        depth=back - 0.8,
    )
    corners = [(back, left), (back, right), (front, right)]
    _add_wall(rng, world, corners[0], corners[1], height)
    _add_wall(rng, world, corners[1], corners[2], height)
    _add_wall(rng, world, (front, left), corners[0], height)
    plaster = textures.colour(
        textures.muted(rng, 185, 230, 0.04), 1 + 0.04 * textures.noise(rng, 64, 64)
    )
    ceiling = Face(
        np.array([back, right, height]),
        np.array([0, left - right, 0.0]),
        np.array([front - back, 0, 0.0]),
        pyramid(plaster),
    )
    world.faces.append(ceiling)
    for _ in range(int(rng.integers(3, 8))):
        _add_furniture(rng, world, left, right, back)
    return world


def _make_street(rng: np.random.Generator) -> World:
    kind = str(rng.choice(['asphalt', 'paving', 'grass']))
    far = 40.0
    world = World(
        [_ground(textures.ground(rng, kind), -6.0, far, -far, far, 4.0)],
        _unit(rng.uniform(-0.8, 0.5), rng.uniform(-0.9, 0.9), rng.uniform(0.6, 1.2)),
        ambient=float(rng.uniform(0.45, 0.6)),
        shadow=float(rng.uniform(0.3, 0.6)),
        softness=0.03,
        depth=float(rng.uniform(8, 12)),
    )
    view = textures.landscape(rng, 640, 1280, hills=0.4)
    for a, b in (((far, far), (far, -far)), ((far, -far), (-6, -far)), ((-6, far), (far, far))):
        world.faces.append(_upright(a, b, 50.0, pyramid(view)))
    for _ in range(int(rng.integers(3, 7))):
        side = float(rng.choice([-1, 1]))
        x, width = rng.uniform(8, 26), rng.uniform(3, 8)
        y = side * (rng.uniform(0.25, 0.8) * x + width / 2)
        _add_box(rng, world, (x, y), (width, width, rng.uniform(3, 9)), 0.0, wall=True)
    for _ in range(int(rng.integers(2, 7))):
        x = rng.uniform(3, 12)
        y = rng.choice([-1, 1]) * rng.uniform(0.35, 0.8) * x
        size = (0.15, 0.15, rng.uniform(0.9, 4)) if rng.random() < 0.5 else rng.uniform(0.4, 1.3, 3)
        _add_box(rng, world, (x, y), tuple(size), rng.uniform(0, 1.5))
    return world


def _ground(texture: np.ndarray, x1: float, x2: float, y1: float, y2: float, tile: float) -> Face:
    return Face(
        np.array([x2, y2, 0.0]),
        np.array([0, y1 - y2, 0.0]),
        np.array([x1 - x2, 0, 0.0]),
        pyramid(texture),
        ((y2 - y1) / tile, (x2 - x1) / tile),
        is_ground=True,
    )


def _upright(
    a: tuple[float, float], b: tuple[float, float], height: float, levels: tuple[np.ndarray, ...]
) -> Face:
    return Face(
        np.array([a[0], a[1], height]),
        np.array([b[0] - a[0], b[1] - a[1], 0.0]),
        np.array([0, 0, -height]),
        levels,
    )


def _add_wall(
    rng: np.random.Generator,
    world: World,
    a: tuple[float, float],
    b: tuple[float, float],
    height: float,
) -> None:
    length = math.dist(a, b)
    world.faces.append(_upright(a, b, height, pyramid(textures.wall(rng, length, height))))


def _add_furniture(
    rng: np.random.Generator, world: World, left: float, right: float, back: float
) -> None:
    size = rng.uniform([0.4, 0.5, 0.4], [0.7, 1.6, 2.0])
    if rng.random() < 0.45:  # along the back wall
        place = (back - size[0] / 2, rng.uniform(right + 0.8, left - 0.8))
    else:
        wall = left if rng.random() < 0.5 else right
        x = rng.uniform(2.2, back - 1)
        offset = size[1] / 2 + (rng.uniform(0, 0.8) if rng.random() < 0.4 else 0)
        place = (x, wall - math.copysign(offset, wall))
    _add_box(rng, world, place, tuple(size), rng.normal(0, 0.1))
    if size[2] < 1.2:
        world.blocks[-1] = (*place, 0.5 * max(size[:2]) + 0.25)


def _add_box(
    rng: np.random.Generator,
    world: World,
    place: tuple[float, float],
    size: tuple[float, ...],
    turn: float,
    base: float = 0.0,
    wall: bool = False,
) -> None:
    """Add a box that stands at a place: four sides and a top, shaded by the light."""
    depth, width, height = size
    c, s = math.cos(turn), math.sin(turn)
    u, v = np.array([c, s]) * depth / 2, np.array([-s, c]) * width / 2
    ring = [np.array(place) + a * u + b * v for a, b in ((-1, 1), (-1, -1), (1, -1), (1, 1))]
    if wall:
        skin = textures.wall(rng, width, height, 24)
    else:
        skin = textures.front(rng, max(16, int(96 * height)), max(16, int(96 * width)))
    for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
        normal = np.array([a[1] - b[1], b[0] - a[0], 0.0])
        lit = _lit(world, -normal / np.linalg.norm(normal), skin)
        face = _upright((a[0], a[1]), (b[0], b[1]), height, pyramid(lit))
        face.corner[2] += base
        world.faces.append(face)
    top = [np.array([*corner, base + height]) for corner in ring]
    cover = cv2.resize(_lit(world, np.array([0, 0, 1.0]), skin), (32, 32))
    world.faces.append(Face(top[3], top[2] - top[3], top[0] - top[3], pyramid(cover)))
    world.blocks.append((*place, 0.5 * math.hypot(depth, width) + 0.3))


def _lit(world: World, normal: np.ndarray, texture: np.ndarray) -> np.ndarray:
    light = world.ambient + (1.15 - world.ambient) * max(0.0, float(normal @ world.light))
    return cv2.convertScaleAbs(texture, alpha=light)


def _add_seat(rng: np.random.Generator, world: World) -> None:
    """Add a stool or chair that faces more or less towards the camera's start."""
    x = float(rng.uniform(3.5, min(world.depth - 0.5, 6.5)))
    y = float(rng.uniform(-0.4, 0.4)) * x
    heading = math.pi + math.atan2(y, x) + float(rng.uniform(-1.2, 1.2))
    height = float(rng.uniform(0.40, 0.46))
    ahead = np.array([math.cos(heading), math.sin(heading)])
    middle = np.array([x, y]) - 0.47 * ahead
    _add_box(rng, world, (middle[0], middle[1]), (0.42, 0.45, height), heading)
    if rng.random() < 0.6:
        back = middle - 0.22 * ahead
        _add_box(rng, world, (back[0], back[1]), (0.05, 0.45, 0.85), heading)
        world.blocks.pop()
    world.blocks[-1] = (middle[0], middle[1], 0.45)
    world.seats.append(Seat((x, y), heading, height))
