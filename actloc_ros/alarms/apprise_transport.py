"""Send alarms by mail, by chat and by all else that apprise knows."""

from __future__ import annotations

import json
import logging
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import apprise

from actloc_ros.alarms.channels import AppriseChannel, ChannelError, resolve
from actloc_ros.alarms.outbox import Letter
from actloc_ros.alarms.transport import SendError

SNAPSHOT_TIME = 2.0  # s that a letter waits for its picture

# They log addresses, and so the secrets in them.
for _name in ('apprise', 'urllib3'):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class AppriseTransport:
    """One address of apprise's; a letter becomes a title, some lines, and the snapshot."""

    def __init__(self, channel: AppriseChannel, evidence: str | None) -> None:
        """Read the address; see `open_transport`."""
        self._evidence = None if evidence is None else Path(evidence)
        self._service = apprise.Apprise()
        if not self._service.add(resolve(channel.name, channel.url)):
            raise ChannelError(
                f'notify.{channel.name}.apprise is no address that apprise knows; see '
                'https://github.com/caronc/apprise/wiki'
            )

    def send(self, letter: Letter) -> None:
        """Send; see `Transport`."""
        step = json.loads(letter.body)
        snapshot = self._snapshot(step)
        sent = self._service.notify(
            title=f'{step["rule"]} ({step["severity"]})',
            body='\n'.join(describe(step)),
            notify_type=apprise.NotifyType.WARNING,
            attach=None if snapshot is None else str(snapshot),
        )
        if not sent:
            raise SendError('it cannot be reached, or refuses')

    def close(self) -> None:
        """Do nothing: no connection is kept."""

    def _snapshot(self, step: dict[str, Any]) -> Path | None:
        """Return the snapshot; it is written while the alarm is on its way."""
        if self._evidence is None or not step['snapshot']:
            return None
        path, deadline = self._evidence / step['snapshot'], time.monotonic() + SNAPSHOT_TIME
        while not path.is_file() and time.monotonic() < deadline:
            time.sleep(0.1)
        return path if path.is_file() else None


def describe(step: dict[str, Any]) -> list[str]:
    """Return lines that say what `alarm_to_json` returned, for people."""
    camera = f' at {step["camera"]}' if step['camera'] else ''
    what = ', '.join(step['labels']) or step['rule']
    lines = [f'{what}{camera}, {step["type"]}, since {_time(step["start_time"])}']
    if step['type'] == 'end':
        lines.append(f'until {_time(step["end_time"])}')
    if step['zones'] or step['entered_zones']:
        lines.append(f'zones: {", ".join(step["zones"] or step["entered_zones"])}')
    lines += [f'{name}: {value:.2f}' for name, value in step['values'].items()]
    if step['clip']:
        lines.append(f'clip: {step["clip"]}')
    return [*lines, f'id: {step["id"]}']


def _time(stamp: float) -> str:
    try:
        return f'{datetime.fromtimestamp(stamp, timezone.utc):%Y-%m-%d %H:%M:%S} UTC'
    except (OverflowError, ValueError, OSError):  # of a clock that was never set
        return f'{stamp:.1f} s'
