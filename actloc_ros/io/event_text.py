"""Describe an event in one line, as the demonstration and `actloc run` print it."""

from __future__ import annotations

from typing import Any

from actloc_ros.frames import seconds
from actloc_ros.instances import InstanceState
from actloc_ros.messages import stamp_of


def event_line(detection: Any, zero: int) -> str:
    """Return e.g. `12.4 s  track 3  approaching  started`.

    Args:
        detection: An `ActionDetection` whose state is STARTED or ENDED, of any message classes.
        zero: Stamp in ns from which times are counted.
    """
    start, end = stamp_of(detection.start_time), stamp_of(detection.end_time)
    camera = f'{detection.camera}  ' if detection.camera else ''
    what = f'{camera}track {detection.track_id}  {detection.label}'
    if detection.state == InstanceState.ENDED:
        return f'{seconds(end - zero):6.1f} s  {what}  ended after {seconds(end - start):.1f} s'
    return f'{seconds(start - zero):6.1f} s  {what}  started'
