"""Take people found elsewhere, from a file or a topic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from actloc_ros.files import read_csv
from actloc_ros.frames import Frame
from actloc_ros.localizer import ClipInfo, Detections, PersonBoxes, no_detections
from actloc_ros.models.detectors.base import DeviceImage, PersonDetector, people

COLUMNS = ('camera', 'stamp', 'x1', 'y1', 'x2', 'y2')


class ExternalBoxes(PersonDetector):
    """People found elsewhere: boxes for exact stamps, from a file or a topic.

    Args:
        find: Camera and stamp in ns -> the people, or None where nobody searched.
    """

    sure_score = 0.0  # those who give boxes have chosen them

    def __init__(self, find: Callable[[str, int], PersonBoxes | None]) -> None:
        self._find = find

    def detect(self, views: Sequence[DeviceImage]) -> list[Detections]:
        """See `PersonDetector`."""
        return [self._look_up(view.frame) for view in views]

    def _look_up(self, frame: Frame) -> Detections:
        found = self._find(frame.camera, frame.stamp)
        if found is None:
            return no_detections(ClipInfo(frame.stamp, frame.stamp), 0)
        return people(frame.stamp, *found)


def read_boxes(path: Path) -> ExternalBoxes:
    """Return the people that a CSV file names.

    Its first line names the columns: camera, stamp (ns, as in the frames' headers), x1, y1, x2,
    y2 (pixels of the original image) and, if there is one, score (in [0, 1], else 1).

    Raises:
        ValueError: The file has other columns, or a line holds no numbers.
        OSError: The file cannot be read.
    """
    found: dict[tuple[str, int], list[list[float]]] = {}
    rows = read_csv(path)
    _, names = next(rows, (0, []))
    missing = sorted(set(COLUMNS) - set(names))
    if missing:
        raise ValueError(f'"{path}" lacks the columns {", ".join(missing)} in its first line')
    for line, fields in rows:
        row = dict(zip(names, fields, strict=False))
        try:
            key = row['camera'], int(row['stamp'])
            values = [*(float(row[name]) for name in COLUMNS[2:]), float(row.get('score') or 1)]
            if not all(map(math.isfinite, values)):
                raise ValueError('boxes and scores must be finite')
            found.setdefault(key, []).append(values)
        except (KeyError, ValueError) as error:
            raise ValueError(f'"{path}" line {line}: {error!s:.100}') from error
    arrays = {key: np.array(rows) for key, rows in found.items()}

    def find(camera: str, stamp: int) -> PersonBoxes | None:
        rows = arrays.get((camera, stamp))
        return None if rows is None else (rows[:, :4], rows[:, 4])

    return ExternalBoxes(find)
