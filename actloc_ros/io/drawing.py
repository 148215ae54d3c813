"""Draw actions into an image: boxes, joints, names, scores, tracks, how long they have lasted."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from actloc_ros.frames import seconds
from actloc_ros.instances import InstanceState
from actloc_ros.joints import RELIABLE_SCORE, limb_indices
from actloc_ros.messages import stamp_of

HUE_STEP = 0.381966  # of a turn, the golden angle: colours of neighbouring tracks lie apart
UNDECIDED = (190, 190, 190)
INK = (20, 20, 20)
PAPER = (245, 245, 245)
FONT = cv2.FONT_HERSHEY_DUPLEX
REFERENCE_HEIGHT = 720  # pixels, for which sizes of letters and lines are given
LETTERS = 0.62
SMALLEST_LETTERS = 0.38
SUBPIXEL_BITS = 4  # of coordinates of limbs and joints

Box = tuple[float, float, float, float]
Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True)
class ActionRow:
    """One action of one actor, to be drawn.

    Attributes:
        track_id: Gives the colour; rows of one track share a box and its label.
        box: x1, y1, x2, y2 in pixels of the image that is drawn into.
        label: Name of the action.
        score: Its score in [0, 1]; the highest of a track stands first.
        lasted: For how long it has been going on, in s.
        decided: Whether the actor is known to do this; else its box is grey and has no text.
        joints: float32 (K, 3): x, y in pixels of that image, and confidence in [0, 1]; one row of
            a track is enough to hold them. None: without.
    """

    track_id: int
    box: Box
    label: str = ''
    score: float = 0.0
    lasted: float = 0.0
    decided: bool = True
    joints: np.ndarray | None = None


@dataclass(frozen=True)
class _Label:
    """Lines of text in one colour, and the box that they describe."""

    lines: tuple[str, ...]
    colour: tuple[int, int, int]
    box: Rectangle
    decided: bool
    joints: np.ndarray | None = None


def draw(
    image: np.ndarray,
    rows: Iterable[ActionRow],
    caption: str = '',
    joint_names: Sequence[str] = (),
) -> np.ndarray:
    """Return a copy of `image`, uint8 (H, W, 3) RGB, with rows drawn into it.

    Args:
        image: Of any size.
        rows: In any order.
        caption: Text for the lower left corner.
        joint_names: Names of the rows' joints, in order; limbs connect those of COCO.
    """
    canvas = np.ascontiguousarray(image).copy()
    size = _Size.of(canvas)
    labels = [_label(track, canvas) for track in _tracks(rows)]
    for label in labels:
        x1, y1, x2, y2 = label.box
        line = size.line if label.decided else 1
        cv2.rectangle(canvas, (x1, y1), (x2, y2), label.colour, line)
        if label.joints is not None:
            _draw_joints(canvas, label, limb_indices(joint_names))
    taken: list[Rectangle] = []
    for label in labels:
        taken.append(_write(canvas, label, size, taken))
    _write_caption(canvas, caption, size)
    return canvas


def draw_message(image: np.ndarray, message: Any, joint_names: Sequence[str] = ()) -> np.ndarray:
    """Return a copy of `image` with the detections and the model of a message drawn into it.

    Args:
        image: uint8 (H, W, 3) RGB: of any size with the aspect of the image that was searched.
        message: An `ActionDetectionArray`, of rclpy's classes or of `bags.find_type`.
        joint_names: Names of its joints, as its `LabelInfo` says; without, no limbs are drawn.
    """
    return draw(image, message_rows(message, image), message.model, joint_names)


def message_rows(message: Any, image: np.ndarray) -> list[ActionRow]:
    """Return the rows of an `ActionDetectionArray`; of what has ended there are none."""
    size = message.image_width, message.image_height
    return [
        ActionRow(
            detection.track_id,
            scaled(detection.bbox, size, image),
            detection.label,
            _score(detection),
            seconds(stamp_of(detection.end_time) - stamp_of(detection.start_time)),
            decided=detection.state != InstanceState.UNKNOWN,
            joints=_scaled_joints(detection, size, image),
        )
        for detection in message.detections
        if detection.state != InstanceState.ENDED
    ]


def scaled(box: Sequence[float], size: tuple[int, int], image: np.ndarray) -> Box:
    """Return a box in pixels of `image`, from one in pixels of an image of `size`."""
    height, width = image.shape[:2]
    across, down = width / max(size[0], 1), height / max(size[1], 1)
    x1, y1, x2, y2 = (float(v) for v in box)
    return x1 * across, y1 * down, x2 * across, y2 * down


def _scaled_joints(detection: Any, size: tuple[int, int], image: np.ndarray) -> np.ndarray | None:
    columns = (detection.joints_x, detection.joints_y, detection.joints_score)
    joints = np.array(columns, np.float32).T
    height, width = image.shape[:2]
    scale = np.array([width / max(size[0], 1), height / max(size[1], 1), 1], np.float32)
    return joints * scale if len(joints) else None


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


def _tracks(rows: Iterable[ActionRow]) -> list[list[ActionRow]]:
    """Return the rows of each track, in order of the tracks' first rows."""
    tracks: dict[int, list[ActionRow]] = {}
    for row in rows:
        tracks.setdefault(row.track_id, []).append(row)
    return list(tracks.values())


