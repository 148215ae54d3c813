"""Define one step in the life of an alarm, and what takes such steps."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class AlarmType(enum.Enum):
    """A step of an alarm's life; the values are those of `alarm_to_json`."""

    NEW = 'new'
    UPDATE = 'update'
    END = 'end'


class Severity(enum.Enum):
    """How soon somebody should look."""

    DETECTION = 'detection'
    ALERT = 'alert'


@dataclass(frozen=True)
class Evidence:
    """Files of an alarm, relative to the evidence folder; empty where there is none (yet).

    Attributes:
        snapshot: JPEG.
        clip: MP4 without boxes.
        clip_boxes: MP4 with boxes.
        bag: MCAP with the original messages.
    """

    snapshot: str = ''
    clip: str = ''
    clip_boxes: str = ''
    bag: str = ''


@dataclass(frozen=True)
class Alarm:
    """One step in the life of an alarm; the fields of `actloc_ros/ActionAlarm`.

    Attributes:
        type: Begins, changes or ends.
        id: Unique among all alarms of all runs; the same for all steps of one alarm.
        rule: The rule's name.
        severity: How soon somebody should look.
        camera: The camera's name; empty for the single default camera.
        stamp: Of the detections that caused this step, in ns.
        start: Of the first evidence, in ns.
        end: Of the last evidence so far, in ns; final at the end.
        track_ids: The actors, ascending; may be none.
        labels: Actions that the rule found.
        zones: The rule's zones in which the actors are now.
        entered_zones: The rule's zones in which they have been since the start.
        lines: The rule's lines that they have crossed.
        score: Mean of the evidence, in [0, 1].
        values: What was measured, by names that end with their SI unit.
        boxes: Of the actors now, x1, y1, x2, y2 in pixels, by track id: for pictures.
        evidence: Files of this alarm.
    """

    type: AlarmType
    id: str
    rule: str
    severity: Severity
    camera: str
    stamp: int
    start: int
    end: int
    track_ids: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    entered_zones: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    score: float = 1.0
    values: Mapping[str, float] = field(default_factory=dict)
    boxes: Mapping[int, tuple[float, float, float, float]] = field(default_factory=dict)
    evidence: Evidence = Evidence()


class AlarmSink(Protocol):
    """Takes the steps of alarms, in order. It never raises for what one alarm causes."""

    def take(self, alarm: Alarm) -> None:
        """Use a step of an alarm, without waiting for anything slow."""

    def close(self) -> None:
        """Complete what was begun, within a bounded time."""


def alarm_to_json(alarm: Alarm) -> dict[str, Any]:
    """Return what `actloc monitor --json` prints and notifications carry; times in s.

    Values are JSON's own types.
    """
    return {
        'type': alarm.type.value,
        'id': alarm.id,
        'rule': alarm.rule,
        'severity': alarm.severity.value,
        'camera': alarm.camera,
        'track_ids': list(alarm.track_ids),
        'labels': list(alarm.labels),
        'zones': list(alarm.zones),
        'entered_zones': list(alarm.entered_zones),
        'lines': list(alarm.lines),
        'score': round(float(alarm.score), 4),
        'time': alarm.stamp / 1e9,
        'start_time': alarm.start / 1e9,
        'end_time': alarm.end / 1e9,
        'values': {name: float(value) for name, value in alarm.values.items()},
        'snapshot': alarm.evidence.snapshot,
        'clip': alarm.evidence.clip,
        'clip_boxes': alarm.evidence.clip_boxes,
        'bag': alarm.evidence.bag,
    }
