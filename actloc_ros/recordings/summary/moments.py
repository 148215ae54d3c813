"""Cut footage into moments: short spans of one camera, each around what begins in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from actloc_ros.frames import NANOSECONDS, nanoseconds
from actloc_ros.recordings.summary.interest import Events
from actloc_ros.recordings.summary.tables import Footage

LONGEST = 8.0  # s of a moment
SHORTEST = 2.0  # s that a moment counts at least
BEFORE, AFTER = 1.0, 1.0  # s shown before the first beginning and after the last end


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

    The event of most interest comes first: its moment begins a second before it and ends a second
    after it, and lasts `longest` s at most: of what goes on for long, the beginning is shown. It
    owns all that begins meanwhile. So it goes on with what is left, in the room that is left.

    Args:
        events: Sorted by view and start.
        views: Their cameras.
        longest: In s, above 0.
    """
    moments: list[Moment] = []
    edges = np.flatnonzero(np.diff(events.view, prepend=-1, append=-1))
    for first, last in pairwise(edges.tolist()):
        footage = views[int(events.view[first])]
        moments += _moments_of(events, slice(first, last), footage, longest)
    return moments


def _moments_of(events: Events, own: slice, footage: Footage, longest: float) -> list[Moment]:
    """Return the moments of one view, by start."""
    starts, ends = events.start[own].tolist(), events.end[own].tolist()
    order = np.argsort(-events.interest[own], kind='stable').tolist()
    before, after = min(nanoseconds(BEFORE), nanoseconds(longest) // 4), nanoseconds(AFTER)
    spans: list[tuple[int, int]] = []  # by start, apart from each other
    for event in order:
        start = starts[event]
        place = bisect_right(spans, (start, footage.end + nanoseconds(longest)))
        if place and start < spans[place - 1][1]:
            continue  # another one owns it
        begin = max(start - before, spans[place - 1][1] if place else footage.start)
        end = min(ends[event] + after, begin + nanoseconds(longest))
        end = min(end, spans[place][0] if place < len(spans) else max(footage.end, start + 1))
        spans.insert(place, (min(begin, start), max(end, start + 1)))
    firsts = [own.start + bisect_left(starts, begin) for begin, _ in spans]
    return [
        Moment(footage.view, begin, end, first, last)
        for (begin, end), first, last in zip(spans, firsts, [*firsts[1:], own.stop], strict=True)
    ]


def moment_costs(moments: Sequence[Moment]) -> np.ndarray:
    """Return what they cost in a reel in s, their length but at least `SHORTEST`: float64 (M,).

    Else glimpses that are left between others would be the best bargains.
    """
    return np.array([max(moment.duration, SHORTEST) for moment in moments], np.float64)
