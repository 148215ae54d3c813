"""Write alarms as lines: for people, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from actloc_ros.alarms.alarm import Alarm, AlarmType, alarm_to_json
from actloc_ros.files import OutputError
from actloc_ros.frames import seconds

JOURNAL = 'alarms.jsonl'


def alarm_line(alarm: Alarm, zero: int) -> str:
    """Return e.g. `12.4 s  alert  person_down  track 3  falling, lying  since 7.1 s`.

    Args:
        alarm: Its first step.
        zero: Stamp in ns from which times are counted.
    """
    tracks = ', '.join(map(str, alarm.track_ids))
    words = [
        f'{seconds(alarm.stamp - zero):6.1f} s',
        alarm.severity.value,
        alarm.rule,
        alarm.camera,
        f'track{"s" * (len(alarm.track_ids) > 1)} {tracks}' if tracks else '',
        ', '.join(alarm.labels),
        f'in {", ".join(alarm.zones)}' if alarm.zones else '',
        f'across {", ".join(alarm.lines)}' if alarm.lines else '',
        ', '.join(f'{name} {value:.3g}' for name, value in alarm.values.items()),
        f'since {seconds(alarm.start - zero):.1f} s',
    ]
    return '  '.join(word for word in words if word)


class LineSink:
    """Gives a line for each alarm, when it begins.

    Attributes:
        zero: Stamp in ns from which times are counted.
    """

    def __init__(self, write_line: Callable[[str], None], zero: int = 0) -> None:
        """Begin; `write_line` takes each line."""
        self._write_line, self.zero = write_line, zero

    def take(self, alarm: Alarm) -> None:
        """Give the line of an alarm that begins."""
        if alarm.type is AlarmType.NEW:
            self._write_line(alarm_line(alarm, self.zero))

    def close(self) -> None:
        """Do nothing: each line is out."""


class JsonSink:
    """Gives a JSON object for each step of each alarm, each in one line."""

    def __init__(self, write_line: Callable[[str], None]) -> None:
        """Begin; `write_line` takes each line."""
        self._write_line = write_line

    def take(self, alarm: Alarm) -> None:
        """Give the object."""
        self._write_line(json.dumps(alarm_to_json(alarm), ensure_ascii=False))

    def close(self) -> None:
        """Do nothing: each line is out."""


class JournalSink:
    """Appends each step to `alarms.jsonl` in a folder; each line is on its way at once."""

    def __init__(self, folder: Path) -> None:
        """Open the file.

        Raises:
            OutputError: There is one already, or none can be made.
        """
        path = folder / JOURNAL
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = path.open('x', encoding='utf-8', buffering=1)
        except FileExistsError as error:
            raise OutputError(f'{path} exists already; name another folder') from error
        except OSError as error:
            raise OutputError(f'{path} cannot be made: {error.strerror}') from error
        self._json = JsonSink(lambda line: print(line, file=self._file))

    def take(self, alarm: Alarm) -> None:
        """Write the step."""
        self._json.take(alarm)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
