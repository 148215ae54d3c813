"""Draw when each camera shows what: a line for each camera and action."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.recordings.summary.clock import Clock, duration_text
from actloc_ros.recordings.summary.figure import Box, Figure, Text, legend, shortened
from actloc_ros.recordings.summary.palette import ALARM, FAINT, RULE, label_colour
from actloc_ros.recordings.summary.tables import Footage, Tables

WIDTH, LEFT, RIGHT, TOP = 1100.0, 190.0, 20.0, 56.0
LANE, GAP = 7.0, 14.0
STEPS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200),
    *(86400 * days for days in (1, 2, 7, 14, 28, 91, 182, 364)),
)  # s between marks of time
MOST_MARKS = 9
MOST_ROWS = 60
FAINTEST = 0.6  # opacity of a pixel of time in which hardly anything happens


@dataclass(frozen=True)
class Axis:
    """A line of time: from `begin` to `end`, in ns, over the width of the figure."""

    begin: int
    end: int

    def x(self, stamp: int | np.ndarray) -> np.ndarray:
        """Return where stamps lie, in units: float64."""
        share = (np.asarray(stamp, np.float64) - self.begin) / max(1, self.end - self.begin)
        return LEFT + share * (WIDTH - LEFT - RIGHT)


@dataclass(frozen=True)
class _Row:
    """A line of cameras: all views of one name, or one recording's."""

    title: str
    views: tuple[int, ...]


def draw_timeline(tables: Tables, clock: Clock) -> Figure:
    """Return a picture of when there was footage, actions and alarms.

    Recordings without times of day have a row each, and begin together at 0.
    """
    rows = _rows(tables)
    shown = rows[:MOST_ROWS]
    axis = _axis(tables)
    figure = Figure('When: actions by camera', WIDTH)
    figure.texts.append(Text(16, 26, 'When', 16, bold=True))
    y = TOP
    for row in shown:
        y = _draw_row(figure, tables, row, axis, y) + GAP
    if len(rows) > len(shown):
        figure.texts.append(Text(16, y, f'{len(rows) - len(shown)} more are not drawn', 11, FAINT))
        y += GAP
    _draw_marks(figure, tables, axis, clock, y - GAP)
    names = [
        (tables.labels[label], label_colour(label))
        for label in np.unique(tables.instances.label).tolist()
    ]
    names += [(f'alarm: {s}', ALARM[s]) for s in sorted({a.severity for a in tables.alarms})]
    figure.height = y + 26 + legend(figure, names, LEFT, y + 14)
    return figure


def _rows(tables: Tables) -> list[_Row]:
    if not tables.wall_clock:
        many = len({view.path for view in tables.views.values()}) > 1
        return [_Row(_title(view, many), (number,)) for number, view in tables.views.items()]
    by_name: dict[str, list[int]] = {}
    for number, view in tables.views.items():
        by_name.setdefault(view.title, []).append(number)
    return [_Row(name, tuple(numbers)) for name, numbers in by_name.items()]


def _title(view: Footage, many: bool) -> str:
    return f'{view.path.name} {view.camera}'.strip() if many else view.title


def _origin(tables: Tables, view: int) -> int:
    return 0 if tables.wall_clock else tables.views[view].origin


def _axis(tables: Tables) -> Axis:
    begins = [view.start - _origin(tables, number) for number, view in tables.views.items()]
    ends = [view.end - _origin(tables, number) for number, view in tables.views.items()]
    return Axis(min(begins), max(max(ends), min(begins) + 1))


