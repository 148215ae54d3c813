"""Count who enters, leaves and is in each zone, and who crosses each line, minute by minute.

Densities and flows are those of `groups.flow`, by Edie's definitions, in zones that are in metres.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np

from actloc_ros.files import OutputError
from actloc_ros.frames import nanoseconds, seconds
from actloc_ros.rules.areas.lines import IN, OUT
from actloc_ros.rules.compiled import CompiledCamera
from actloc_ros.rules.groups.flow import HOUR, KILOMETRE, area_of, longer_side
from actloc_ros.rules.groups.group_rules import SILENCE
from actloc_ros.rules.scene import PERSON
from actloc_ros.rules.tracks.track_state import TrackState

MINUTE = nanoseconds(60.0)


@dataclass(frozen=True)
class MinuteCount:
    """What happened in one zone or at one line within one minute; a row of the table.

    Attributes:
        start_time: Of the minute in s, a multiple of 60, of message stamps.
        camera: Its name; empty for the single default camera.
        area: Name of the zone or line.
        kind: Of tracks: `person`, `car`, ….
        known_s: Time in s with key frames, at most 60.
        tracks: Distinct tracks that were in the zone; None for a line.
        entered: Tracks that came into the zone, or crossed the line inwards.
        left: Tracks that left the zone, or crossed the line outwards.
        mean: Tracks in the zone at once, over the time known; None without any, and for a line.
        most: Tracks in the zone at once, at most; None for a line.
        speed_mps: Mean speed in the zone in m/s; None where it is not known, as all below.
        density_per_m2: Tracks in a square metre.
        density_per_km: Tracks in a kilometre of the zone's longer side.
        flow_per_h: Tracks an hour along it.
    """

    start_time: float
    camera: str
    area: str
    kind: str
    known_s: float
    tracks: int | None
    entered: int
    left: int
    mean: float | None
    most: int | None
    speed_mps: float | None = None
    density_per_m2: float | None = None
    density_per_km: float | None = None
    flow_per_h: float | None = None


COLUMNS = tuple(each.name for each in fields(MinuteCount))
CountSink = Callable[[MinuteCount], None]


@dataclass
class _Tally:
    """One zone or line, and one kind, within the minute."""

    entered: int = 0
    left: int = 0
    most: int = 0
    spent: float = 0.0  # s of all tracks
    measured: float = 0.0  # of these, with a speed
    gone: float = 0.0  # m of these
    serials: set[int] = field(default_factory=set)


class CameraCounts:
    """The counts of one camera."""

    def __init__(
        self, camera: str, compiled: CompiledCamera, state: TrackState, sink: CountSink
    ) -> None:
        """Begin; `sink` takes the rows of each minute when it is over."""
        self._camera, self._compiled, self._state, self._sink = camera, compiled, state, sink
        self._zones, self._lines = tuple(compiled.zones), tuple(compiled.lines)
        self._inside: np.ndarray = np.zeros((0, len(self._zones)), bool)
        self._serials, self._kinds = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._tallies: dict[tuple[str, int], _Tally] = {}
        self._last: int | None = None
        self._minute, self._known = 0, 0.0

    def step(self, stamp: int) -> None:
        """Take what the state says after a key frame."""
        if self._last is not None and stamp // MINUTE != self._minute:
            self.flush()
        self._minute = stamp // MINUTE
        passed = 0.0
        if self._last is not None and stamp - self._last <= SILENCE:
            passed = seconds(stamp - self._last)
        self._known += passed
        self._last = stamp
        self._count_zones(passed)
        self._count_lines()

    def flush(self) -> None:
        """Give the rows of the minute that is open, if there was a key frame."""
        if self._last is None:
            return
        kinds = range(max(1, len(self._state.table.kind_names)))
        for area in (*self._zones, *self._lines):
            for kind in kinds:
                self._sink(self._row(area, kind, self._tallies.get((area, kind), _Tally())))
        self._tallies, self._known = {}, 0.0

    def _count_zones(self, passed: float) -> None:
        table, before = self._state.table, self._inside
        inside = self._state.zones.inside & table.used()[:, None]
        same = np.zeros(len(inside), bool)
        same[: len(before)] = table.serials[: len(before)] == self._serials
        stayed = np.zeros_like(inside)
        stayed[: len(before)] = before & inside[: len(before)] & same[: len(before), None]
        for row, zone in np.argwhere(inside & ~stayed).tolist():
            self._tally(self._zones[zone], int(table.kinds[row])).entered += 1
        for row, zone in np.argwhere(before & ~stayed[: len(before)]).tolist():
            self._tally(self._zones[zone], int(self._kinds[row])).left += 1
        speed = self._state.motion.fit.speed
        for zone in np.flatnonzero(inside.any(axis=0)).tolist():
            rows = np.flatnonzero(inside[:, zone])
            for kind in np.unique(table.kinds[rows]).tolist():
                own = rows[table.kinds[rows] == kind]
                measured = speed[own][np.isfinite(speed[own])]
                tally = self._tally(self._zones[zone], kind)
                tally.most = max(tally.most, len(own))
                tally.spent += passed * len(own)
                tally.measured += passed * len(measured)
                tally.gone += passed * float(measured.sum())
                tally.serials.update(table.serials[own].tolist())
        self._inside, self._serials = inside, table.serials.copy()
        self._kinds = table.kinds.copy()

    def _count_lines(self) -> None:
        crossed = self._state.lines.crossed
        for row, line in np.argwhere(crossed).tolist():
            tally = self._tally(self._lines[line], int(self._state.table.kinds[row]))
            tally.entered += int(crossed[row, line] == IN)
            tally.left += int(crossed[row, line] == OUT)

    def _tally(self, area: str, kind: int) -> _Tally:
        return self._tallies.setdefault((area, kind), _Tally())

    def _row(self, area: str, kind: int, tally: _Tally) -> MinuteCount:
        names = self._state.table.kind_names
        zone = self._compiled.zones.get(area)
        row = MinuteCount(
            start_time=seconds(self._minute * MINUTE),
            camera=self._camera,
            area=area,
            kind=names[kind] if names else PERSON,
            known_s=round(self._known, 3),
            tracks=None if zone is None else len(tally.serials),
            entered=tally.entered,
            left=tally.left,
            mean=tally.spent / self._known if zone is not None and self._known else None,
            most=None if zone is None else tally.most,
        )
        if zone is None or row.mean is None:
            return row
        speed = tally.gone / tally.measured if tally.measured else None
        if zone.frame is None:  # its size in metres is not known
            return MinuteCount(**asdict(row) | {'speed_mps': speed})
        size, length = area_of(zone), longer_side(zone)
        density = row.mean / length
        flow = None if speed is None else HOUR * density * speed
        return MinuteCount(
            **asdict(row)
            | {
                'speed_mps': speed,
                'density_per_m2': row.mean / size,
                'density_per_km': KILOMETRE * density,
                'flow_per_h': flow if row.mean else 0.0,
            }
        )


class CountFile:
    """Appends rows to a CSV; those of a minute are in the file when it is over."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            OutputError: It exists, or cannot be written.
        """
        if path.exists():
            raise OutputError(f'{path} exists already; remove it or name another file')
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open('x', newline='', encoding='utf-8')
        except OSError as error:
            raise OutputError(f'{path} cannot be written: {error.strerror or error}') from error
        self._rows = csv.DictWriter(self._file, COLUMNS)
        self._rows.writeheader()

    def write(self, row: MinuteCount) -> None:
        """Append a row; what is not known stays empty."""
        self._rows.writerow(dict(_cells(row)))
        self._file.flush()

    def close(self) -> None:
        """Complete the file."""
        self._file.close()


def _cells(row: MinuteCount) -> Iterator[tuple[str, object]]:
    for name, value in asdict(row).items():
        rounded = round(value, 4) if isinstance(value, float) else value
        yield name, '' if rounded is None else rounded
