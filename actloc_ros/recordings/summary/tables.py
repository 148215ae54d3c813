"""Read the part of an index that is summed up: cameras, instances and alarms, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.recordings.index.model import RecordingsError
from actloc_ros.recordings.summary.clock import Clock

if TYPE_CHECKING:
    import duckdb

# Names of ours: what users give are parameters of queries.
INSTANCE_COLUMNS = 'view, instance, track, label, start, "end", score, x1, y1, x2, y2'
ALARM_COLUMNS = 'view, rule, severity, start, "end", tracks'


@dataclass(frozen=True)
class Footage:
    """One camera of one recording, as one model saw it.

    Attributes:
        view: Its number in the index.
        number: The camera's number within the recording, from 0.
        path: The recording.
        camera: The camera's name; may be empty.
        start: Stamp of the first frame, in ns.
        end: Stamp of the last frame, in ns.
        origin: Stamp in ns from which times of the recording count.
        frames: Frames that were decoded.
        broken: Frames that could not be decoded.
        width: Of its images in pixels.
        height: Of its images in pixels.
        wall_clock: Whether stamps are times of day.
    """

    view: int
    number: int
    path: Path
    camera: str
    start: int
    end: int
    origin: int
    frames: int
    broken: int
    width: int
    height: int
    wall_clock: bool

    @property
    def title(self) -> str:
        """What people call it: the camera, or the recording where it has no name."""
        return self.camera or self.path.name


@dataclass(frozen=True, eq=False)
class Instances:
    """Who did what: columns of N rows, sorted by view and start.

    Attributes:
        view: int32, the camera of a recording.
        instance: int32, its number within the view.
        track: int32, who.
        label: int32, index of `Tables.labels`.
        start: int64, stamp in ns.
        end: int64, stamp in ns.
        score: float32 in [0, 1].
        box: float32 (N, 4), x1, y1, x2, y2 at the best key frame, in [0, 1] of the image.
    """

    view: np.ndarray
    instance: np.ndarray
    track: np.ndarray
    label: np.ndarray
    start: np.ndarray
    end: np.ndarray
    score: np.ndarray
    box: np.ndarray

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.view)


@dataclass(frozen=True)
class AlarmSpan:
    """An alarm of a rules file.

    Attributes:
        view: The camera of a recording.
        rule: Name of the rule.
        severity: `alert` or `detection`.
        start: Stamp in ns.
        end: Stamp in ns.
        tracks: Who was part of it.
    """

    view: int
    rule: str
    severity: str
    start: int
    end: int
    tracks: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Tables:
    """What is summed up.

    Attributes:
        model: The model that made it.
        views: By number in the index.
        labels: Names of labels.
        instances: Who did what.
        alarms: In order of start.
    """

    model: str
    views: dict[int, Footage]
    labels: tuple[str, ...]
    instances: Instances
    alarms: tuple[AlarmSpan, ...]

    @property
    def wall_clock(self) -> bool:
        """Whether all stamps are times of day."""
        return all(view.wall_clock for view in self.views.values())

    @property
    def duration(self) -> float:
        """Length of all footage, in s."""
        return sum(view.end - view.start for view in self.views.values()) / NANOSECONDS


@dataclass(frozen=True)
class Selection:
    """Which part of an index is summed up.

    Attributes:
        model: The model; empty where there is only one.
        weights: First digits of its weights' hash; empty where there is only one.
        cameras: Names of cameras; empty: all.
        since: Time of day and date from which on, in ns; None: from the beginning.
        until: Time before which, in ns; None: to the end.
        least_score: Instances below are left out.
    """

    model: str = ''
    weights: str = ''
    cameras: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    least_score: float = 0.0


def read_tables(
    connection: duckdb.DuckDBPyConnection, selection: Selection, clock: Clock
) -> Tables:
    """Return the selected part of an index.

    Args:
        connection: To its `index.duckdb`, open for reading.
        selection: What is wanted.
        clock: Names times in messages.

    Raises:
        RecordingsError: Nothing is selected, or several models are.
    """
    model = _choose_model(connection, selection)
    views = _views(connection, model)
    views = _selected(views, selection, clock)
    connection.execute('SELECT name FROM labels ORDER BY label')
    labels = tuple(str(name) for (name,) in connection.fetchall())
    return Tables(
        model[0],
        views,
        labels,
        _instances(connection, views, selection),
        _alarms(connection, views, selection),
    )


def _choose_model(connection: duckdb.DuckDBPyConnection, selection: Selection) -> tuple[str, str]:
    """Return the name of a model and its weights' hash."""
    rows = connection.execute('SELECT DISTINCT model, weights FROM recordings ORDER BY ALL')
    there = [(str(name), str(weights)) for name, weights in rows.fetchall()]
    if not there:
        raise RecordingsError('the index holds no recording yet; fill it: actloc index')
    wanted = [
        (name, weights)
        for name, weights in there
        if selection.model in ('', name) and weights.startswith(selection.weights)
    ]
    if len(wanted) == 1:
        return wanted[0]
    names = ', '.join(f'{name} ({weights[:8] or "no weights"})' for name, weights in there)
    if not wanted:
        asked = f'{selection.model} {selection.weights}'.strip()
        raise RecordingsError(f'no recording was indexed by {asked}, but by {names}')
    raise RecordingsError(
        f'the index holds results of {names}, which do not mix; choose with --model NAME and, '
        'where the names are the same, --weights DIGITS'
    )


