"""Vary labelled pictures: where they lie on the canvas, who covers them, and how they are lit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from actloc_ros.training.people_n.pictures import MIRRORED, FloatArray, People, Picture

PAD = 114
LEAST_SIDE = 10.0
"""Pixels of the longer side from which a person is learned; smaller ones are ignored."""

LEAST_VISIBLE = 0.3
"""Share of a person's box that must be on the canvas, else the rest of it is ignored."""

KNOWN = 0.3
"""Confidence from which a joint is taken as there."""

GROWN = 1.6
"""Sides of the surroundings of a labelled person in which a picture that is not complete is
background, in sides of the box."""

MOSAIC_ZOOM = 1.3
"""Factor of the size of a mosaic's pictures, whose parts of the canvas are small."""

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Augmentation:
    """How pictures are varied; each number is a probability or half the width of a range.

    Attributes:
        mosaic: Probability of four pictures on one canvas instead of one.
        scale: Least and largest factor of a picture's size, against the one that fills its part.
        aspect: Logarithm of the largest change of width against height.
        aspect_stretched: The same for pictures that were squeezed to a square.
        quarter: Probability of a turn by 90 degrees to either side.
        upside_down: Probability of a turn by 180 degrees.
        free: Probability of a turn by any angle, where the joints of all people are known.
        tilt: Degrees of the small turn of all other pictures whose people have joints.
        occlude: Probability of a flat or copied patch over a person.
        blur: Probability of motion blur or of lost detail.
        dark: Probability of low light with its noise.
        colour: Probability of changed brightness, contrast and colour.
        grey: Probability of a picture without colour.
        jpeg: Probability of compression.
    """

    mosaic: float = 0.35
    scale: tuple[float, float] = (0.5, 1.8)
    aspect: float = 0.15
    aspect_stretched: float = 0.45
    quarter: float = 0.12
    upside_down: float = 0.01
    free: float = 0.06
    tilt: float = 10.0
    occlude: float = 0.2
    blur: float = 0.15
    dark: float = 0.1
    colour: float = 0.6
    grey: float = 0.05
    jpeg: float = 0.25


@dataclass(frozen=True, eq=False)
class Canvas:
    """A picture to learn from.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        people: In pixels of `image`; none of them is ignored.
        background: uint8 (H, W), 1 where a person who is not in `people` would be a mistake.
    """

    image: Image
    people: People
    background: Image


