"""Paint the faces of a world as a camera sees them, with the depth of each pixel."""

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
        ground: uint8 (h, w), 255 where the ground is seen.
    """

    image: np.ndarray
    depth: np.ndarray
    ground: np.ndarray


class BackdropPainter:
    """Paints one world, for any camera of one image size."""

    def __init__(self, world: World, width: int, height: int) -> None:
        self.faces = world.faces
        self.corners = np.array([face.corners for face in world.faces])
        self.normals = np.array([np.cross(face.across, face.down) for face in world.faces])
        self.columns = np.arange(width, dtype=np.float32)
        self.rows = np.arange(height, dtype=np.float32)[:, None]
        self.shape = (height, width)

    def paint(self, camera: Camera) -> Backdrop:
        """Return the image and depth of the faces."""
        image = np.empty((*self.shape, 3), np.uint8)
        image[:] = (178, 202, 228)
        inverse = np.zeros(self.shape, np.float32)
        ground = np.zeros(self.shape, np.uint8)
        for index, polygon in self._seen(camera):
            self._paint_face(camera, self.faces[index], polygon, image, inverse, ground)
        with np.errstate(divide='ignore'):
            depth = 1 / inverse
        return Backdrop(image, depth, ground)

    def _seen(self, camera: Camera) -> list[tuple[int, np.ndarray]]:
        """Return faces that turn to the camera, with what lies in view as pixel polygons."""
        optical = camera.to_optical(self.corners)
        edge_x, edge_y = camera.width / 2 / camera.focal, camera.height / 2 / camera.focal
        planes = np.array(
            [[0, 0, 1, -NEAR], [1, 0, edge_x, 0], [-1, 0, edge_x, 0], [0, 1, edge_y, 0],
             [0, -1, edge_y, 0]]
        )  # fmt: skip
        distances = optical @ planes[:, :3].T + planes[:, 3]
        hidden = (distances < 0).all(1).any(1)
        seen = []
        for index in np.flatnonzero(~hidden):
            polygon = optical[index]
            for plane in np.flatnonzero((distances[index] < 0).any(0)):
                polygon = _clip(polygon, planes[plane])
            if len(polygon) >= 3:
                seen.append((int(index), camera.project(polygon)))
        return seen

    def _paint_face(
        self,
        camera: Camera,
        face: Face,
        polygon: np.ndarray,
        image: np.ndarray,
        inverse: np.ndarray,
        ground: np.ndarray,
    ) -> None:
        x1, y1 = np.maximum(np.floor(polygon.min(0)).astype(int), 0)
        x2, y2 = np.ceil(polygon.max(0)).astype(int) + 1
        x2, y2 = min(x2, self.shape[1]), min(y2, self.shape[0])
        if x1 >= x2 or y1 >= y2:
            return
        a, b, c = _inverse_depth(camera, face)
        near = (a * self.columns[x1:x2] + c) + b * self.rows[y1:y2]
        mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
        corners = np.round((polygon - [x1, y1]) * 16).astype(np.int32)
        cv2.fillConvexPoly(mask, corners, 255, shift=4)
        area = (slice(y1, y2), slice(x1, x2))
        mask[near <= inverse[area]] = 0
        painted = self._texture(camera, face, (x1, y1, x2, y2), near)
        cv2.copyTo(painted, mask, image[area])
        cv2.copyTo(near, mask, inverse[area])
        if face.is_ground:
            ground[area] |= mask
        else:
            ground[area] &= ~mask

    def _texture(
        self, camera: Camera, face: Face, box: tuple[int, int, int, int], near: np.ndarray
    ) -> np.ndarray:
        """Return the face's texture over a box, from coarser levels where it is farther."""
        x1, y1, x2, y2 = box
        painted = np.empty((y2 - y1, x2 - x1, 3), np.uint8)
        height, width = near.shape
        by_row = abs(near[-1, width // 2] - near[0, width // 2]) >= abs(
            near[height // 2, -1] - near[height // 2, 0]
        )
        line = near[:, width // 2] if by_row else near[height // 2]
        density = _density(face)
        finest = density / (camera.focal * np.maximum(line, 1e-3))  # texture pixels a pixel
        levels = np.clip(np.log2(finest) + 0.3, 0, len(face.levels) - 1).astype(int)
        edges = [0, *(np.flatnonzero(np.diff(levels)) + 1).tolist(), len(levels)]
        for start, stop in pairwise(edges):
            matrix = _pixel_to_texture(camera, face, int(levels[start]))
            if by_row:
                part, shift = painted[start:stop], (x1, y1 + start)
            else:
                part, shift = painted[:, start:stop], (x1 + start, y1)
            cv2.warpPerspective(
                face.levels[levels[start]],
                matrix @ [[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]],
                (part.shape[1], part.shape[0]),
                dst=part,
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT,
            )
        return painted


def _density(face: Face) -> float:
    """Return texture pixels a metre, the finer of the two ways."""
    rows, columns = face.levels[0].shape[:2]
    across = columns * face.repeats[0] / math.sqrt(face.across @ face.across)
    return max(across, rows * face.repeats[1] / math.sqrt(face.down @ face.down))


def _pixel_to_texture(camera: Camera, face: Face, level: int) -> np.ndarray:
    rows, columns = face.levels[level].shape[:2]
    columns_way = face.across / (columns * face.repeats[0])
    rows_way = face.down / (rows * face.repeats[1])
    corner = face.corner - camera.position + 0.5 * (columns_way + rows_way)
    plane = camera.rotation @ np.stack([columns_way, rows_way, corner], axis=1)
    return np.linalg.inv(camera.matrix @ plane)


def _inverse_depth(camera: Camera, face: Face) -> tuple[float, float, float]:
    """Return a, b, c of 1 / depth = a * column + b * row + c."""
    normal = camera.rotation @ np.cross(face.across, face.down)
    offset = float(normal @ (camera.rotation @ (face.corner - camera.position)))
    a, b, c = normal @ np.linalg.inv(camera.matrix) / (offset or 1e-9)
    return float(a), float(b), float(c)


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
