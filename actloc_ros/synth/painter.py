"""Paint people as shaded, textured, tapered limbs with exact depth and the actor of each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from actloc_ros.synth.body import PATTERN_SIZE, POINT, Body
from actloc_ros.synth.camera import NEAR, Camera

Area = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Figure:
    """Something of limbs to paint: an actor (number from 1) or a thing (number 0)."""

    number: int
    parts: np.ndarray
    radii: np.ndarray
    materials: np.ndarray
    colours: np.ndarray
    patterns: np.ndarray
    points: np.ndarray


def figure_of(number: int, body: Body, points: np.ndarray) -> Figure:
    """Return an actor's body at its world points (29, 3)."""
    return Figure(
        number, body.parts, body.radii, body.materials, body.colours, body.patterns, points
    )


def figure_of_thing(
    size: tuple[float, float], colour: tuple[float, float, float], points: np.ndarray
) -> Figure:
    """Return a thing between two world points (2, 3)."""
    return Figure(
        0,
        np.array([[0, 1]]),
        np.full((1, 2), size[0], np.float32),
        np.zeros(1, int),
        np.array([colour], np.float32),
        np.ones((1, PATTERN_SIZE, PATTERN_SIZE), np.float32),
        points,
    )


@dataclass(frozen=True, eq=False)
class Painted:
    """What is seen of the figures.

    Attributes:
        layer: uint8 (h, w, 3), RGB, zero where no figure is.
        owners: uint8 (h, w), the actor's number, 255 for things, 0 for none.
        depth: float32 (h, w), metres, of figures and backdrop.
        areas: For each figure, the area of the image that it may touch, or None.
    """

    layer: np.ndarray
    owners: np.ndarray
    depth: np.ndarray
    areas: list[Area | None]


