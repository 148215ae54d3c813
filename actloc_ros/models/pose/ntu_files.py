"""Read the joints of a depth camera from a file `.skeleton`, as NTU RGB+D publishes them.

A text of numbers: how many frames; for each, how many bodies; for each body ten numbers about it,
how many joints, and for each joint twelve, of which the first are x, y, z in m and the sixth and
seventh its place in the colour image. Kinect's x points to the left and y up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actloc_ros.joints import NTU_JOINTS
from actloc_ros.models.errors import ModelError

RATE = 30.0  # Hz
IMAGE = 1920, 1080  # pixels of Kinect's colour image
ABOUT_BODY, ABOUT_JOINT = 10, 12  # numbers
KINECT = -1.0, -1.0, 1.0  # of its axes, in an optical frame
MARGIN = 0.1  # of the longer side of what joints span: a body is larger than its joints


@dataclass(frozen=True, eq=False)
class Body:
    """One body in one frame.

    Attributes:
        frame: Its number, from 0.
        places: float64 (25, 3) in m, in the camera's optical frame.
        box: float64 (4,) around its joints: shares of the image's width and height; None where the
            file says none.
    """

    frame: int
    places: np.ndarray
    box: np.ndarray | None


def read_ntu_file(path: Path) -> list[Body]:
    """Return all bodies in a file, frame by frame.

    Raises:
        ModelError: It cannot be read or is no such file; the text says where.
    """
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f'cannot read joints from "{path}": {error}') from error
    lines_of = _Lines(path, iter(lines))
    frames = lines_of.count()
    found = [_body(number, lines_of) for number in range(frames) for _ in range(lines_of.count())]
    return [body for body in found if body is not None]


class _Lines:
    """The lines of a file, one after the other."""

    def __init__(self, path: Path, lines: Iterator[str]) -> None:
        self._path, self._lines, self._number = path, lines, 0

    def count(self) -> int:
        """Return the one number of the next line."""
        [count] = self.numbers(1)
        if not (count >= 0 and count == int(count)):
            self.refuse(f'{count:g} stands where a count is expected')
        return int(count)

    def numbers(self, count: int) -> list[float]:
        """Return the numbers of the next line, of which there must be so many."""
        self._number += 1
        words = next(self._lines, '').split()
        try:
            found = [float(word) for word in words]
        except ValueError:
            self.refuse('what stands there is no number')
        if len(found) != count:
            self.refuse(f'{len(found)} numbers; expected {count}')
        return found

    def refuse(self, what: str) -> None:
        """Raise an error that says where.

        Raises:
            ModelError: Always.
        """
        raise ModelError(
            f'{self._path}, line {self._number}: {what}; a file .skeleton of NTU RGB+D is expected'
        )


def _body(frame: int, lines: _Lines) -> Body | None:
    """Return the next body; None where nothing is known of it."""
    lines.numbers(ABOUT_BODY)
    joints = lines.count()
    if joints != len(NTU_JOINTS):
        lines.refuse(f'a body of {joints} joints; expected {len(NTU_JOINTS)}')
    rows = np.array([lines.numbers(ABOUT_JOINT) for _ in NTU_JOINTS])
    if not np.isfinite(rows[:, :3]).all():
        lines.refuse('a joint of the body before is not finite')
    if not rows[:, :3].any():
        return None
    return Body(frame, rows[:, :3] * KINECT, _box(rows[:, 5:7] / IMAGE))


def _box(places: np.ndarray) -> np.ndarray | None:
    """Return a box around the places (25, 2) that are known; None where fewer than two are."""
    known = places[np.isfinite(places).all(axis=1)]
    if len(known) < 2:
        return None
    low, high = known.min(axis=0), known.max(axis=0)
    margin = MARGIN * ((high - low) * IMAGE).max() / np.array(IMAGE)
    return np.concatenate([low - margin, high + margin])
