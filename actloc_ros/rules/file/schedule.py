"""Read schedules such as `mon-fri 22:00-06:00`, and say at which stamps they hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Annotated, Any

from pydantic import BeforeValidator

from actloc_ros.frames import NANOSECONDS
from actloc_ros.time_zone import find_zone

DAYS = ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')
ENTRY = re.compile(r'(?:([a-z,\s-]+?)\s+)?(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})')
FORM = "[days] hh:mm-hh:mm, e.g. 'mon-fri 22:00-06:00'"
DAY = 24 * 60  # minutes


@dataclass(frozen=True)
class Span:
    """From one minute of some days to another, over midnight where the end is not later.

    Attributes:
        days: On which it begins, 0 is Monday.
        begin: In minutes of the day.
        end: In minutes of the day, not included; up to 1440.
    """

    days: frozenset[int]
    begin: int
    end: int

    def holds(self, weekday: int, minute: int) -> bool:
        """Say whether a minute of a weekday is within."""
        if self.begin < self.end:
            return weekday in self.days and self.begin <= minute < self.end
        yesterday = (weekday - 1) % 7
        return (weekday in self.days and minute >= self.begin) or (
            yesterday in self.days and minute < self.end
        )


@dataclass(frozen=True)
class Schedule:
    """When a rule holds: within any of its spans; always, if it has none."""

    spans: tuple[Span, ...] = ()

    def holds(self, stamp: int, zone: tzinfo) -> bool:
        """Say whether the rule holds at a stamp in ns since 1970."""
        if not self.spans:
            return True
        # By a difference: fromtimestamp() refuses what some systems cannot, as before 1970.
        moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=stamp // NANOSECONDS)
        local = moment.astimezone(zone)
        minute = local.hour * 60 + local.minute
        return any(span.holds(local.weekday(), minute) for span in self.spans)


def parse_schedule(value: Any) -> Schedule:
    """Return the schedule of a text, or of a list of texts.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, Schedule):
        return value
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(f'it must be {FORM}, or a list of these')
    return Schedule(tuple(_span(text) for text in texts))


def _span(text: str) -> Span:
    match = ENTRY.fullmatch(text.strip().lower())
    if not match:
        raise ValueError(f'{text!r} is not {FORM}')
    days, *times = match.groups()
    hours, minutes = [int(t) for t in times[::2]], [int(t) for t in times[1::2]]
    begin, end = (60 * h + m for h, m in zip(hours, minutes, strict=True))
    if max(minutes) > 59 or begin >= DAY or end > DAY:
        raise ValueError(f'{text!r} holds no times of day; they go from 00:00 to 24:00')
    if begin == end:
        raise ValueError(f'{text!r} begins when it ends; leave the schedule out for always')
    return Span(_days(days or '', text), begin, end)


def _days(text: str, whole: str) -> frozenset[int]:
    found: set[int] = set()
    for part in filter(None, (p.strip() for p in text.split(','))):
        first, _, last = (p.strip() for p in part.partition('-'))
        if first not in DAYS or (last or first) not in DAYS:
            raise ValueError(f'{whole!r}: {part!r} is no day or range of {", ".join(DAYS)}')
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {(begin + i) % 7 for i in range((end - begin) % 7 + 1)}
    return frozenset(found or range(7))


def _timezone(value: str) -> str:
    find_zone(value)
    return value


ScheduleField = Annotated[Schedule, BeforeValidator(parse_schedule)]
TimezoneField = Annotated[str, BeforeValidator(_timezone)]
