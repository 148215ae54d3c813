"""Read recordings of falls (GMDCSA24), and count found, missed and false alarms."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actloc_ros.frames import seconds
from benchmark.results.common import ResultsError, quantile
from benchmark.results.instances import Span

EARLY = 1.0  # s before the noted onset from which an alarm counts for the fall
ROUNDED = 1.0  # s: notes of a fall that lasts to the clip's end are in whole seconds


@dataclass(frozen=True)
class FallClip:
    """One clip with at most one fall.

    Attributes:
        path: The video.
        subject: Number of the person.
        onset: When the fall begins in s; None for daily activities.
        end: When what is noted as falling, lying included, ends in s.
        duration: In s.
    """

    path: Path
    subject: int
    onset: float | None
    end: float
    duration: float


@dataclass
class Alarms:
    """Alarms in some clips.

    Attributes:
        onsets: Reported less noted onset in s, of each fall found.
        delays: Time in s from the noted onset to the frame at which it was reported.
        missed: Falls without an alarm.
        false_in_falls: False alarms in clips with a fall.
        false_in_daily: False alarms in clips without.
    """

    onsets: list[float]
    delays: list[float]
    missed: int = 0
    false_in_falls: int = 0
    false_in_daily: int = 0

    def add(self, clip: FallClip, alarms: Sequence[Span]) -> None:
        """Count one clip.

        The first alarm from `EARLY` before the onset to the noted end finds the fall;
        further ones within that time repeat it. All others are false.
        """
        if clip.onset is None:
            self.false_in_daily += len(alarms)
            return
        begin = clip.onset - EARLY
        right = [each for each in alarms if begin <= seconds(each.start) <= clip.end]
        self.false_in_falls += len(alarms) - len(right)
        if not right:
            self.missed += 1
            return
        first = min(right, key=lambda each: each.start)
        self.onsets.append(seconds(first.start) - clip.onset)
        self.delays.append(seconds(first.reported) - clip.onset)


def read_clips(folder: Path, most: int | None = None) -> list[FallClip]:
    """Return the clips of a folder, of each subject and kind `most`."""
    rows = json.loads((folder / 'index_segments.json').read_text())
    counts: dict[tuple[int, str], int] = {}
    clips = []
    for row in rows:
        key = row['subject'], row['kind']
        counts[key] = counts.get(key, 0) + 1
        if most is None or counts[key] <= most:
            clips.append(_clip(folder, row))
    return clips


def _clip(folder: Path, row: dict[str, Any]) -> FallClip:
    falls = [each for each in row['segments'] if each['label'].lower().startswith('fall')]
    if len(falls) != (row['kind'] == 'Fall'):
        raise ResultsError(
            f'{folder}: {row["file"]} is of kind {row["kind"]} and notes {len(falls)} falls; '
            'expected one in clips of kind Fall, none in others'
        )
    duration = row['n_frames'] / row['fps']
    onset, end = (falls[0]['t0'], falls[0]['t1']) if falls else (None, duration)
    end = duration if duration - end < ROUNDED else end
    return FallClip(folder / row['file'], row['subject'], onset, end, duration)


def alarm_numbers(alarms: Alarms, clips: Sequence[FallClip]) -> dict[str, Any]:
    """Return counts and errors."""
    daily = [clip for clip in clips if clip.onset is None]
    falls = [clip for clip in clips if clip.onset is not None]
    other = sum(clip.duration - span_of(clip) for clip in falls)
    minutes = (other + sum(clip.duration for clip in daily)) / 60
    false = alarms.false_in_falls + alarms.false_in_daily
    return {
        'falls': len(falls),
        'found': len(alarms.onsets),
        'missed': alarms.missed,
        'onset_error_median': quantile([abs(each) for each in alarms.onsets], 0.5),
        'onset_median': quantile(alarms.onsets, 0.5),
        'onsets': alarms.onsets,
        'delay_median': quantile(alarms.delays, 0.5),
        'false_in_falls': alarms.false_in_falls,
        'false_in_daily': alarms.false_in_daily,
        'daily': len(daily),
        'false_a_minute': false / minutes if minutes else None,
    }


def span_of(clip: FallClip) -> float:
    """Return for how many seconds of a clip an alarm counts for its fall."""
    assert clip.onset is not None
    return min(clip.end, clip.duration) - max(clip.onset - EARLY, 0)