def _label(track: list[ActionRow], canvas: np.ndarray) -> _Label:
    track = sorted(track, key=lambda row: -row.score)
    first = track[0]
    decided = any(row.decided for row in track)
    colour = track_colour(first.track_id) if decided else UNDECIDED
    head = f'#{first.track_id}'
    lines = [f'{head} {_describe(row)}' if row is first else _describe(row) for row in track]
    texts = tuple(line.strip() for line in lines)
    joints = next((row.joints for row in track if row.joints is not None), None)
    return _Label(texts, colour, _rectangle(first.box, canvas), decided, joints)


def track_colour(track_id: int) -> tuple[int, int, int]:
    """Return a track's own bright colour."""
    red, green, blue = colorsys.hsv_to_rgb(track_id * HUE_STEP % 1, 0.6, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _describe(row: ActionRow) -> str:
    """Return an action's name, its score and how long it has lasted; '' if it is not decided."""
    if not row.decided:
        return ''
    return f'{row.label.replace("_", " ")} {row.score:.2f}  {row.lasted:.1f} s'


def _score(detection: Any) -> float:
    """Return the score of a detection's action; scores near 0 are not in the message."""
    return next((r.score for r in detection.results if r.class_id == detection.class_id), 0.0)


def _rectangle(box: Box, canvas: np.ndarray) -> Rectangle:
    """Return a box in whole pixels, with its lower right corner in the image."""
    height, width = canvas.shape[:2]
    x1, y1, x2, y2 = (round(value) for value in box)
    return x1, y1, min(x2, width - 1), min(y2, height - 1)


def _draw_joints(canvas: np.ndarray, label: _Label, limbs: list[tuple[int, int]]) -> None:
    """Draw thin limbs, and a dot on each joint whose confidence is high enough."""
    joints = label.joints
    assert joints is not None
    shown = _drawable(joints, canvas)
    # Pixels have their centres at halves here, and at whole numbers for OpenCV.
    points = np.where(shown[:, None], (joints[:, :2] - 0.5) * 2**SUBPIXEL_BITS, 0)
    points = points.round().astype(int).tolist()
    for a, b in limbs:
        if shown[a] and shown[b]:
            cv2.line(canvas, points[a], points[b], label.colour, 1, cv2.LINE_AA, SUBPIXEL_BITS)
    radius = max(1, round(canvas.shape[0] / 240))
    for (x, y), visible in zip(points, shown, strict=True):
        if visible:
            at, size = (x, y), radius << SUBPIXEL_BITS
            cv2.circle(canvas, at, size, label.colour, -1, cv2.LINE_AA, SUBPIXEL_BITS)


def _drawable(joints: np.ndarray, canvas: np.ndarray) -> np.ndarray:
    """Mark what is certain enough, and not so far away that OpenCV's integers overflow."""
    near = np.abs(joints[:, :2]).max(axis=1) < 10 * max(canvas.shape)
    return near & (joints[:, 2] >= RELIABLE_SCORE)


def _write(canvas: np.ndarray, label: _Label, size: _Size, taken: list[Rectangle]) -> Rectangle:
    """Write a label at its box where it hides no other; return where it is."""
    width = max(size.width(line) for line in label.lines) + 2 * size.margin
    height = size.row * len(label.lines) + size.margin
    area = _free_area(label.box, width, height, canvas.shape, taken)
    left, top, right, bottom = area
    patch = canvas[top:bottom, left:right]
    cv2.addWeighted(np.full_like(patch, label.colour), 0.85, patch, 0.15, 0, patch)
    for row, line in enumerate(label.lines):
        baseline = top + size.row * (row + 1) - size.margin // 2
        at = (left + size.margin, baseline)
        cv2.putText(canvas, line, at, FONT, size.letters, INK, 1, cv2.LINE_AA)
    return area


def _free_area(
    box: Rectangle, width: int, height: int, shape: tuple[int, ...], taken: list[Rectangle]
) -> Rectangle:
    """Return where a label goes: above its box, below it, or inside, the first that is free."""
    left = max(0, min(box[0], shape[1] - width))
    right = min(left + width, shape[1])
    tops = (box[1] - height, box[3] + 1, box[1] + 1, box[3] - height)
    inside = [top for top in tops if 0 <= top <= shape[0] - height] or [max(0, box[1])]
    areas = [(left, top, right, min(top + height, shape[0])) for top in inside]
    return next((a for a in areas if not any(_meet(a, other) for other in taken)), areas[0])


def _meet(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _write_caption(canvas: np.ndarray, caption: str, size: _Size) -> None:
    at = (size.margin, canvas.shape[0] - 2 * size.margin)
    cv2.putText(canvas, caption, at, FONT, size.letters, INK, 3, cv2.LINE_AA)
    cv2.putText(canvas, caption, at, FONT, size.letters, PAPER, 1, cv2.LINE_AA)
