"""Paint people as shaded, textured, tapered limbs with exact depth and the actor of each pixel."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from actloc_ros.synth.body import PATTERN_SIZE
from actloc_ros.synth.camera import NEAR, Camera
from actloc_ros.synth.cast import Cast

Area = tuple[slice, slice]
SMALLEST = 0.5  # pixels: parts with a smaller radius are not worth painting


@dataclass(frozen=True, eq=False)
class Painted:
    """The visible parts of the figures.

    Attributes:
        layer: uint8 (h, w, 3), RGB, zero where no figure is.
        owners: uint8 (h, w), the actor's number, THING for things, 0 for none.
        depth: float32 (h, w), metres, of figures and backdrop.
        areas: For each figure, the area of the image that it may touch, or None.
    """

    layer: np.ndarray
    owners: np.ndarray
    depth: np.ndarray
    areas: list[Area | None]


class FigurePainter:
    """Paints the figures of one scene into images of one size."""

    def __init__(self, cast: Cast, width: int, height: int) -> None:
        self.cast = cast
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
        points: np.ndarray,
        depth: np.ndarray,
        light: np.ndarray,
        ambient: float,
    ) -> Painted:
        """Paint figures where they are nearer than `depth`, which is changed to say so.

        Args:
            camera: Where from.
            points: float64 (N, 3), world points of all figures, in the order of the cast.
            depth: float32 (h, w), metres, of what is there already.
            light: Unit vector towards the light, in the world.
            ambient: Share of light from everywhere.
        """
        optical = camera.to_optical(points)
        far = optical[self.cast.parts, 2]
        ends = camera.project(optical)[self.cast.parts]
        areas = self._trace(camera, ends, far, depth)
        layer = np.zeros((*self.shape, 3), np.uint8)
        owners = np.zeros(self.shape, np.uint8)
        self._shade(camera, ends[:, 1] - ends[:, 0], light, ambient, layer, owners)
        return Painted(layer, owners, depth, areas)

    def _trace(
        self, camera: Camera, ends: np.ndarray, far: np.ndarray, depth: np.ndarray
    ) -> list[Area | None]:
        """Find the pixels of all parts; return the area of each figure."""
        self.part.fill(-1)
        cast = self.cast
        radii = cast.radii * (camera.focal / np.maximum(far, NEAR))
        girth = cast.radii.max(1)
        height, width = self.shape
        limit = np.array([width, height])
        low = np.clip(np.floor((ends - radii[..., None]).min(1)), 0, limit).astype(int)
        high = np.clip(np.ceil((ends + radii[..., None]).max(1)) + 1, 0, limit).astype(int)
        drawn = (high > low).all(1) & (far.min(1) > NEAR + girth) & (radii.max(1) > SMALLEST)
        rows = zip(
            np.flatnonzero(drawn).tolist(),
            np.hstack([low, high])[drawn].tolist(),
            np.hstack([ends.reshape(-1, 4), radii, far])[drawn].tolist(),
            girth[drawn].tolist(),
            strict=True,
        )
        for index, (x1, y1, x2, y2), shape, thick in rows:
            self._trace_part(index, (slice(y1, y2), slice(x1, x2)), shape, thick, depth)
        return [_area(low, high, drawn & (cast.figures == f)) for f in range(len(cast.owners))]

    def _trace_part(
        self, number: int, area: Area, shape: list[float], girth: float, depth: np.ndarray
    ) -> None:
        """Write a tapered limb where it is nearest: a ball that slides along its axis.

        `shape` is x, y of both ends and both radii in pixels, and both depths in metres.
        """
        ax, ay, bx, by, r1, r2, z1, z2 = shape
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
        ways: np.ndarray,
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
        axes = (ways / np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-6)).astype('f')
        across = ny * axes[part, 0] - nx * axes[part, 1]
        rows = (self.along.ravel()[spots] * (PATTERN_SIZE - 1)).astype(np.intp)
        columns = ((across + 1) * (PATTERN_SIZE / 2 - 0.51)).astype(np.intp)
        material = self.cast.materials[part]
        bright *= self.cast.patterns[material, rows, columns]
        shade = np.minimum(self.cast.colours[material] * bright[:, None], 255)
        layer.reshape(-1, 3)[spots] = shade.astype(np.uint8)
        owners.ravel()[spots] = self.cast.owners[self.cast.figures[part]]


def _area(low: np.ndarray, high: np.ndarray, chosen: np.ndarray) -> Area | None:
    if not chosen.any():
        return None
    x1, y1 = low[chosen].min(0).tolist()
    x2, y2 = high[chosen].max(0).tolist()
    return slice(y1, y2), slice(x1, x2)


def cast_shadows(
    camera: Camera, cast: Cast, points: np.ndarray, light: np.ndarray, softness: float
) -> np.ndarray:
    """Return uint8 (h, w), 255 where figures keep the light from the ground."""
    mask = np.zeros((camera.height, camera.width), np.uint8)
    optical = camera.to_optical(points - light * (points[:, 2:] / light[2]))
    far = optical[cast.parts, 2]
    ends = np.round(camera.project(optical)[cast.parts] * 4)
    widths = 2 * cast.radii.mean(1) * camera.focal / np.maximum(far.mean(1), NEAR)
    drawn = (far.min(1) > 2 * NEAR) & (np.abs(ends).max((1, 2)) < 30000)
    widths = np.maximum(np.round(widths[drawn]), 1).astype(int)
    for (a, b), width in zip(ends[drawn].astype(int).tolist(), widths.tolist(), strict=True):
        cv2.line(mask, a, b, 255, width, cv2.LINE_8, 2)
    z = max(float(np.median(far)), 1.0)
    size = 2 * round(softness * camera.focal / z) + 1
    return cv2.blur(cv2.blur(mask, (size, max(1, size // 2 | 1))), (3, 3))
