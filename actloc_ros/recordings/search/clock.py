"""Turn dates and times of day, as the clock of a place shows them, into stamps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone, tzinfo

from actloc_ros.frames import NANOSECONDS
from actloc_ros.recordings.search.query import QueryError
from actloc_ros.time_zone import find_zone

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
LONGEST = 100 * 366  # days of which changes of the clock are looked for


@dataclass(frozen=True)
class Clock:
    """The clock of a place over the time of an index.

    Attributes:
        zone: The place's time zone; None for that of this computer.
        offsets: Stamps in ns from which the clock is ahead of UTC by so many ns, rising; the first
            holds before its stamp too.
    """

    zone: tzinfo | None
    offsets: tuple[tuple[int, int], ...]

    def stamp(self, moment: datetime) -> int:
        """Return the stamp of a date and time, in ns since 1970."""
        return _nanoseconds(self._aware(moment) - EPOCH)

    def text(self, stamp: int) -> str:
        """Return a stamp as ISO 8601 with milliseconds and the zone's offset."""
        moment = EPOCH + timedelta(microseconds=stamp // 1000)
        return moment.astimezone(self.zone).isoformat(timespec='milliseconds')

    def _aware(self, moment: datetime) -> datetime:
        try:
            if self.zone is None:
                return moment.astimezone()
            return moment.replace(tzinfo=self.zone).astimezone(timezone.utc)
        except (OverflowError, ValueError, OSError) as error:
            raise QueryError(f'{moment} is out of the range of dates') from error


def open_clock(name: str | None, first: int, last: int) -> Clock:
    """Return the clock of a zone, such as `Europe/Berlin`, between two stamps in ns.

    Raises:
        QueryError: There is no such zone.
    """
    try:
        zone = find_zone(name) if name else None
    except ValueError as error:
        raise QueryError(str(error)) from error
    return Clock(zone, tuple(_offsets(zone, first, last)))


def since_midnight(moment: time) -> int:
    """Return a time of day in ns."""
    second = 60 * (60 * moment.hour + moment.minute) + moment.second
    return second * NANOSECONDS + moment.microsecond * 1000


def _offsets(zone: tzinfo | None, first: int, last: int) -> list[tuple[int, int]]:
    """Return the changes of the offset, to the second, with that at `first` before them."""
    moment, end = _moment(first), _moment(last)
    found = [(first, _offset(moment, zone))]
    for _ in range(LONGEST):
        if moment >= end:
            break
        following = min(moment + DAY, end)
        if _offset(following, zone) != _offset(moment, zone):
            change = _change(moment, following, zone)
            found.append((_nanoseconds(change - EPOCH), _offset(following, zone)))
        moment = following
    return found


def _change(before: datetime, after: datetime, zone: tzinfo | None) -> datetime:
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        middle = middle.replace(microsecond=0)
        if middle <= before:
            break
        if _offset(middle, zone) == _offset(before, zone):
            before = middle
        else:
            after = middle
    return after


def _moment(stamp: int) -> datetime:
    return EPOCH + timedelta(seconds=stamp // NANOSECONDS)


def _offset(moment: datetime, zone: tzinfo | None) -> int:
    return _nanoseconds(moment.astimezone(zone).utcoffset() or timedelta())


def _nanoseconds(span: timedelta) -> int:
    return (span.days * 86_400 + span.seconds) * NANOSECONDS + span.microseconds * 1000
