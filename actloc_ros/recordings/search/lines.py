"""Show hits: a table for people, and a JSON object a line for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from actloc_ros.frames import seconds
from actloc_ros.recordings.search.clock import Clock
from actloc_ros.recordings.search.engine import Hit, Part
from actloc_ros.recordings.search.words import shown

HEADS = ('recording', 'camera', 'from', 'to', 'action', 'track', 'score')
WIDEST = 48  # characters of a name in the table
RIGHT = frozenset({'from', 'to', 'track', 'score'})


def table(hits: Sequence[Hit], clock: Clock) -> list[str]:
    """Return the lines of a table; a column `when` is there where stamps are times of day."""
    dated = any(hit.wall_clock for hit in hits)
    heads = (*HEADS, 'when') if dated else HEADS
    rows = [_row(hit, clock)[: len(heads)] for hit in hits]
    columns = list(zip(heads, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    return [
        '  '.join(
            text.rjust(width) if head in RIGHT else text.ljust(width)
            for head, text, width in zip(heads, row, widths, strict=True)
        ).rstrip()
        for row in (heads, *rows)
    ]


def as_json(hit: Hit, clock: Clock) -> str:
    """Return a hit as a JSON object in one line: times in s from the recording's first frame."""
    start, end = hit.span
    found: dict[str, Any] = {
        'recording': hit.recording,
        'camera': hit.camera,
        'label': hit.label,
        'track': hit.track,
        'start': start,
        'end': end,
        'score': _rounded(hit.score),
        'model': hit.model,
    }
    if hit.wall_clock:
        found['when'] = clock.text(hit.start)
    if len(hit.parts) > 1:
        found['parts'] = [_part(hit, part) for part in hit.parts]
    return json.dumps(found, ensure_ascii=False)


def title(hit: Hit) -> str:
    """Return what a hit is called in playlists and chapters, in one line."""
    what = hit.label or ('nobody' if hit.track is None else 'somebody')
    who = '' if hit.track is None else f' (track {hit.track})'
    return shown(f'{what}{who}')


def time_text(value: float) -> str:
    """Return a time in s as h:mm:ss.s."""
    tenths = round(value * 10)
    sign, tenths = ('-', -tenths) if tenths < 0 else ('', tenths)
    minutes, rest = divmod(tenths, 600)
    return f'{sign}{minutes // 60}:{minutes % 60:02d}:{rest // 10:02d}.{rest % 10}'


def _row(hit: Hit, clock: Clock) -> tuple[str, ...]:
    start, end = hit.span
    return (
        _short(PurePath(hit.recording).name),
        _short(hit.camera),
        time_text(start),
        time_text(end),
        _short(hit.label or ('nobody' if hit.track is None else '')),
        '' if hit.track is None else str(hit.track),
        '' if hit.score is None else f'{hit.score:.2f}',
        clock.text(hit.start) if hit.wall_clock else '',
    )


def _short(name: str) -> str:
    text = shown(name)
    return text if len(text) <= WIDEST else f'…{text[1 - WIDEST :]}'


def _part(hit: Hit, part: Part) -> dict[str, Any]:
    return {
        'label': part.label,
        'track': part.track,
        'start': seconds(part.start - hit.zero),
        'end': seconds(part.end - hit.zero),
        'score': _rounded(part.score),
    }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)