def _views(connection: duckdb.DuckDBPyConnection, model: tuple[str, str]) -> dict[int, Footage]:
    rows = connection.execute(
        'SELECT v.view, v.number, r.path, v.camera, v.start, v."end", r.start, v.frames, v.broken, '
        'v.width, v.height, v.wall_clock FROM views v JOIN recordings r USING (recording) '
        'WHERE r.model = ? AND r.weights = ? ORDER BY v.start, r.path, v.number',
        list(model),
    ).fetchall()
    views = {row[0]: Footage(row[0], row[1], Path(row[2]), *row[3:12]) for row in rows}
    there: set[tuple[Path, int]] = set()
    for view in views.values():
        if (view.path, view.number) in there:
            raise RecordingsError(
                f'{view.path} is in the index twice, by other settings of the same model; make an '
                'index for each'
            )
        there.add((view.path, view.number))
    return views


def _selected(views: dict[int, Footage], selection: Selection, clock: Clock) -> dict[int, Footage]:
    chosen = views
    if selection.cameras:
        there = {view.camera for view in views.values()}
        for name in selection.cameras:
            if name not in there:
                known = ', '.join(sorted(f'"{camera}"' for camera in there))
                raise RecordingsError(f'no recording has a camera "{name}"; there are {known}')
        chosen = {k: v for k, v in chosen.items() if v.camera in selection.cameras}
    if selection.since is not None or selection.until is not None:
        if not all(view.wall_clock for view in chosen.values()):
            raise RecordingsError(
                'some recordings have no time of day, as videos begin at 0; leave out --from and '
                '--to, or choose cameras with --camera'
            )
        chosen = {k: v for k, v in chosen.items() if _meets(v, selection)}
    if not chosen:
        begin = min(view.start for view in views.values())
        end = max(view.end for view in views.values())
        raise RecordingsError(
            f'nothing was recorded then; the index reaches from {clock.text(begin)} to '
            f'{clock.text(end)}'
        )
    return chosen


def _meets(view: Footage, selection: Selection) -> bool:
    after = selection.since is None or view.end >= selection.since
    return after and (selection.until is None or view.start < selection.until)


def _where(views: dict[int, Footage], selection: Selection) -> tuple[str, list[Any]]:
    """Return a condition on view and start, with its parameters."""
    condition, values = 'view IN (SELECT unnest(?))', [list(views)]
    parameters: list[Any] = [*values]
    if selection.since is not None:
        condition, parameters = f'{condition} AND start >= ?', [*parameters, selection.since]
    if selection.until is not None:
        condition, parameters = f'{condition} AND start < ?', [*parameters, selection.until]
    return condition, parameters


def _instances(
    connection: duckdb.DuckDBPyConnection, views: dict[int, Footage], selection: Selection
) -> Instances:
    condition, parameters = _where(views, selection)
    condition += ' AND score >= ? ORDER BY view, start, instance'
    query = f'SELECT {INSTANCE_COLUMNS} FROM instances WHERE {condition}'  # noqa: S608
    found = connection.execute(query, [*parameters, selection.least_score]).fetchnumpy()

    def column(name: str, kind: type) -> np.ndarray:
        return np.ma.filled(found[name], 0).astype(kind)

    box = np.stack([column(name, np.float32) for name in ('x1', 'y1', 'x2', 'y2')], axis=1)
    return Instances(
        column('view', np.int32),
        column('instance', np.int32),
        column('track', np.int32),
        column('label', np.int32),
        column('start', np.int64),
        column('end', np.int64),
        column('score', np.float32),
        box,
    )


def _alarms(
    connection: duckdb.DuckDBPyConnection, views: dict[int, Footage], selection: Selection
) -> tuple[AlarmSpan, ...]:
    condition, parameters = _where(views, selection)
    condition += ' ORDER BY start, view, alarm'
    query = f'SELECT {ALARM_COLUMNS} FROM alarms WHERE {condition}'  # noqa: S608
    rows = connection.execute(query, parameters).fetchall()
    return tuple(
        AlarmSpan(view, rule, severity, start, end, tuple(tracks or ()))
        for view, rule, severity, start, end, tracks in rows
    )
