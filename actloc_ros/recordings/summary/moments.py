"""Cut footage into moments: short spans of one camera, each around what begins in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.frames import NANOSECONDS, nanoseconds
from actloc_ros.recordings.summary.interest import Events
from actloc_ros.recordings.summary.tables import Footage

LONGEST, SHORTEST = 8.0, 2.0  # s of a moment
BEFORE, AFTER = 1.0, 1.0  # s shown before the first beginning and after the last end
SEEN = 1.5  # s of each event that are shown at least, where it lasts so long


@dataclass(frozen=True)
class Moment:
    """A span of one camera that may be shown.

    Attributes:
        view: The camera of a recording.
        start: Stamp in ns.
        end: Stamp in ns, later than `start`.
        first: Place of the first of its events in `Events`.
        last: Place behind the last of them.
    """

    view: int
    start: int
    end: int
    first: int
    last: int

    @property
    def duration(self) -> float:
        """Its length in s."""
        return (self.end - self.start) / NANOSECONDS


def find_moments(
    events: Events, views: dict[int, Footage], longest: float = LONGEST
) -> list[Moment]:
    """Return moments that do not overlap; each event belongs to the one in which it begins.

    A moment begins a second before an event, ends a second after the last event that began
    meanwhile has ended, and lasts `longest` s at most: of what goes on for long, the beginning is
    shown. What begins so late that hardly any of it would be seen begins the next moment.

    Args:
        events: Sorted by view and start.
        views: Their cameras.
        longest: In s, above 0.
    """
    moments: list[Moment] = []
    starts, ends, view_of = events.start.tolist(), events.end.tolist(), events.view.tolist()
    most, least = nanoseconds(longest), nanoseconds(min(SHORTEST, longest))
    before, after = nanoseconds(BEFORE), nanoseconds(AFTER)
    seen = nanoseconds(min(SEEN, longest / 3))
    first, count, done, current = 0, len(starts), 0, None
    while first < count:
        view = view_of[first]
        footage = views[view]
        if view != current:
            current, done = view, footage.start
        begin = max(starts[first] - before, done)
        latest = begin + most
        end, last = begin + least, first
        while last < count and view_of[last] == view and starts[last] < min(end, latest - seen):
            end = max(end, min(ends[last] + after, latest))
            last += 1
        last = max(last, first + 1)
        if last < count and view_of[last] == view:
            end = min(end, max(starts[last], begin + 1))
        end = min(end, max(footage.end, begin + 1))
        moments.append(Moment(view, begin, end, first, last))
        first, done = last, end
    return moments


def moment_durations(moments: list[Moment]) -> np.ndarray:
    """Return their lengths in s: float64 (M,)."""
    return np.array([moment.duration for moment in moments], np.float64)
