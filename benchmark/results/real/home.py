"""Measure postures and falls of one person at home (GMDCSA24), and falls over all footage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.training.skeleton_n.labels import INDEX, POSTURES, UNKNOWN, YES, columns_of
from actloc_ros.training.skeleton_n.motion_data import read_footage
from benchmark.results.falls_alarms import Alarms, alarm_numbers, read_clips, span_of
from benchmark.results.real.footage import ClipReport, Runner
from benchmark.results.real.people import BOXES
from benchmark.results.real.photos import Figures

HOME, FALLS = 'one person at home', 'falls'
FALLING = 'falling'


def measure_home(runner: Runner, shared: Path, acts: bool) -> dict[str, Figures]:
    """Return the figures of the tables HOME and FALLS; falls count over all that was run before."""
    before = list(runner.clips)
    clips = read_clips(shared / 'data/gmdcsa24')
    reports = [runner.run(clip.path) for clip in clips]
    targets = postures(shared)
    rows: Figures = []
    subjects = sorted({clip.subject for clip in clips})
    for chosen in (*([subject] for subject in subjects), subjects):
        parts = [
            (report, targets[clip_name(clip.path)])
            for clip, report in zip(clips, reports, strict=True)
            if clip.subject in chosen
        ]
        who = f'subject {chosen[0]}' if len(chosen) == 1 else 'both subjects'
        rows += _home_rows(f'GMDCSA24, {who} ({len(parts)} clips)', parts, acts)
    if not acts:
        return {HOME: rows}
    alarms = Alarms([], [])
    for clip, report in zip(clips, reports, strict=True):
        alarms.add(clip, [span for span in report.spans if span.label == FALLING])
    return {HOME: rows, FALLS: _fall_rows(alarm_numbers(alarms, clips), clips, before)}


def clip_name(path: Path) -> str:
    """Return what `postures` calls the clip in a video file."""
    return '_'.join(path.with_suffix('').parts[-3:])


def postures(shared: Path) -> dict[str, np.ndarray]:
    """Return by clip what is known of each frame, uint8 (T, C); see `labels.targets_of`."""
    path = shared / 'real/mocap/eval_only/real2d_gmdcsa24.npz'
    return {clip.name.removeprefix('gmd_'): clip.targets for clip in read_footage(path, margin=0.0)}


def _home_rows(title: str, parts: list[tuple[ClipReport, np.ndarray]], acts: bool) -> Figures:
    boxes = [len(frame.boxes) for report, _ in parts for frame in report.frames]
    rows: Figures = [
        (title, BOXES, float(np.mean(boxes))),
        (title, 'frames with exactly one box', float(np.mean(np.array(boxes) == 1))),
    ]
    if acts:
        said, right = posture_shares(parts)
        rows += [(title, 'frames with a posture said', said), (title, 'right of said', right)]
    return rows


def posture_shares(parts: list[tuple[ClipReport, np.ndarray]]) -> tuple[float, float | None]:
    """Return in which share of the frames of known posture one is said, and how often it is right.

    Of several postures that go on, whoever has them, the one with the highest score counts.
    """
    columns = columns_of(POSTURES)
    known, said, right, sure = 0, 0, 0, 0
    for report, targets in parts:
        for frame in report.frames:
            if frame.number >= len(targets) or not (targets[frame.number, columns] == YES).any():
                continue
            known += 1
            actions = [(score, label) for label, score in frame.actions if label in POSTURES]
            if actions:
                said += 1
                truth = targets[frame.number, INDEX[max(actions)[1]]]
                sure += truth != UNKNOWN
                right += truth == YES
    return said / max(known, 1), right / sure if sure else None


def _fall_rows(numbers: dict[str, Any], clips: list[Any], others: list[ClipReport]) -> Figures:
    falls = numbers['falls']
    home = sum(clip.duration for clip in clips)
    watched = sum(span_of(clip) for clip in clips if clip.onset is not None)
    hours = (home - watched + sum(each.seconds for each in others)) / 3600
    false_home = numbers['false_in_falls'] + numbers['false_in_daily']
    false = sum(span.label == FALLING for each in others for span in each.spans)
    return [
        (f'GMDCSA24 ({falls} falls)', 'found', numbers['found'] / falls if falls else None),
        (f'GMDCSA24 ({falls} falls)', 'onset error, median in s', numbers['onset_error_median']),
        (f'GMDCSA24, {home:.0f} s', 'false alarms', false_home),
        (f'all other footage here, {3600 * hours - home + watched:.0f} s', 'false alarms',
         false),
        (f'all footage, {60 * hours:.1f} min outside of falls', 'false alarms an hour',
         (false + false_home) / hours),
    ]  # fmt: skip
