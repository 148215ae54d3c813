"""Make alarms and frames for tests of evidence and notification."""

import dataclasses

import numpy as np

from actloc_ros.alarms.alarm import Alarm, AlarmType, Severity
from actloc_ros.frames import NANOSECONDS, Frame

SECOND = NANOSECONDS
BEGIN = 1_700_000_000 * SECOND
HEIGHT, WIDTH = 48, 64


def alarm(at=0.0, kind=AlarmType.NEW, number=1, **changes):
    """Return a step of an alarm that began at `BEGIN`, at `BEGIN` + `at` s."""
    stamp = BEGIN + round(at * SECOND)
    made = Alarm(
        type=kind,
        id=f'alarm-{number}',
        rule='person_down',
        severity=Severity.ALERT,
        camera='front',
        stamp=stamp,
        start=BEGIN,
        end=stamp,
        track_ids=(3,),
        labels=('lying',),
        zones=('hall',),
        score=0.75,
        values={'dwell_s': 5.0},
        boxes={3: (10.0, 10.0, 40.0, 40.0)},
    )
    return dataclasses.replace(made, **changes)


def frame(at, camera='front', height=HEIGHT, width=WIDTH):
    """Return a frame at `BEGIN` + `at` s, the greyer the later, from black at -10 s on."""
    grey = int(np.clip(10 * (at + 10), 0, 255))
    stamp = BEGIN + round(at * SECOND)
    return Frame(camera, stamp, np.full((height, width, 3), grey, np.uint8), 'front_optical')
