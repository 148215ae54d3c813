"""Read recordings of falls (GMDCSA24), and count found, missed and false alarms."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actloc_ros.frames import seconds
from actloc_ros.instances import InstanceOptions
from actloc_ros.tracks import TrackOptions
from benchmark.results.common import ResultsError, TimedDetections, TimedLocalizer, quantile
from benchmark.results.instances import Span, reported_spans

EARLY = 1.0  # s before the noted onset from which an alarm counts for the fall
ROUNDED = 1.0  # s: notes of a fall that lasts to the clip's end are in whole seconds
LIES_WITHIN = 2.0  # s after a fall within which its actor must lie, where that is asked for
SCORES = (0.05, 0.07, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
ACTOR_SCORES = (TrackOptions().min_score, 0.1)  # the node's own first


@dataclass(frozen=True)
class Rule:
    """What makes an alarm of an instance of `falling`.

    Attributes:
        actor_score: Score of an actor from which a track starts.
        lying: Whether the actor must lie soon after.
    """

    actor_score: float = ACTOR_SCORES[0]
    lying: bool = False


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


def sweep(
    model: TimedLocalizer,
    clips: Sequence[FallClip],
    detected: Sequence[Sequence[TimedDetections]],
    rule: Rule,
) -> list[dict[str, Any]]:
    """Return the numbers for each start score of `falling`; the end score is 0.8 of it."""
    rows = []
    for score in SCORES:
        alarms = Alarms([], [])
        for clip, frames in zip(clips, detected, strict=True):
            alarms.add(clip, fall_alarms(model, frames, score, rule))
        rows.append({'score': score} | alarm_numbers(alarms, clips))
    return rows


def fall_alarms(
    model: TimedLocalizer, frames: Sequence[TimedDetections], score: float, rule: Rule
) -> list[Span]:
    """Return the instances of `falling` that start from a score on and that a rule lets pass."""
    if 'falling' not in model.labels:
        raise ResultsError(f'{model.name} has no label falling among {model.labels}')
    tracks = TrackOptions(min_score=rule.actor_score)
    spans = reported_spans(model, frames, InstanceOptions(start_score=score), tracks)
    falls = [span for span in spans if span.label == 'falling']
    if not rule.lying:
        return falls
    lies = [span for span in spans if span.label == 'lying']
    return [fall for fall in falls if any(_lies_after(fall, other) for other in lies)]


def _lies_after(fall: Span, lie: Span) -> bool:
    soon = seconds(lie.start - fall.end) <= LIES_WITHIN
    return lie.track == fall.track and lie.end > fall.start and soon


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
