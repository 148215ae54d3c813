"""Name moments and durations as people read them: times of day, or times from a beginning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo

from actloc_ros.frames import NANOSECONDS
from actloc_ros.recordings.index.model import EARLIEST_CLOCK
from actloc_ros.time_zone import find_zone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Clock:
    """Names times of day in a time zone.

    Attributes:
        zone: The time zone; None: the machine's.
    """

    zone: tzinfo | None = None

    def moment(self, stamp: int) -> datetime:
        """Return a stamp in ns as date and time of day."""
        return (EPOCH + timedelta(microseconds=stamp // 1000)).astimezone(self.zone)

    def text(self, stamp: int, origin: int = 0) -> str:
        """Return a stamp in ns as date and time; one that is none, as time from `origin` on."""
        if stamp < EARLIEST_CLOCK:
            return duration_text((stamp - origin) / NANOSECONDS)
        return self.moment(stamp).strftime('%Y-%m-%d %H:%M:%S')

    def day(self, stamp: int) -> str:
        """Return the date of a stamp in ns."""
        return self.moment(stamp).strftime('%Y-%m-%d')

    def parse(self, text: str) -> int:
        """Return a stamp in ns of a date, or of date and time, as ISO 8601 writes them.

        Raises:
            ValueError: It is none.
        """
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f'"{text}" is no time; write 2026-03-01 or 2026-03-01T14:05') from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone) if self.zone else moment.astimezone()
        return round((moment - EPOCH) / timedelta(microseconds=1)) * 1000


def find_clock(name: str) -> Clock:
    """Return the clock of a time zone such as `Europe/Berlin`; of the machine's if it is empty.

    Raises:
        ValueError: There is no such time zone.
    """
    return Clock(find_zone(name) if name else None)


def duration_text(seconds: float) -> str:
    """Return a time in s as people write it: `8.4 s`, `2:05 min`, `1:02:05 h`."""
    if seconds < 59.95:
        return f'{seconds:.1f} s'
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f'{hours}:{minutes:02d}:{left:02d} h' if hours else f'{minutes}:{left:02d} min'
