"""Measure alarms: false ones an hour, missed ones and delay, for each rule and kind of footage."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scipy.stats import chi2
from tqdm import tqdm

from actloc_ros.alarms.alarm import Alarm, AlarmType
from actloc_ros.frames import Frame, seconds
from actloc_ros.io.source import Source
from actloc_ros.io.sources import open_source
from actloc_ros.offline import localize, open_pipeline
from actloc_ros.pipeline import Pipeline
from actloc_ros.rules.engine import RuleEngine
from actloc_ros.rules.file.model import Rules
from actloc_ros.rules.file.rules_file import read_rules
from actloc_ros.rules.scene import scene_of
from actloc_ros.settings import settings_of
from actloc_ros.settings.specs import DEFAULTS
from benchmark.results.common import ResultsError, machine, quantile, table
from benchmark.results.decisions_footage import REAL, Recording, find_recordings

HERE = Path(__file__).resolve()
FILES = (HERE.parents[2] / 'config' / 'person_down.yaml', HERE.with_name('decisions.yaml'))
STOP = 'robot_stop'  # the rule of decisions.yaml that is no alarm
RATE = 10.0  # Hz of key frames: what a robot's computer keeps up with
NOBODY = REAL['empty']
SLACK = 1.0  # s before a noted begin and after its end in which an alarm is right
REACTION = 1.5  # s beyond the dwell that a span must last to be owed an alarm


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('decisions: alarms')
    group.add_argument(
        '--decision-scenes',
        type=int,
        default=6,
        help='synthetic ones, of --seconds each; default: %(default)s',
    )


@dataclass
class Tally:
    """What one rule did on one kind of footage.

    Attributes:
        duration: Of the footage in s.
        due: Spans that last long enough for an alarm.
        missed: Of these, those without.
        right: Alarms within spans.
        false: Other alarms.
        delays: Time in s from a span's begin to its first alarm.
    """

    duration: float = 0.0
    due: int = 0
    missed: int = 0
    right: int = 0
    false: int = 0
    delays: list[float] = field(default_factory=list)

    def add(
        self, recording: Recording, duration: float, alarms: Sequence[Alarm], dwell: float
    ) -> None:
        """Count one recording; an alarm is right where its time and a noted span overlap."""
        self.duration += duration
        begun = [(seconds(a.start), seconds(a.stamp)) for a in alarms]
        right = [
            (start, stamp)
            for start, stamp in begun
            if any(start <= end + SLACK and stamp >= begin - SLACK for begin, end in recording.down)
        ]
        self.right += len(right)
        self.false += len(begun) - len(right)
        for begin, end in recording.down:
            if end - begin < dwell + REACTION:
                continue
            self.due += 1
            stamps = [stamp for _, stamp in right if begin - SLACK <= stamp <= end + SLACK]
            self.missed += not stamps
            self.delays += [min(stamps) - begin] if stamps else []


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of the part."""
    recordings = find_recordings(args)
    if not recordings:
        raise ResultsError(f'there are no recordings in {args.shared}; give --shared')
    sets = [read_rules(path).rules for path in FILES]
    tallies: dict[tuple[str, str], Tally] = {}
    stops: dict[str, list[tuple[float, int]]] = {}
    with closing(open_pipeline(settings_of(dict(DEFAULTS)))) as pipeline:
        for recording in tqdm(recordings, unit='video', disable=None):
            alarms, duration = apply_rules(recording.path, pipeline, sets, args.frames)
            for name, rule in (item for rules in sets for item in rules.enabled.items()):
                own = [alarm for alarm in alarms if alarm.rule == name]
                if name == STOP:
                    stops.setdefault(recording.group, []).append((duration, len(own)))
                    continue
                tally = tallies.setdefault((name, recording.group), Tally())
                tally.add(recording, duration, own, rule.dwell)
    rows = [
        {'rule': rule, 'recordings': group} | asdict(tally)
        for (rule, group), tally in tallies.items()
    ]
    return {
        'rate': RATE,
        'model': DEFAULTS['model'],
        'rows': rows,
        'stops': [_stop_row(group, counted) for group, counted in stops.items()],
        'machine': machine(),
    }


def _stop_row(group: str, counted: Sequence[tuple[float, int]]) -> dict[str, Any]:
    """Return how often a robot would have stopped, given duration in s and stops of each video."""
    duration = sum(each for each, _ in counted)
    return {'recordings': group, 'duration': duration, 'stops': sum(n for _, n in counted)}


