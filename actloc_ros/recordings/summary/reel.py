"""Write chosen moments as one video, with captions and times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from actloc_ros.files import OutputError
from actloc_ros.frames import NANOSECONDS, Frame, seconds
from actloc_ros.io.source import SourceError
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.recordings.footage import read_spans
from actloc_ros.recordings.index.open import Index
from actloc_ros.recordings.summary.boxes import IndexBoxes
from actloc_ros.recordings.summary.clock import Clock, duration_text
from actloc_ros.recordings.summary.moments import Moment
from actloc_ros.recordings.summary.palette import ALARM, label_colour, rgb
from actloc_ros.recordings.summary.tables import Footage, Tables

RATE = 15.0  # Hz
LARGEST = 960, 540
FONT = cv2.FONT_HERSHEY_DUPLEX
LIGHT, DIM, BAND = (245, 245, 245), (190, 190, 190), (24, 28, 33)


class Boxes(Protocol):
    """Where tracks are."""

    def __call__(self, view: int, track: int, stamps: np.ndarray) -> np.ndarray:
        """Return boxes in pixels at stamps (M,) in ns: float32 (M, 4); NaN where it is not."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What is drawn over a moment.

    Attributes:
        lines: What happens, and where and when.
        alarms: Rule and severity of each alarm.
        rows: Places of its instances in `Tables.instances`.
    """

    lines: tuple[str, str]
    alarms: tuple[tuple[str, str], ...]
    rows: np.ndarray


def in_order(moments: Sequence[Moment], views: dict[int, Footage]) -> list[Moment]:
    """Return moments by time of day; those without by recording and time."""
    return sorted(
        moments, key=lambda m: (m.start if views[m.view].wall_clock else -1, m.view, m.start)
    )


def write_reel(
    path: Path, moments: Sequence[Moment], tables: Tables, index: Index, clock: Clock
) -> float:
    """Write a video of moments, one after the other.

    Args:
        path: The video to write.
        moments: Which, in order.
        tables: What happens in them.
        index: Where people are, and how recordings are read.
        clock: Names times.

    Returns:
        Its length in s.

    Raises:
        OutputError: It cannot be written, or there is nothing to show.
        SourceError: A recording is gone or cannot be read.
    """
    if not moments:
        raise OutputError(f'{path} is not written: nothing happens that could be shown')
    for moment in moments:
        recording = tables.views[moment.view].path
        if not recording.exists():
            raise SourceError(
                f'{recording} is not where it was when it was indexed; bring it back, or index it '
                'again'
            )
    size, boxes = _size(tables.views[moments[0].view]), IndexBoxes(index)
    total = sum(moment.end - moment.start for moment in moments)
    done = 0
    with VideoWriter(path, RATE) as video:
        for number, moment in enumerate(moments):
            scene = find_scene(moment, tables, clock)
            place = f'{number + 1}/{len(moments)}'
            for frame in moment_frames(moment, tables.views[moment.view], RATE, index):
                image = draw_scene(frame, moment, scene, tables, boxes)
                shown = _captioned(_letterbox(image, size), scene, place)
                passed = done + frame.stamp - moment.start
                _draw_progress(shown, passed / total)
                video.write(passed, shown)
            done += moment.end - moment.start
    return seconds(done)


def moment_frames(moment: Moment, view: Footage, rate: float, index: Index) -> Iterator[Frame]:
    """Yield the frames of a moment, at most `rate` a second; the last leaves room for itself."""
    period = round(NANOSECONDS / rate)
    span = moment.start, max(moment.end - period, moment.start + 1)
    due = moment.start
    for _, frame in read_spans(
        view.path, view.camera, [span], partial(index.image_rate, view.view)
    ):
        if frame.stamp >= due:
            yield frame
            due = max(due + period, frame.stamp + period // 2)


def find_scene(moment: Moment, tables: Tables, clock: Clock) -> Scene:
    """Return what is said of a moment, and who is drawn."""
    found, view = tables.instances, tables.views[moment.view]
    here = found.view == moment.view
    rows = np.flatnonzero(here & (found.start < moment.end) & (found.end > moment.start))
    begins = rows[found.start[rows] >= moment.start]
    alarms = tuple(
        (alarm.rule, alarm.severity)
        for alarm in tables.alarms
        if alarm.view == moment.view and moment.start <= alarm.start < moment.end
    )
    counts = np.bincount(found.label)
    best = begins[np.argsort(counts[found.label[begins]], kind='stable')] if len(begins) else rows
    names = dict.fromkeys(
        f'#{found.track[row]} {tables.labels[found.label[row]].replace("_", " ")}'
        for row in best.tolist()
    )
    when = clock.text(moment.start, view.origin)
    where = ' · '.join(dict.fromkeys(name for name in (view.camera, view.path.name, when) if name))
    if view.wall_clock:
        where += f' ({duration_text(seconds(moment.start - view.origin))} in)'
    return Scene((', '.join(list(names)[:5]), where), alarms, rows)


def draw_scene(
    frame: Frame, moment: Moment, scene: Scene, tables: Tables, boxes: Boxes
) -> np.ndarray:
    """Return a copy of a frame with the boxes of who acts, in the colours of what they do."""
    canvas = np.ascontiguousarray(frame.image).copy()
    found = tables.instances
    line = max(1, round(canvas.shape[0] / 240))
    stamp = np.array([frame.stamp])
    for row in scene.rows.tolist():
        if found.start[row] <= frame.stamp <= found.end[row]:
            box = boxes(moment.view, int(found.track[row]), stamp)[0]
            if np.isfinite(box).all():
                x1, y1, x2, y2 = (round(float(v)) for v in box)
                colour = rgb(label_colour(int(found.label[row])))
                cv2.rectangle(canvas, (x1, y1), (x2, y2), (0, 0, 0), line + 2, cv2.LINE_AA)
                cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, line, cv2.LINE_AA)
    return canvas


def _size(view: Footage) -> tuple[int, int]:
    """Return width and height of the reel: the first view's, at most `LARGEST`; even."""
    scale = min(1.0, LARGEST[0] / max(1, view.width), LARGEST[1] / max(1, view.height))
    width, height = round(view.width * scale / 2) * 2, round(view.height * scale / 2) * 2
    return max(width, 320), max(height, 180)