def _draw_row(figure: Figure, tables: Tables, row: _Row, axis: Axis, top: float) -> float:
    """Draw a row; return where it ends."""
    found = tables.instances
    mine = np.flatnonzero(np.isin(found.view, row.views))
    labels = np.unique(found.label[mine]).tolist()
    height = max(1, len(labels)) * LANE + 2
    for view in row.views:
        footage, origin = tables.views[view], _origin(tables, view)
        x1, x2 = axis.x(np.array([footage.start - origin, footage.end - origin])).tolist()
        figure.boxes.append(Box(x1, top, max(0.5, x2 - x1), height, RULE, 0.6))
    origins = np.array([_origin(tables, view) for view in found.view[mine].tolist()], np.int64)
    x1, x2 = axis.x(found.start[mine] - origins), axis.x(found.end[mine] - origins)
    for lane, label in enumerate(labels):
        of = found.label[mine] == label
        _draw_lane(figure, x1[of], x2[of], top + 1 + lane * LANE, label_colour(label))
    for alarm in tables.alarms:
        if alarm.view in row.views:
            x = float(axis.x(alarm.start - _origin(tables, alarm.view)))
            colour = ALARM.get(alarm.severity, FAINT)
            figure.boxes.append(Box(x - 0.75, top - 5, 1.5, height + 7, colour))
    title = shortened(row.title, LEFT - 32, 12)
    figure.texts.append(Text(LEFT - 12, top + height / 2 + 4, title, 12, anchor='end'))
    return top + height


def _draw_lane(figure: Figure, x1: np.ndarray, x2: np.ndarray, y: float, colour: str) -> None:
    """Draw spans by how much of each pixel they fill, so that a million look as a hundred."""
    pixels = int(WIDTH - RIGHT - LEFT) + 1
    filled = np.zeros(pixels + 1)
    first = np.clip((x1 - LEFT).astype(np.int64), 0, pixels - 1)
    last = np.clip(np.ceil(x2 - LEFT).astype(np.int64), first + 1, pixels)
    np.add.at(filled, first, 1.0)
    np.add.at(filled, last, -1.0)
    covered = np.cumsum(filled)[:pixels] > 0
    share = np.zeros(pixels)
    np.add.at(share, first, np.minimum(x2 - x1, 1.0))
    long = np.cumsum(filled)[:pixels] > 0
    opacity = np.where(long, np.clip(FAINTEST + share, FAINTEST, 1.0), 0)
    inner = np.zeros(pixels + 1)  # pixels that a span fills as a whole
    wide = x2 - x1 > 1.5
    np.add.at(inner, first[wide], 1.0)
    np.add.at(inner, last[wide], -1.0)
    opacity[np.cumsum(inner)[:pixels] > 0] = 1.0
    steps = np.round(np.where(covered, opacity, 0), 1)
    edges = np.flatnonzero(np.r_[True, steps[1:] != steps[:-1], True])
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if steps[begin] > 0:
            box = Box(LEFT + begin, y, end - begin, LANE - 1, colour, float(steps[begin]))
            figure.boxes.append(box)


def _draw_marks(figure: Figure, tables: Tables, axis: Axis, clock: Clock, bottom: float) -> None:
    for stamp, text in time_marks(axis.begin, axis.end, tables.wall_clock, clock):
        x = float(axis.x(stamp))
        figure.boxes.insert(0, Box(x, TOP - 10, 0.5, bottom - TOP + 14, RULE))
        figure.texts.append(Text(x, TOP - 14, text, 10, FAINT, 'middle'))


def time_marks(begin: int, end: int, wall_clock: bool, clock: Clock) -> list[tuple[int, str]]:
    """Return stamps in ns at round times, with what to write there."""
    length = (end - begin) / NANOSECONDS
    step = next((s for s in STEPS if length / s <= MOST_MARKS), STEPS[-1])
    offset = 0
    if wall_clock:  # round in the time zone
        moment = clock.moment(begin).utcoffset()
        offset = int(moment.total_seconds()) if moment else 0
    first = -(-(begin // NANOSECONDS + offset) // step) * step - offset
    stamps = range(first * NANOSECONDS, end + 1, step * NANOSECONDS)
    return [(stamp, _mark_text(stamp, step, wall_clock, clock)) for stamp in stamps]


def _mark_text(stamp: int, step: int, wall_clock: bool, clock: Clock) -> str:
    if not wall_clock:
        return duration_text(stamp / NANOSECONDS)
    moment = clock.moment(stamp)
    if step >= 86400:
        return moment.strftime('%d %b')
    text = moment.strftime('%H:%M' if step >= 60 else '%H:%M:%S')
    return moment.strftime('%d %b ') + text if (moment.hour, moment.minute) == (0, 0) else text