def apply_rules(
    video: Path, pipeline: Pipeline, sets: Sequence[Rules], frames: int | None = None
) -> tuple[list[Alarm], float]:
    """Return the alarms that begin in a video, or its first frames, and its duration in s."""
    engines = [RuleEngine(rules) for rules in sets]
    source = _Thinned(open_source(video), frames)
    alarms: list[Alarm] = []
    stamps: list[int] = []
    for report in localize(source, pipeline):
        scene = scene_of(report.message)
        stamps.append(scene.stamp)
        for engine in engines:
            alarms += engine.step(scene)
    return [a for a in alarms if a.type is AlarmType.NEW], seconds(stamps[-1] - stamps[0])


class _Thinned(Source):
    """The frames of a recording at no more than `RATE`."""

    def __init__(self, source: Source, most: int | None) -> None:
        self.path, self.camera, self._source, self._most = source.path, '', source, most

    def __iter__(self) -> Iterator[Frame]:
        """Yield them."""
        next_stamp, given = None, 0
        for frame in self._source:
            if next_stamp is None or frame.stamp >= next_stamp:
                next_stamp = frame.stamp + round(0.95e9 / RATE)
                yield frame
                given += 1
            if given == self._most:
                return


def upper_bound(count: int, hours: float) -> float:
    """Return the rate an hour that is not exceeded with 95 % confidence (exact Poisson bound)."""
    return float(chi2.ppf(0.95, 2 * (count + 1)) / 2 / hours)


def section(numbers: dict[str, Any]) -> str:
    """Return the part's text."""
    rows = []
    for row in numbers['rows'] + _totals(numbers['rows']):
        hours = row['duration'] / 3600
        rows.append(
            (
                row['rule'],
                row['recordings'],
                f'{60 * hours:.1f}',
                row['false'],
                f'{row["false"] / hours:.1f}',
                f'{upper_bound(row["false"], hours):.1f}',
                f'{row["due"] - row["missed"]} of {row["due"]}' if row['due'] else '–',
                f'{quantile(row["delays"], 0.5):.1f}' if row['delays'] else '–',
            )
        )
    head = ('rule', 'recordings', 'min', 'false', 'false/h', '95 % bound/h', 'found', 'delay s')
    hours = sum(r['duration'] for r in _totals(numbers['rows'])[:1]) / 3600
    return f"""## Alarms of shipped rules

`{numbers['model']}` at {numbers['rate']:g} Hz of key frames, and the rules of \
`config/person_down.yaml` on all footage at hand: {hours:.2f} h. `lying_at_once` and \
`falling_at_once` are the same actions without order or dwell, to show what these are worth. An \
alarm is right while somebody is noted to fall or to lie, on a bed too, as no zones are given; all \
others are false. "Found" counts what lasts {REACTION:g} s longer than the rule's dwell. The \
delay is from the noted begin to the alarm, dwell included.

**The bound is what counts**: no false alarm in so few hours proves no more than the number in its \
column (exact Poisson bound, 95 %). An alarm that may come once a day and camera needs days of \
footage to be shown.

{table(head, rows)}

{_stop_text(numbers)}"""


def _stop_text(numbers: dict[str, Any]) -> str:
    """Return what is said of stops."""
    rows = []
    for row in numbers['stops']:
        hours = row['duration'] / 3600
        bound = f'{upper_bound(row["stops"], hours):.1f}' if row['recordings'] == NOBODY else '–'
        cells = (
            row['recordings'],
            f'{60 * hours:.1f}',
            row['stops'],
            f'{row["stops"] / hours:.1f}',
        )
        rows.append((*cells, bound))
    head = ('recordings', 'min', 'stops', 'stops/h', 'false: 95 % bound/h')
    return f"""### Stops of a robot

How often a robot would stop for people if each camera were its own: somebody's feet are in the \
middle of the lower half of the image (`ahead` in `benchmark/results/decisions.yaml`) for 0.2 s; \
it goes on when nobody was for a second. Nothing drives, and planners decide by depth: this is \
what detections alone would cost. Where there are people, most stops are right, and no noted truth \
says which; **where there is nobody, all are false**. Own target: 1 in 8 hours.

{table(head, rows)}"""


def _totals(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each rule over all footage."""
    totals: dict[str, dict[str, Any]] = {}
    for row in rows:
        start = {'rule': row['rule'], 'recordings': '**all**', **asdict(Tally())}
        total = totals.setdefault(row['rule'], start)
        for key in ('duration', 'due', 'missed', 'right', 'false', 'delays'):
            total[key] = total[key] + row[key]
    return list(totals.values())