class FigurePainter:
    """Paints figures into images of one size."""

    def __init__(self, width: int, height: int) -> None:
        self.columns = np.arange(width, dtype=np.float32)
        self.rows = np.arange(height, dtype=np.float32)[:, None]
        self.shape = (height, width)
        self.part = np.empty(self.shape, np.int16)
        self.along = np.empty(self.shape, np.float32)
        self.normal_x = np.empty(self.shape, np.float32)
        self.normal_y = np.empty(self.shape, np.float32)

    def paint(
        self,
        camera: Camera,
        figures: Sequence[Figure],
        depth: np.ndarray,
        light: np.ndarray,
        ambient: float,
    ) -> Painted:
        """Paint figures where they are nearer than `depth`, which is changed to say so."""
        self.part.fill(-1)
        areas, axes, first = [], [], 0
        for figure in figures:
            area, ways = self._trace(camera, figure, first, depth)
            areas.append(area)
            axes.append(ways)
            first += len(figure.parts)
        layer = np.zeros((*self.shape, 3), np.uint8)
        owners = np.zeros(self.shape, np.uint8)
        if first:
            self._shade(camera, figures, np.concatenate(axes), light, ambient, layer, owners)
        return Painted(layer, owners, depth, areas)

    def _trace(
        self, camera: Camera, figure: Figure, first: int, depth: np.ndarray
    ) -> tuple[Area | None, np.ndarray]:
        """Find the pixels of a figure's parts; return their area and the parts' image axes."""
        optical = camera.to_optical(figure.points)
        pixels = camera.project(optical)
        ends, far = pixels[figure.parts], optical[figure.parts, 2]
        radii = figure.radii * (camera.focal / np.maximum(far, NEAR))
        low = (ends - radii[..., None]).min(1)
        high = (ends + radii[..., None]).max(1)
        height, width = self.shape
        low = np.clip(np.floor(low), 0, [width, height]).astype(int)
        high = np.clip(np.ceil(high) + 1, 0, [width, height]).astype(int)
        drawn = (high > low).all(1) & (far.min(1) > NEAR + figure.radii.max(1))
        way = ends[:, 1] - ends[:, 0]
        length = np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6)
        for index in np.flatnonzero(drawn):
            (x1, y1), (x2, y2) = low[index].tolist(), high[index].tolist()
            self._trace_part(
                first + int(index),
                (slice(y1, y2), slice(x1, x2)),
                ends[index].ravel().tolist(),
                radii[index].tolist(),
                far[index].tolist(),
                float(figure.radii[index].max()),
                depth,
            )
        if not drawn.any():
            return None, way / length
        x1, y1 = low[drawn].min(0).tolist()
        x2, y2 = high[drawn].max(0).tolist()
        return (slice(y1, y2), slice(x1, x2)), way / length

    def _trace_part(
        self,
        number: int,
        area: Area,
        ends: list[float],
        radii: list[float],
        far: list[float],
        girth: float,
        depth: np.ndarray,
    ) -> None:
        """Write a tapered limb where it is nearest: a disc that slides along its axis."""
        (ax, ay, bx, by), (r1, r2), (z1, z2) = ends, radii, far
        dx, dy = bx - ax, by - ay
        x, y = self.columns[area[1]] - np.float32(ax), self.rows[area[0]] - np.float32(ay)
        square = dx * dx + dy * dy
        if square < 0.25:
            share = np.full((len(y), len(x)), 0.0 if z1 < z2 else 1.0, np.float32)
        else:
            share = x * np.float32(dx / square) + y * np.float32(dy / square)
            np.maximum(share, 0, out=share)
            np.minimum(share, 1, out=share)
        inverse = 1 / (share * np.float32(r2 - r1) + np.float32(r1))
        nx = (x - share * np.float32(dx)) * inverse
        ny = (y - share * np.float32(dy)) * inverse
        bulge = 1 - nx * nx - ny * ny
        inside = bulge > 0
        np.maximum(bulge, 0, out=bulge)
        z = share * np.float32(z2 - z1) + np.float32(z1) - np.float32(girth) * np.sqrt(bulge)
        inside &= z < depth[area]
        np.copyto(depth[area], z, where=inside)
        np.copyto(self.part[area], np.int16(number), where=inside)
        np.copyto(self.along[area], share, where=inside)
        np.copyto(self.normal_x[area], nx, where=inside)
        np.copyto(self.normal_y[area], ny, where=inside)

    def _shade(
        self,
        camera: Camera,
        figures: Sequence[Figure],
        axes: np.ndarray,
        light: np.ndarray,
        ambient: float,
        layer: np.ndarray,
        owners: np.ndarray,
    ) -> None:
        """Colour all traced pixels at once: cloth, light, and darker rims."""
        spots = np.flatnonzero(self.part >= 0)
        part = self.part.ravel()[spots]
        nx, ny = self.normal_x.ravel()[spots], self.normal_y.ravel()[spots]
        nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0))
        sun = (camera.rotation @ light).astype(np.float32)
        up = camera.rotation[:, 2].astype(np.float32)
        bright = np.maximum(nx * sun[0] + ny * sun[1] - nz * sun[2], 0) * np.float32(1.25 - ambient)
        sky = nx * up[0] + ny * up[1] - nz * up[2]
        bright += np.float32(ambient) * (0.85 + 0.2 * sky) * (0.72 + 0.28 * nz)
        across = ny * axes[part, 0].astype(np.float32) - nx * axes[part, 1].astype(np.float32)
        rows = (self.along.ravel()[spots] * (PATTERN_SIZE - 1)).astype(np.intp)
        columns = ((across + 1) * (PATTERN_SIZE / 2 - 0.51)).astype(np.intp)
        first = np.cumsum([0] + [len(figure.colours) for figure in figures[:-1]])
        material = np.concatenate(
            [figure.materials + base for figure, base in zip(figures, first, strict=True)]
        )[part]
        patterns = np.concatenate([figure.patterns for figure in figures])
        colours = np.concatenate([figure.colours for figure in figures])
        bright *= patterns[material, rows, columns]
        shade = np.minimum(colours[material] * bright[:, None], 255)
        layer.reshape(-1, 3)[spots] = shade.astype(np.uint8)
        numbers = np.concatenate(
            [np.full(len(figure.parts), figure.number or 255, np.uint8) for figure in figures]
        )
        owners.ravel()[spots] = numbers[part]


def cast_shadows(
    camera: Camera, figures: Sequence[Figure], light: np.ndarray, softness: float
) -> np.ndarray:
    """Return uint8 (h, w), 255 where figures keep the light from the ground."""
    mask = np.zeros((camera.height, camera.width), np.uint8)
    for figure in figures:
        points = figure.points - light * (figure.points[:, 2:] / light[2])
        optical = camera.to_optical(points)
        pixels = camera.project(optical)
        far = optical[figure.parts, 2]
        ends = np.round(pixels[figure.parts] * 4).astype(int)
        widths = 2 * figure.radii.mean(1) * camera.focal / np.maximum(far.mean(1), NEAR)
        for (a, b), width, z in zip(ends.tolist(), widths.tolist(), far.min(1), strict=True):
            if z > 2 * NEAR and max(map(abs, a + b)) < 30000:
                cv2.line(mask, a, b, 255, max(1, round(width)), cv2.LINE_8, 2)
    middle = np.mean([figure.points[0] for figure in figures], axis=0) if figures else None
    if middle is None:
        return mask
    z = max(float(camera.to_optical(middle)[2]), 1.0)
    size = 2 * round(softness * camera.focal / z) + 1
    return cv2.blur(cv2.blur(mask, (size, max(1, size // 2 | 1))), (3, 3))


PELVIS = POINT['pelvis']
