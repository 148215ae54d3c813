"""Draw zones and lines over an image, for people who check a rules file."""

from __future__ import annotations

import cv2
import numpy as np

from actloc_ros.rules.file.model import Line, Rules, Zone
from actloc_ros.rules.file.names import applies, ground_of
from actloc_ros.rules.homography import fit_homography
from actloc_ros.rules.shapes import points_of

COLOURS = ((255, 170, 40), (70, 190, 255), (140, 230, 90), (255, 110, 170), (200, 150, 255))
SHADE = 0.25  # of a zone's colour within it
SUBPIXEL = 4  # bits
FARTHEST = 20.0  # image sizes: what lies farther away is beyond the horizon


def draw_areas(image: np.ndarray, rules: Rules, camera: str) -> np.ndarray:
    """Return a copy of an image with the zones and lines of its camera, masks hatched.

    Args:
        image: uint8 (H, W, 3) RGB.
        rules: Of which zones and lines in metres are drawn where the camera has a ground in their
            frame.
        camera: Its name.
    """
    canvas = np.ascontiguousarray(image).copy()
    for index, (name, zone) in enumerate(rules.zones.items()):
        points = _pixels(zone, rules, camera, canvas)
        if points is not None:
            _zone(canvas, points, name, COLOURS[index % len(COLOURS)])
    for index, (name, line) in enumerate(rules.lines.items()):
        points = _pixels(line, rules, camera, canvas)
        if points is not None:
            _line(canvas, points, f'{name} ({line.direction})', COLOURS[index % len(COLOURS)])
    here = {n: r for n, r in rules.enabled.items() if not r.cameras or camera in r.cameras}
    for name, rule in here.items():
        for polygon in rule.mask:
            _outline(canvas, _scaled(points_of(polygon), canvas), (150, 150, 150))
            _text(
                canvas, _scaled(points_of(polygon), canvas)[0], f'mask of {name}', (150, 150, 150)
            )
    return canvas


def _pixels(area: Zone | Line, rules: Rules, camera: str, canvas: np.ndarray) -> np.ndarray | None:
    """Return an area's points in pixels; None where it is not in this camera's image."""
    points = points_of(area.coordinates)
    if area.frame is None:
        return _scaled(points, canvas) if applies(area, camera) else None
    ground = ground_of(rules, camera)
    if ground is None or ground.frame != area.frame:
        return None
    matrix = np.linalg.inv(fit_homography(points_of(ground.image), points_of(ground.metres)))
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    with np.errstate(divide='ignore', invalid='ignore'):
        shares = mapped[:, :2] / mapped[:, 2:]
    return _scaled(shares, canvas) if (np.abs(shares) < FARTHEST).all() else None


def _scaled(shares: np.ndarray, canvas: np.ndarray) -> np.ndarray:
    return shares * [canvas.shape[1], canvas.shape[0]]


def _zone(canvas: np.ndarray, points: np.ndarray, name: str, colour: tuple[int, ...]) -> None:
    shaded = canvas.copy()
    cv2.fillPoly(shaded, [_fixed(points)], colour, cv2.LINE_AA, SUBPIXEL)
    canvas[:] = cv2.addWeighted(shaded, SHADE, canvas, 1 - SHADE, 0)
    _outline(canvas, points, colour)
    _text(canvas, points.mean(axis=0), name, colour)


def _line(canvas: np.ndarray, points: np.ndarray, name: str, colour: tuple[int, ...]) -> None:
    cv2.polylines(canvas, [_fixed(points)], False, colour, 2, cv2.LINE_AA, SUBPIXEL)
    # The arrow goes from left to right of A to B: `in`.
    middle, along = points.mean(axis=0), points[1] - points[0]
    right = np.array([-along[1], along[0]]) / np.hypot(*along) * 0.06 * canvas.shape[0]
    begin, end = ((middle + sign * right).round().astype(int).tolist() for sign in (-1, 1))
    cv2.arrowedLine(canvas, begin, end, colour, 2, cv2.LINE_AA, tipLength=0.3)
    for letter, point in zip('AB', points, strict=True):
        _text(canvas, point, letter, colour)
    _text(canvas, middle + np.array([0, 0.08 * canvas.shape[0]]), name, colour)


def _outline(canvas: np.ndarray, points: np.ndarray, colour: tuple[int, ...]) -> None:
    cv2.polylines(canvas, [_fixed(points)], True, colour, 2, cv2.LINE_AA, SUBPIXEL)


def _fixed(points: np.ndarray) -> np.ndarray:
    return (points * 2**SUBPIXEL).round().astype(np.int32)


def _text(canvas: np.ndarray, point: np.ndarray, text: str, colour: tuple[int, ...]) -> None:
    """Write text inside the canvas, near a point, in a colour on black."""
    scale = max(0.38, 0.62 * canvas.shape[0] / 720)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 1)
    x = int(np.clip(point[0] - width / 2, 2, max(2, canvas.shape[1] - width - 2)))
    y = int(np.clip(point[1], height + 2, max(height + 2, canvas.shape[0] - 4)))
    for ink, thick in (((20, 20, 20), 3), (colour, 1)):
        cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_DUPLEX, scale, ink, thick, cv2.LINE_AA)
