"""Draw detections into an image: boxes, actions, scores, tracks and how long they have lasted."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from actloc_ros.frames import seconds
from actloc_ros.instances import InstanceState
from actloc_ros.messages import stamp_of

HUE_STEP = 0.381966  # of a turn, the golden angle: colours of neighbouring tracks lie apart
UNDECIDED = (190, 190, 190)
INK = (20, 20, 20)
PAPER = (245, 245, 245)
FONT = cv2.FONT_HERSHEY_DUPLEX
REFERENCE_HEIGHT = 720  # pixels, for which sizes of letters and lines are given
LETTERS = 0.62
SMALLEST_LETTERS = 0.38

Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Label:
    """Lines of text in one colour, and the box that they describe."""

    lines: tuple[str, ...]
    colour: tuple[int, int, int]
    box: Rectangle
    decided: bool


def draw(image: np.ndarray, message: Any) -> np.ndarray:
    """Return a copy of `image` with the detections of `message` drawn into it.

    Args:
        image: uint8 (H, W, 3) RGB: of any size with the aspect of the image that was searched.
        message: An `ActionDetectionArray`, of rclpy's classes or of `bags.find_type`.
    """
    canvas = np.ascontiguousarray(image).copy()
    size = _Size.of(canvas)
    labels = [_label(track, message, canvas) for track in _tracks(message.detections)]
    for label in labels:
        x1, y1, x2, y2 = label.box
        line = size.line if label.decided else 1
        cv2.rectangle(canvas, (x1, y1), (x2, y2), label.colour, line)
    taken: list[Rectangle] = []
    for label in labels:
        taken.append(_write(canvas, label, size, taken))
    _write_status(canvas, message, size)
    return canvas


@dataclass(frozen=True)
class _Size:
    """Sizes that suit an image: letters (OpenCV's scale), widths and distances in pixels."""

    letters: float
    line: int
    row: int
    margin: int

    @classmethod
    def of(cls, image: np.ndarray) -> _Size:
        scale = image.shape[0] / REFERENCE_HEIGHT
        letters = max(SMALLEST_LETTERS, LETTERS * scale)
        (_, height), below = cv2.getTextSize('Ag', FONT, letters, 1)
        line = max(1, round(2.5 * scale))
        return cls(letters, line, row=height + below + 2, margin=max(3, round(5 * scale)))

    def width(self, text: str) -> int:
        return cv2.getTextSize(text, FONT, self.letters, 1)[0][0]


def _tracks(detections: Iterable[Any]) -> list[list[Any]]:
    """Return what goes on, by track; what has ended with its actor gone is not to be drawn."""
    tracks: dict[int, list[Any]] = {}
    for detection in detections:
        if detection.state != InstanceState.ENDED:
            tracks.setdefault(detection.track_id, []).append(detection)
    return list(tracks.values())


def _label(track: list[Any], message: Any, canvas: np.ndarray) -> _Label:
    track = sorted(track, key=lambda d: -_score(d))
    first = track[0]
    decided = any(d.state != InstanceState.UNKNOWN for d in track)
    colour = _colour(first.track_id) if decided else UNDECIDED
    head = f'#{first.track_id}'
    lines = [f'{head} {_describe(d)}' if d is first else _describe(d) for d in track]
    texts = tuple(line.strip() for line in lines)
    return _Label(texts, colour, _scaled(first, message, canvas), decided)


def _colour(track_id: int) -> tuple[int, int, int]:
    """Return a track's own bright colour."""
    red, green, blue = colorsys.hsv_to_rgb(track_id * HUE_STEP % 1, 0.6, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _describe(detection: Any) -> str:
    """Describe an action, its score and how long it has lasted; nothing while it is not decided."""
    if detection.state == InstanceState.UNKNOWN:
        return ''
    lasted = seconds(stamp_of(detection.end_time) - stamp_of(detection.start_time))
    return f'{detection.label.replace("_", " ")} {_score(detection):.2f}  {lasted:.1f} s'


def _score(detection: Any) -> float:
    """Return the score of a detection's action; scores near 0 are not in the message."""
    return next((r.score for r in detection.results if r.class_id == detection.class_id), 0.0)


def _scaled(detection: Any, message: Any, canvas: np.ndarray) -> Rectangle:
    height, width = canvas.shape[:2]
    across, down = width / max(message.image_width, 1), height / max(message.image_height, 1)
    x1, y1, x2, y2 = (float(v) for v in detection.bbox)
    left, top = round(x1 * across), round(y1 * down)
    return left, top, min(round(x2 * across), width - 1), min(round(y2 * down), height - 1)


def _write(canvas: np.ndarray, label: _Label, size: _Size, taken: list[Rectangle]) -> Rectangle:
    """Write a label at its box where it hides no other; return its rectangle."""
    width = max(size.width(line) for line in label.lines) + 2 * size.margin
    height = size.row * len(label.lines) + size.margin
    rectangle = _label_rectangle(label.box, width, height, canvas.shape, taken)
    left, top, right, bottom = rectangle
    patch = canvas[top:bottom, left:right]
    cv2.addWeighted(np.full_like(patch, label.colour), 0.85, patch, 0.15, 0, patch)
    for row, line in enumerate(label.lines):
        baseline = top + size.row * (row + 1) - size.margin // 2
        at = (left + size.margin, baseline)
        cv2.putText(canvas, line, at, FONT, size.letters, INK, 1, cv2.LINE_AA)
    return rectangle


def _label_rectangle(
    box: Rectangle, width: int, height: int, shape: tuple[int, ...], taken: list[Rectangle]
) -> Rectangle:
    """Return where a label goes: above its box, below it, or inside, the first that is free."""
    left = max(0, min(box[0], shape[1] - width))
    right = min(left + width, shape[1])
    tops = (box[1] - height, box[3] + 1, box[1] + 1, box[3] - height)
    inside = [top for top in tops if 0 <= top <= shape[0] - height] or [max(0, box[1])]
    fitting = [(left, top, right, min(top + height, shape[0])) for top in inside]
    return next((r for r in fitting if not any(_meet(r, other) for other in taken)), fitting[0])


def _meet(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _write_status(canvas: np.ndarray, message: Any, size: _Size) -> None:
    """Write the model's name into the lower left corner."""
    at = (size.margin, canvas.shape[0] - 2 * size.margin)
    cv2.putText(canvas, message.model, at, FONT, size.letters, INK, 3, cv2.LINE_AA)
    cv2.putText(canvas, message.model, at, FONT, size.letters, PAPER, 1, cv2.LINE_AA)
