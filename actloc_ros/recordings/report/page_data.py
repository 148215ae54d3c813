"""Lay out what the page's script reads: names, columns of numbers, alarms, clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.io.source import DEFAULT_RATE, SourceError
from actloc_ros.recordings.footage import read_spans
from actloc_ros.recordings.report.columns import packed
from actloc_ros.recordings.report.sprites import (
    COLUMNS,
    HEIGHT,
    PER_SHEET,
    WIDTH,
    Sprites,
    fitted,
    webp,
)
from actloc_ros.recordings.summary.clock import Clock, duration_text
from actloc_ros.recordings.summary.palette import INK, label_colour, rgb
from actloc_ros.recordings.summary.tables import Footage, Tables
from actloc_ros.recordings.summary.unusual import (
    LEAST_HISTORY,
    describe,
    find_periods,
    find_unusual,
)

MOST_PICTURES = 64  # cameras whose image stands behind their heat map
BOX = 65535  # what is 1 in a column of relative coordinates


@dataclass(frozen=True)
class ReportOptions:
    """How a page is made.

    Attributes:
        title: Its title.
        clips: `inline`: in the page; `beside`: all of them, in a folder beside it; `none`.
        size: MB that the page may take with thumbnails and clips, above 0.
    """

    title: str
    clips: str = 'inline'
    size: float = 32.0


def page_data(
    tables: Tables,
    clock: Clock,
    options: ReportOptions,
    sprites: Sprites,
    clips: list[dict[str, Any]],
    interest: np.ndarray,
) -> dict[str, Any]:
    """Return what the page's script reads; its times are in s from its `origin`.

    Args:
        tables: What is shown.
        clock: Says where days begin.
        options: How the page is made.
        sprites: Thumbnails.
        clips: Of each its `view`, `start` and `end` in ns, and its `file` where it has one.
        interest: float64 (N,) in [0, 1], of each instance.
    """
    numbers = {view: number for number, view in enumerate(tables.views)}
    origin = min(view.start for view in tables.views.values()) // NANOSECONDS
    periods = find_periods(tables, clock)
    unusual = describe(find_unusual(tables, periods), periods.by_day)
    enough = len(periods.names) > LEAST_HISTORY
    what = 'days' if periods.by_day else 'recordings'
    pictures = {} if options.clips == 'none' else _camera_pictures(tables)

    def since(stamp: int) -> float:
        return round((stamp - origin * NANOSECONDS) / NANOSECONDS, 6)

    return {
        'origin': origin,
        'wallClock': tables.wall_clock,
        'scope': _scope(tables, clock),
        'views': [
            _view(view, name, clock, since, pictures.get(view.title, ''))
            for view, name in zip(tables.views.values(), _names(tables), strict=True)
        ],
        'labels': [
            {'name': name, 'colour': label_colour(n), 'ink': _ink(label_colour(n))}
            for n, name in enumerate(tables.labels)
        ],
        'columns': _columns(tables, numbers, origin, sprites, interest),
        'alarms': [
            {
                'view': numbers[alarm.view],
                'rule': alarm.rule,
                'severity': alarm.severity,
                'start': since(alarm.start),
                'end': since(alarm.end),
                'tracks': list(alarm.tracks),
            }
            for alarm in tables.alarms
        ],
        'sprites': {
            'width': WIDTH,
            'height': HEIGHT,
            'columns': COLUMNS,
            'perSheet': PER_SHEET,
        },
        'clips': [
            entry
            | {
                'view': numbers[entry['view']],
                'start': since(entry['start']),
                'end': since(entry['end']),
            }
            for entry in clips
        ],
        'noClip': _no_clip(options),
        'unusual': unusual,
        'unusualTitle': f'Unusual against the {what} before',
        'unusualNone': 'Nothing.'
        if enough
        else f'Nothing is compared: {LEAST_HISTORY + 1} {what} are needed.',
    }


def _no_clip(options: ReportOptions) -> str:
    if options.clips == 'none':
        return 'The page was made without clips.'
    if options.clips == 'beside':
        return 'There is no clip of this: its recording could not be read.'
    return (
        f'There is no clip of this in the page, which has those of most interest up to '
        f'{options.size:g} MB. A larger --size takes more, and --clips beside all of them.'
    )


def _scope(tables: Tables, clock: Clock) -> str:
    recordings = len({view.path for view in tables.views.values()})
    parts = [f'{recordings:,} recording{"s" * (recordings != 1)}', duration_text(tables.duration)]
    if tables.wall_clock:
        begin = min(view.start for view in tables.views.values())
        end = max(view.end for view in tables.views.values())
        parts.append(f'{clock.text(begin)} to {clock.text(end)}')
    broken = sum(view.broken for view in tables.views.values())
    if broken:
        parts.append(f'{broken:,} frames not decoded')
    return ' · '.join([*parts, tables.model])


def _names(tables: Tables) -> list[str]:
    """Return what each recording is called: its file, or its path where files are named alike."""
    paths = list(dict.fromkeys(view.path for view in tables.views.values()))
    files = [path.name for path in paths]
    names = {p: p.name if files.count(p.name) == 1 else str(p) for p in paths}
    return [names[view.path] for view in tables.views.values()]


def _view(
    view: Footage, name: str, clock: Clock, since: Callable[[int], float], picture: str
) -> dict[str, Any]:
    offset = clock.moment(view.start).utcoffset() if view.wall_clock else None
    title = view.camera or name
    return {
        'title': title,
        'key': title,
        'full': ' · '.join(part for part in (view.camera, name) if part),
        'camera': view.camera,
        'recording': str(view.path),
        'start': since(view.start),
        'end': since(view.end),
        'zero': since(view.origin),
        'offset': int(offset.total_seconds()) if offset else 0,
        'width': view.width,
        'height': view.height,
        'picture': picture and f'data:image/webp;base64,{picture}',
    }


def _columns(
    tables: Tables, numbers: dict[int, int], origin: int, sprites: Sprites, interest: np.ndarray
) -> dict[str, dict[str, str]]:
    found = tables.instances
    view = np.array([numbers[v] for v in found.view.tolist()], np.uint32)
    start = (found.start - origin * NANOSECONDS) / NANOSECONDS
    box = np.round(np.clip(found.box, 0, 1) * BOX).astype(np.uint16).reshape(-1, 4)
    columns = {
        'view': view,
        'track': found.track,
        'label': found.label.astype(np.uint16),
        'start': start.astype(np.float64),
        'duration': ((found.end - found.start) / NANOSECONDS).astype(np.float32),
        'score': found.score,
        'interest': interest.astype(np.float32),
        'sprite': sprites.of,
    }
    columns |= {name: box[:, n] for n, name in enumerate(('x1', 'y1', 'x2', 'y2'))}
    return {name: packed(column) for name, column in columns.items()}


def _ink(colour: str) -> str:
    """Return the colour of text that can be read on another: dark, or white."""
    red, green, blue = rgb(colour)
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else '#ffffff'


def _camera_pictures(tables: Tables) -> dict[str, str]:
    """Return an image of each camera by its title, as WebP in base64: its first one."""
    pictures: dict[str, str] = {}
    for view in tables.views.values():
        if view.title in pictures or len(pictures) >= MOST_PICTURES:
            continue
        try:
            spans = [(view.start, view.end + 1)]  # which begins with the first image by any rate
            found = read_spans(view.path, view.camera, spans, lambda: DEFAULT_RATE)
            frame = next((f for _, f in found), None)
        except SourceError:
            continue
        if frame is not None:
            height = max(1, round(WIDTH * 2 * frame.image.shape[0] / frame.image.shape[1]))
            pictures[view.title] = webp(fitted(frame.image, WIDTH * 2, height))
    return pictures