def points_moved(matrix: npt.NDArray[np.float64], points: npt.NDArray[np.floating]) -> FloatArray:
    """Return points (..., 2) under an affine map (2, 3)."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def boxes_moved(matrix: npt.NDArray[np.float64], people: People) -> FloatArray:
    """Return the boxes (N, 4) of people under an affine map (2, 3).

    The box of a turned box is too large for a body. So for turns that are no multiple of 90 degrees
    the moved box is that of the ellipse in the box and of the joints, and never larger than that of
    the box's corners. For multiples of 90 degrees it is exact.
    """
    if not len(people):
        return np.zeros((0, 4), np.float32)
    x1, y1, x2, y2 = people.boxes.T
    corners = np.stack([x1, y1, x2, y1, x2, y2, x1, y2], -1).reshape(-1, 4, 2)
    moved = points_moved(matrix, corners)
    outer = np.concatenate([moved.min(1), moved.max(1)], -1)
    middle = points_moved(matrix, np.stack([x1 + x2, y1 + y2], -1) / 2)
    half = np.stack([x2 - x1, y2 - y1], -1) / 2
    reach = np.sqrt((half[:, None] ** 2 * matrix[None, :, :2] ** 2).sum(-1))
    inner = np.concatenate([middle - reach, middle + reach], -1)
    if _square_turn(matrix):
        return outer.astype(np.float32)
    for i in np.flatnonzero(people.posed):
        joints = people.joints[i]
        seen = points_moved(matrix, joints[joints[:, 2] >= KNOWN, :2])
        if len(seen):
            margin = 0.06 * float(np.sqrt(np.prod(outer[i, 2:] - outer[i, :2])))
            inner[i, :2] = np.minimum(inner[i, :2], seen.min(0) - margin)
            inner[i, 2:] = np.maximum(inner[i, 2:], seen.max(0) + margin)
    low, high = np.maximum(inner[:, :2], outer[:, :2]), np.minimum(inner[:, 2:], outer[:, 2:])
    return np.concatenate([low, high], -1).astype(np.float32)


def _square_turn(matrix: npt.NDArray[np.float64]) -> bool:
    part = np.abs(matrix[:, :2])
    small = 1e-9 * part.max()
    return bool((part[0, 1] <= small and part[1, 0] <= small) or np.trace(part) <= small)


def moved(people: People, matrix: npt.NDArray[np.float64]) -> People:
    """Return people under an affine map (2, 3); a map that mirrors swaps left and right joints."""
    joints = people.joints.copy()
    joints[..., :2] = points_moved(matrix, joints[..., :2])
    if np.linalg.det(matrix[:, :2]) < 0:
        joints = joints[:, MIRRORED]
    return People(boxes_moved(matrix, people), people.ignored, joints, people.posed)


def clipped(people: People, area: tuple[float, float, float, float]) -> People:
    """Return people cut at the edges of an area; joints outside it are not there.

    People with too little left, or who are too small, become ignored regions.
    """
    low, high = np.array(area[:2], np.float32), np.array(area[2:], np.float32)
    boxes = people.boxes.copy()
    boxes[:, :2], boxes[:, 2:] = np.maximum(boxes[:, :2], low), np.minimum(boxes[:, 2:], high)
    sides = boxes[:, 2:] - boxes[:, :2]
    whole = np.prod(people.boxes[:, 2:] - people.boxes[:, :2], axis=-1)
    visible = np.prod(sides.clip(0), axis=-1) / np.maximum(whole, 1e-6)
    joints = people.joints.copy()
    outside = ((joints[..., :2] < low) | (joints[..., :2] >= high)).any(-1)
    joints[outside, 2] = 0
    lost = (visible < LEAST_VISIBLE) | (sides.max(-1, initial=0) < LEAST_SIDE)
    kept = (sides > 1).all(-1)
    return People(boxes, people.ignored | lost, joints, people.posed)[kept]


def placement(
    size: tuple[int, int],
    area: tuple[int, int, int, int],
    angle: float,
    zoom: float,
    aspect: float,
    mirror: bool,
    shift: tuple[float, float],
) -> npt.NDArray[np.float64]:
    """Return the affine map (2, 3) that lays an image into an area.

    Args:
        size: Of the image, width and height.
        area: x1, y1, x2, y2; with `zoom` 1 the turned image just fits into it.
        angle: Degrees, clockwise in the image.
        zoom: Factor of the size.
        aspect: Factor of the width against the height.
        mirror: Exchange left and right before the turn.
        shift: From -1 to 1, where in the area (where larger, over it) the image lies; 0 centred.
    """
    width, height = size
    turn = np.deg2rad(angle)
    cos, sin = np.round([np.cos(turn), np.sin(turn)], 12)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag(
        [np.sqrt(aspect) * (-1 if mirror else 1), 1 / np.sqrt(aspect)]
    )
    extent = np.abs(linear) @ np.array([width, height])
    room = np.array([area[2] - area[0], area[3] - area[1]], float)
    linear *= zoom * float((room / extent).min())
    extent = np.abs(linear) @ np.array([width, height])
    target = np.array([area[0] + area[2], area[1] + area[3]]) / 2
    target = target + np.array(shift) * np.abs(room - extent) / 2
    return np.hstack([linear, (target - linear @ np.array([width, height]) / 2)[:, None]])


class Augmenter:
    """Makes canvases of pictures.

    Args:
        config: How pictures are varied.
        random: Source of all choices.
    """

    def __init__(self, config: Augmentation, random: np.random.Generator) -> None:
        self.config, self.random = config, random

    def canvas(self, pictures: Sequence[Picture], size: tuple[int, int]) -> Canvas:
        """Return a canvas of height and width `size` with one picture, or with four as a mosaic."""
        height, width = size
        image = np.full((height, width, 3), PAD, np.uint8)
        background = np.ones((height, width), np.uint8)
        groups = [
            self._paste(image, background, picture, area)
            for picture, area in zip(pictures, self._areas(len(pictures), size), strict=True)
        ]
        people = People(
            *(
                np.concatenate([getattr(group, name) for group in groups])
                for name in ('boxes', 'ignored', 'joints', 'posed')
            )
        )
        if self._chance(self.config.occlude):
            self._occlude(image, people)
        return Canvas(self.light(image), people[~people.ignored], background)

    def _areas(self, count: int, size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
        height, width = size
        if count == 1:
            return [(0, 0, width, height)]
        x = int(width * self.random.uniform(0.3, 0.7))
        y = int(height * self.random.uniform(0.3, 0.7))
        return [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]

    def _paste(
        self, image: Image, background: Image, picture: Picture, area: tuple[int, int, int, int]
    ) -> People:
        """Lay a picture into its area, and return its people as they lie on the canvas."""
        source = picture.image()
        whole = area[2] - area[0] == image.shape[1]
        matrix = self._placement(picture, source.shape[1::-1], area, 1.0 if whole else MOSAIC_ZOOM)
        x1, y1, x2, y2 = area
        local = matrix - np.array([[0, 0, x1], [0, 0, y1]])
        # cv2 maps pixel centres, boxes know pixel edges.
        local[:, 2] += local[:, :2] @ [0.5, 0.5] - 0.5
        shrinks = abs(np.linalg.det(matrix[:, :2])) < 0.36
        image[y1:y2, x1:x2] = cv2.warpAffine(
            cv2.blur(source, (2, 2)) if shrinks else source,
            local,
            (x2 - x1, y2 - y1),
            flags=cv2.INTER_LINEAR,
            borderValue=(PAD, PAD, PAD),
        )
        people = clipped(moved(picture.people, matrix), area)
        _mark_background(background, people, picture.complete, area)
        return people

    def _placement(
        self, picture: Picture, size: tuple[int, int], area: tuple[int, int, int, int], zoom: float
    ) -> npt.NDArray[np.float64]:
        config = self.config
        widest = config.aspect_stretched if picture.stretched else config.aspect
        least, largest = np.log(config.scale)
        shift = self.random.uniform(-1, 1, 2)
        return placement(
            size,
            area,
            self._angle(picture.people),
            zoom * float(np.exp(self.random.uniform(least, largest))),
            float(np.exp(self.random.uniform(-widest, widest))),
            self._chance(0.5),
            (float(shift[0]), float(shift[1])),
        )

    def _angle(self, people: People) -> float:
        """Return a turn in degrees: any angle only where joints give all people's boxes."""
        config, draw = self.config, self.random.uniform()
        if draw < config.quarter:
            return float(self.random.choice([90, -90]))
        if draw < config.quarter + config.upside_down:
            return 180.0
        known = (people.joints[..., 2] >= KNOWN).sum(-1) >= 6
        if not (known | people.ignored).all():
            return 0.0
        if draw < config.quarter + config.upside_down + config.free:
            return float(self.random.uniform(-180, 180))
        return float(self.random.uniform(-config.tilt, config.tilt))

    def _occlude(self, image: Image, people: People) -> None:
        """Cover a part of one person by a flat colour or by another part of the image."""
        rows = np.flatnonzero(~people.ignored)
        if not len(rows):
            return
        row = int(self.random.choice(rows))
        x1, y1, x2, y2 = people.boxes[row]
        width, height = (
            (x2 - x1) * self.random.uniform(0.2, 0.7),
            (y2 - y1) * self.random.uniform(0.15, 0.45),
        )
        left = max(0, int(self.random.uniform(x1 - width / 3, x2 - width * 2 / 3)))
        top = max(0, int(self.random.uniform(y1 - height / 3, y2 - height * 2 / 3)))
        target = image[top : top + int(height), left : left + int(width)]
        high, wide = target.shape[:2]
        if not high or not wide:
            return
        if self._chance(0.5):
            y = self.random.integers(0, image.shape[0] - high + 1)
            x = self.random.integers(0, image.shape[1] - wide + 1)
            target[:] = image[y : y + high, x : x + wide].copy()
        else:
            target[:] = self.random.integers(0, 256, 3)
        joints = people.joints[row]
        covered = (joints[:, 0] >= left) & (joints[:, 0] < left + wide)
        covered &= (joints[:, 1] >= top) & (joints[:, 1] < top + high)
        joints[covered, 2] = 0

    def light(self, image: Image) -> Image:
        """Return an image, uint8 (H, W, 3), with other light, sharpness and compression."""
        config = self.config
        if self._chance(config.blur):
            image = self._blur(image)
        values = image.astype(np.float32)
        if self._chance(config.colour):
            values = (values - 128) * self.random.uniform(0.6, 1.4) + 128
            values += self.random.uniform(-35, 35)
            values *= self.random.uniform(0.85, 1.15, 3).astype(np.float32)
        if self._chance(config.grey):
            values[:] = values.mean(-1, keepdims=True)
        if self._chance(config.dark):
            values = 255 * (values.clip(0) / 255) ** np.float32(self.random.uniform(1, 1.8))
            values *= self.random.uniform(0.15, 0.6)
            noise = self.random.standard_normal(values.shape, np.float32)
            values += noise * float(self.random.uniform(2, 10))
        image = values.clip(0, 255).astype(np.uint8)
        if self._chance(config.jpeg):
            quality = int(self.random.integers(15, 70))
            coded = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            image = cv2.imdecode(coded, cv2.IMREAD_COLOR)  # type: ignore[assignment]
        return image

    def _blur(self, image: Image) -> Image:
        """Move the camera during exposure, or lose detail as a far zoom does."""
        if self._chance(0.3):
            height, width = image.shape[:2]
            factor = self.random.uniform(0.35, 0.7)
            small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            return cv2.resize(small, (width, height))  # type: ignore[return-value]
        length = int(self.random.integers(3, 12))
        kernel = np.zeros((length, length), np.float32)
        angle, middle = self.random.uniform(0, np.pi), (length - 1) / 2
        reach = np.array([np.cos(angle), np.sin(angle)]) * middle
        ends = [tuple(int(v) for v in np.round(middle + sign * reach)) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0)
        return cv2.filter2D(image, -1, kernel / kernel.sum())  # type: ignore[return-value]

    def _chance(self, probability: float) -> bool:
        return bool(self.random.uniform() < probability)


def _mark_background(
    background: Image, people: People, complete: bool, area: tuple[int, int, int, int]
) -> None:
    """Mark where in a picture's area a person would be a mistake."""
    x1, y1, x2, y2 = area
    if not complete:
        background[y1:y2, x1:x2] = 0
        for box in people.boxes[~people.ignored]:
            middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * GROWN
            _fill(background, np.concatenate([middle - half, middle + half]), area, 1)
    for box in people.boxes[people.ignored]:
        _fill(background, box, area, 0)


def _fill(
    background: Image, box: npt.NDArray[np.floating], area: tuple[int, int, int, int], value: int
) -> None:
    left, top = max(int(box[0]), area[0]), max(int(box[1]), area[1])
    right, bottom = min(int(np.ceil(box[2])), area[2]), min(int(np.ceil(box[3])), area[3])
    background[top:bottom, left:right] = value
