"""Draw when and where people do what: by the hour, and over the image of each camera."""

from __future__ import annotations

import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.recordings.summary.clock import Clock, duration_text
from actloc_ros.recordings.summary.figure import Box, Figure, Text, shortened
from actloc_ros.recordings.summary.palette import FAINT, HEAT, RULE
from actloc_ros.recordings.summary.tables import Tables

WIDTH, MARGIN, NAMES = 1100.0, 16.0, 150.0
COLUMNS, ROWS = 32, 18  # of the image's grid
BINS = 24
MAP_WIDTH, MAPS_IN_LINE, MOST_CAMERAS = 250.0, 4, 24
CELL_HEIGHT = 20.0


def draw_heat_map(tables: Tables, clock: Clock) -> Figure:
    """Return a picture of when (labels by time) and where (boxes over the image) people act."""
    figure = Figure('When and where', WIDTH)
    y = _draw_when(figure, tables, clock, 26.0)
    figure.height = _draw_where(figure, tables, y + 34) + MARGIN
    return figure


def time_grid(tables: Tables, clock: Clock) -> tuple[np.ndarray, list[str]]:
    """Return how many instances of each label begin in each of 24 parts, and the parts' names.

    Parts are hours of the day; where stamps are no times of day, of the longest recording's length.

    Returns:
        int64 (L, 24), and 24 names.
    """
    found = tables.instances
    grid = np.zeros((len(tables.labels), BINS), np.int64)
    if tables.wall_clock:
        quarter = 900 * NANOSECONDS
        cells, inverse = np.unique(found.start // quarter, return_inverse=True)
        hours = [clock.moment(int(cell) * quarter).hour for cell in cells.tolist()]
        part = np.array(hours, np.int64)[inverse] if hours else np.zeros(0, np.int64)
        names = [f'{hour:02d}' for hour in range(BINS)]
    else:
        origins = {number: view.origin for number, view in tables.views.items()}
        length = max(1, *(view.end - view.origin for view in tables.views.values()))
        since = found.start - np.array([origins[v] for v in found.view.tolist()], np.int64)
        part = np.clip(since * BINS // (length + 1), 0, BINS - 1)
        names = [duration_text(i * length / BINS / NANOSECONDS) for i in range(BINS)]
    np.add.at(grid, (found.label, part), 1)
    return grid, names


def place_grid(box: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Return for how long people were at each place of the image: float64 (18, 32), in s.

    Args:
        box: float32 (N, 4) in [0, 1]; each counts evenly over the cells that it covers.
        seconds: float64 (N,).
    """
    grid = np.zeros((ROWS + 1, COLUMNS + 1))
    x1 = np.clip((box[:, 0] * COLUMNS).astype(np.int64), 0, COLUMNS - 1)
    y1 = np.clip((box[:, 1] * ROWS).astype(np.int64), 0, ROWS - 1)
    x2 = np.clip(np.ceil(box[:, 2] * COLUMNS).astype(np.int64), x1 + 1, COLUMNS)
    y2 = np.clip(np.ceil(box[:, 3] * ROWS).astype(np.int64), y1 + 1, ROWS)
    share = seconds / ((x2 - x1) * (y2 - y1))
    # Each box is four corners of what is summed up along both axes.
    for rows, columns, sign in ((y1, x1, 1), (y1, x2, -1), (y2, x1, -1), (y2, x2, 1)):
        np.add.at(grid, (rows, columns), sign * share)
    summed = grid.cumsum(0).cumsum(1)[:ROWS, :COLUMNS]
    return np.maximum(summed, 0.0)


def _draw_when(figure: Figure, tables: Tables, clock: Clock, top: float) -> float:
    grid, names = time_grid(tables, clock)
    figure.texts.append(Text(MARGIN, top, 'When', 16, bold=True))
    what = 'hour of the day' if tables.wall_clock else 'time in the recording'
    note = f'beginnings of actions by {what}; the darkest cell of each row has the most'
    figure.texts.append(Text(MARGIN + 60, top, note, 11, FAINT))
    rows = np.flatnonzero(grid.sum(1))
    y, width = top + 34, (WIDTH - 2 * MARGIN - NAMES - 60) / BINS
    for column in range(0, BINS, 1 if tables.wall_clock else 3):
        x = MARGIN + NAMES + (column + 0.5) * width
        figure.texts.append(Text(x, y - 6, names[column], 10, FAINT, 'middle'))
    for row in rows.tolist():
        name = shortened(tables.labels[row], NAMES - 12, 12)
        figure.texts.append(Text(MARGIN + NAMES - 12, y + 14, name, 12, anchor='end'))
        most = grid[row].max()
        for column in range(BINS):
            x = MARGIN + NAMES + column * width
            figure.boxes.append(Box(x, y, width - 1.5, CELL_HEIGHT - 1.5, RULE, 0.6))
            if count := int(grid[row, column]):
                opacity = 0.15 + 0.85 * count / most
                figure.boxes.append(Box(x, y, width - 1.5, CELL_HEIGHT - 1.5, HEAT, float(opacity)))
        total = f'{int(grid[row].sum()):,}'
        figure.texts.append(Text(WIDTH - MARGIN, y + 14, total, 11, FAINT, 'end'))
        y += CELL_HEIGHT
    return y


def _draw_where(figure: Figure, tables: Tables, top: float) -> float:
    figure.texts.append(Text(MARGIN, top, 'Where', 16, bold=True))
    note = 'people over the image of each camera, by how long they act there'
    figure.texts.append(Text(MARGIN + 68, top, note, 11, FAINT))
    found = tables.instances
    lasted = (found.end - found.start) / NANOSECONDS
    cameras: dict[str, list[int]] = {}
    for number, view in tables.views.items():
        cameras.setdefault(view.title, []).append(number)
    y, below = top + 20, 0.0
    for index, (name, views) in enumerate(list(cameras.items())[:MOST_CAMERAS]):
        column = index % MAPS_IN_LINE
        if index and not column:
            y, below = below + 30, 0.0
        x = MARGIN + column * (MAP_WIDTH + 22)
        mine = np.isin(found.view, views)
        first = tables.views[views[0]]
        height = MAP_WIDTH * min(1.5, first.height / max(1, first.width))
        _draw_map(figure, place_grid(found.box[mine], lasted[mine]), (x, y, MAP_WIDTH, height))
        title = shortened(name, MAP_WIDTH, 11)
        figure.texts.append(Text(x, y + height + 16, title, 11))
        below = max(below, y + height + 16)
    if len(cameras) > MOST_CAMERAS:
        text = f'{len(cameras) - MOST_CAMERAS} more are not drawn'
        figure.texts.append(Text(MARGIN, below + 22, text, 11, FAINT))
        below += 22
    return below


def _draw_map(figure: Figure, grid: np.ndarray, area: tuple[float, float, float, float]) -> None:
    x, y, width, height = area
    figure.boxes.append(Box(x, y, width, height, RULE, 0.6))
    most = grid.max()
    across, down = width / COLUMNS, height / ROWS
    for row, column in np.argwhere(grid > 0.01 * most).tolist() if most > 0 else ():
        opacity = float(np.sqrt(grid[row, column] / most))
        cell = Box(x + column * across, y + row * down, across, down, HEAT, opacity)
        figure.boxes.append(cell)
