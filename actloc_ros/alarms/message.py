"""Lay out a step of an alarm as a message, alike for rclpy's classes and those of rosbags."""

from __future__ import annotations

from array import array
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from actloc_ros.alarms.alarm import Alarm
from actloc_ros.messages import FindType, header_message, time_message


def alarm_to_message(alarm: Alarm, types: FindType, frame_id: str = '') -> Any:
    """Return the `ActionAlarm` of one step of an alarm.

    Args:
        alarm: The step.
        types: Finds the message classes.
        frame_id: Of the header of the detections that caused the step.
    """
    message = types('actloc_ros/msg/ActionAlarm')
    ids, values = list(alarm.track_ids), [float(value) for value in alarm.values.values()]
    ours = is_dataclass(message)  # rosbags' classes hold NumPy's arrays
    return message(
        header=header_message(types, alarm.stamp, frame_id),
        type=getattr(message, alarm.type.name),
        id=alarm.id,
        rule=alarm.rule,
        severity=getattr(message, alarm.severity.name),
        camera=alarm.camera,
        track_ids=np.array(ids, np.uint32) if ours else array('I', ids),
        labels=list(alarm.labels),
        zones=list(alarm.zones),
        entered_zones=list(alarm.entered_zones),
        lines=list(alarm.lines),
        score=float(alarm.score),
        start_time=time_message(types, alarm.start),
        end_time=time_message(types, alarm.end),
        measures=list(alarm.values),
        values=np.array(values) if ours else array('d', values),
        snapshot=alarm.evidence.snapshot,
        clip=alarm.evidence.clip,
        clip_boxes=alarm.evidence.clip_boxes,
        bag=alarm.evidence.bag,
    )
