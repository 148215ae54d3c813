"""Check what a report holds."""

import numpy as np
import pytest

from actloc_ros.frames import Frame
from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.io.bags import find_type
from actloc_ros.localizer import ClipInfo
from actloc_ros.pipeline import FrameResult
from actloc_ros.projection import ActorPose
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.sinks import make_report

LABELS = ('walk', 'wave')
BOX = (1.0, 2.0, 3.0, 4.0)


def step(*states: InstanceState) -> FrameResult:
    """Return a step of one actor with an instance in each of `states`."""
    scores = np.array([0.8, 0.3], np.float32)
    actions = tuple(
        InstanceUpdate(7, number, state, 0, BOX, 0.7, 5, 9, scores)
        for number, state in enumerate(states)
    )
    return FrameResult('front', 9, 'optical', 64, 48, ClipInfo(1, 9), actions)


@pytest.mark.parametrize('types', [find_type, ros_type])
def test_events_are_what_starts_and_what_ends_in_order(types: object) -> None:
    report = make_report(step(*InstanceState), types, model='m', labels=LABELS)  # type: ignore[arg-type]
    assert [d.state for d in report.message.detections] == [0, 1, 2, 3]
    assert [(e.state, e.instance_id) for e in report.events] == [
        (InstanceState.STARTED, InstanceState.STARTED),
        (InstanceState.ENDED, InstanceState.ENDED),
    ]
    assert report.events[0] is report.message.detections[1]


def test_a_report_keeps_its_frame_and_the_poses_of_both_frames_of_reference() -> None:
    near, moved = (
        ActorPose(np.full(3, value), np.eye(3), np.ones(3), name)
        for value, name in ((1.0, 'optical'), (5.0, 'map'))
    )
    frame = Frame('front', 9, np.zeros((48, 64, 3), np.uint8))
    report = make_report(
        step(InstanceState.ONGOING),
        find_type,
        model='m',
        labels=LABELS,
        frame=frame,
        camera_poses={7: near},
        poses={7: moved},
        dropped=3,
    )
    [detection] = report.message.detections
    assert report.frame is frame
    assert report.camera_poses == {7: near}
    assert (detection.pose.header.frame_id, detection.pose.pose.pose.position.x) == ('map', 5.0)
    assert (report.message.model, report.message.frames_dropped) == ('m', 3)
    assert report.events == ()