def _letterbox(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an image of a size, with the whole of another in its middle and black around."""
    width, height = size
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = small
    return canvas


def _captioned(image: np.ndarray, scene: Scene, place: str) -> np.ndarray:
    """Return an image with a band of text below."""
    height, width = image.shape[:2]
    letters = max(0.4, 0.6 * height / 480)
    row = round(34 * letters)
    band = np.full((2 * row + row // 2 + (row // 2) % 2, width, 3), BAND, np.uint8)
    band = band[: len(band) - (len(band) + height) % 2]
    left = round(14 * letters)
    for line, (text, colour) in enumerate(zip(scene.lines, (LIGHT, DIM), strict=True)):
        scale = letters if line == 0 else 0.8 * letters
        text = _fitting(text, width - 2 * left - (row * 2 if line == 0 else 0), scale)
        cv2.putText(band, text, (left, row * (line + 1)), FONT, scale, colour, 1, cv2.LINE_AA)
    wide = cv2.getTextSize(place, FONT, 0.8 * letters, 1)[0][0]
    at = (width - wide - left, row)
    cv2.putText(band, place, at, FONT, 0.8 * letters, DIM, 1, cv2.LINE_AA)
    top = left
    for rule, severity in scene.alarms:
        top = _draw_alarm(image, f'{severity.upper()}  {rule}', severity, (left, top), letters)
    return np.concatenate([image, band])


def _draw_alarm(
    image: np.ndarray, text: str, severity: str, at: tuple[int, int], letters: float
) -> int:
    """Draw an alarm's sign; return where the next one begins."""
    text = _fitting(text, image.shape[1] - 4 * at[0], letters)
    (width, height), _ = cv2.getTextSize(text, FONT, letters, 1)
    x, y = at
    bottom = y + 2 * height
    colour = rgb(ALARM.get(severity, ALARM['detection']))
    cv2.rectangle(image, (x, y), (x + width + height, bottom), colour, -1)
    base = (x + height // 2, bottom - height // 2)
    cv2.putText(image, text, base, FONT, letters, LIGHT, 1, cv2.LINE_AA)
    return bottom + height // 2


def _fitting(text: str, width: int, scale: float) -> str:
    """Return text that OpenCV can write and that fits; what it cannot write becomes `?`."""
    shown = text.replace('·', '-').encode('ascii', 'replace').decode()
    while len(shown) > 4 and cv2.getTextSize(shown, FONT, scale, 1)[0][0] > width:
        shown = f'{shown[:-4]}...' if shown.endswith('...') else f'{shown[:-3]}...'
    return shown


def _draw_progress(image: np.ndarray, share: float) -> None:
    """Draw along the lower edge how much of the reel has passed."""
    height, width = image.shape[:2]
    thick = max(2, height // 160)
    image[height - thick :, : round(share * width)] = rgb('#4c78a8')
