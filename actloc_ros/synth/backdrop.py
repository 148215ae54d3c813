"""Paint the faces of a world in a camera's view, with the depth of each pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from actloc_ros.synth.camera import NEAR, Camera
from actloc_ros.synth.world import Face, World


@dataclass(frozen=True, eq=False)
class Backdrop:
    """What stands still at one moment.

    Attributes:
        image: uint8 (h, w, 3), RGB.
        depth: float32 (h, w), metres along the optical axis; inf where nothing is.
        ground: uint8 (h, w), 255 where the ground is visible.
    """

    image: np.ndarray
    depth: np.ndarray
    ground: np.ndarray


@dataclass(frozen=True, eq=False)
class _VisibleFace:
    """One face in one view.

    Attributes:
        face: What to paint.
        polygon: float64 (N, 2), the pixels of the part in view.
        inverse_depth: a, b, c of 1 / depth = a * column + b * row + c.
        to_texture: float64 (3, 3), from pixels to shares of the texture, homogeneous.
        density: Texture pixels a metre, the finer of the two ways.
    """

    face: Face
    polygon: np.ndarray
    inverse_depth: list[float]
    to_texture: np.ndarray
    density: float


class BackdropPainter:
    """Paints one world, for any camera of one image size."""

    def __init__(self, world: World, width: int, height: int) -> None:
        self.faces = world.faces
        self.corners = np.array([face.corners for face in world.faces])
        self.normals = np.cross(
            [face.across for face in world.faces], [face.down for face in world.faces]
        )
        self.densities = [_density(face) for face in world.faces]
        self.columns = np.arange(width, dtype=np.float32)
        self.rows = np.arange(height, dtype=np.float32)[:, None]
        self.shape = (height, width)

    def paint(self, camera: Camera) -> Backdrop:
        """Return the image and depth of the faces."""
        image = np.empty((*self.shape, 3), np.uint8)
        image[:] = (178, 202, 228)
        inverse = np.zeros(self.shape, np.float32)
        ground = np.zeros(self.shape, np.uint8)
        for face in self._visible_faces(camera):
            self._paint_face(camera, face, image, inverse, ground)
        with np.errstate(divide='ignore'):
            depth = 1 / inverse
        return Backdrop(image, depth, ground)

    def _visible_faces(self, camera: Camera) -> list[_VisibleFace]:
        """Return the faces that turn to the camera and are in view."""
        optical = camera.to_optical(self.corners)
        edge_x, edge_y = camera.width / 2 / camera.focal, camera.height / 2 / camera.focal
        planes = np.array(
            [[0, 0, 1, -NEAR], [1, 0, edge_x, 0], [-1, 0, edge_x, 0], [0, 1, edge_y, 0],
             [0, -1, edge_y, 0]]
        )  # fmt: skip
        distances = optical @ planes[:, :3].T + planes[:, 3]
        normals = self.normals @ camera.rotation.T
        offsets = (normals * optical[:, 0]).sum(1)
        visible = np.flatnonzero((offsets > 1e-9) & ~(distances < 0).all(1).any(1))
        to_ray = np.linalg.inv(camera.matrix)
        inverse_depths = normals[visible] @ to_ray / offsets[visible, None]
        corners = optical[visible]
        axes = np.stack(
            [corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0], corners[:, 0]], axis=2
        )
        to_texture = np.linalg.inv(camera.matrix @ axes)
        crossed = (distances < 0).any(1)
        found = []
        for index, face in enumerate(visible.tolist()):
            polygon = optical[face]
            for plane in np.flatnonzero(crossed[face]):
                polygon = _clip(polygon, planes[plane])
            if len(polygon) >= 3:
                found.append(
                    _VisibleFace(
                        self.faces[face],
                        camera.project(polygon),
                        inverse_depths[index].tolist(),
                        to_texture[index],
                        self.densities[face],
                    )
                )
        return found

    def _paint_face(
        self,
        camera: Camera,
        visible: _VisibleFace,
        image: np.ndarray,
        inverse: np.ndarray,
        ground: np.ndarray,
    ) -> None:
        low, high = visible.polygon.min(0).tolist(), visible.polygon.max(0).tolist()
        x1, y1 = max(math.floor(low[0]), 0), max(math.floor(low[1]), 0)
        x2 = min(math.ceil(high[0]) + 1, self.shape[1])
        y2 = min(math.ceil(high[1]) + 1, self.shape[0])
        if x2 - x1 < 2 or y2 - y1 < 2:
            return
        a, b, c = visible.inverse_depth
        near = (np.float32(a) * self.columns[x1:x2] + np.float32(c)) + (
            np.float32(b) * self.rows[y1:y2]
        )
        mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
        corners = np.round((visible.polygon - [x1, y1]) * 16).astype(np.int32)
        cv2.fillConvexPoly(mask, corners, 255, shift=4)
        area = (slice(y1, y2), slice(x1, x2))
        # Faces that share an edge overlap there by half a pixel: the first one keeps it.
        nearer = cv2.compare(near * np.float32(0.996), inverse[area], cv2.CMP_GT)
        np.bitwise_and(mask, nearer, out=mask)
        if not cv2.countNonZero(mask):
            return
        painted = self._texture(camera, visible, (x1, y1), near)
        cv2.copyTo(painted, mask, image[area])
        cv2.copyTo(near, mask, inverse[area])
        if visible.face.is_ground:
            ground[area] |= mask
        else:
            ground[area] &= ~mask

    def _texture(
        self, camera: Camera, visible: _VisibleFace, origin: tuple[int, int], near: np.ndarray
    ) -> np.ndarray:
        """Return the face's texture over a box, from coarser levels where it is farther."""
        height, width = near.shape
        painted = np.empty((height, width, 3), np.uint8)
        by_row = abs(visible.inverse_depth[1]) * height >= abs(visible.inverse_depth[0]) * width
        line = near[:, width // 2] if by_row else near[height // 2]
        finest = visible.density / camera.focal  # texture pixels a pixel, at 1 m
        for level, start, stop in _bands(line, finest, len(visible.face.levels)):
            x, y = (origin[0], origin[1] + start) if by_row else (origin[0] + start, origin[1])
            part = painted[start:stop] if by_row else painted[:, start:stop]
            cv2.warpPerspective(
                visible.face.levels[level],
                _pixel_to_texture(visible, level, x, y),
                (part.shape[1], part.shape[0]),
                dst=part,
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT,
            )
        return painted


def _bands(line: np.ndarray, finest: float, count: int) -> list[tuple[int, int, int]]:
    """Split a line of inverse depths where the texture's level changes: level, start, stop."""
    first, last = (
        min(max(int(math.log2(finest / max(float(end), 1e-3)) + 0.3), 0), count - 1)
        for end in (line[0], line[-1])
    )
    if first == last:
        return [(first, 0, len(line))]
    levels = np.log2(finest / np.maximum(line, 1e-3)) + 0.3
    levels = np.minimum(np.maximum(levels, 0), count - 1).astype(int)
    edges = [0, *(np.flatnonzero(levels[1:] != levels[:-1]) + 1).tolist(), len(line)]
    return [(int(levels[start]), start, stop) for start, stop in pairwise(edges)]


def _pixel_to_texture(visible: _VisibleFace, level: int, x: int, y: int) -> np.ndarray:
    """Map pixels counted from (x, y) to pixels of a texture's level, centres at integers."""
    rows, columns = visible.face.levels[level].shape[:2]
    a = visible.to_texture.copy()
    a[:, 2] += x * a[:, 0] + y * a[:, 1]
    a[0] = columns * visible.face.repeats[0] * a[0] - 0.5 * a[2]
    a[1] = rows * visible.face.repeats[1] * a[1] - 0.5 * a[2]
    return a


def _density(face: Face) -> float:
    """Return texture pixels a metre, the finer of the two ways."""
    rows, columns = face.levels[0].shape[:2]
    across = columns * face.repeats[0] / math.sqrt(face.across @ face.across)
    return max(across, rows * face.repeats[1] / math.sqrt(face.down @ face.down))


def _clip(polygon: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Return the part of a convex polygon on the plane's inner side (Sutherland-Hodgman)."""
    distance = (polygon @ plane[:3] + plane[3]).tolist()
    points = []
    for index, current in enumerate(polygon):
        here, before = distance[index], distance[index - 1]
        if (here < 0) != (before < 0):
            share = before / (before - here)
            points.append(polygon[index - 1] + share * (current - polygon[index - 1]))
        if here >= 0:
            points.append(current)
    return np.array(points).reshape(-1, 3)
