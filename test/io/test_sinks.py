"""Check what sinks write of reports, offline."""

from pathlib import Path

import numpy as np
import pytest

from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.io.bags import EVENT, BagError, find_type, read_detections
from actloc_ros.io.drawing import draw_message
from actloc_ros.io.sinks import BagSink, TextSink, VideoSink
from actloc_ros.io.source_bag import open_bag
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import ClipInfo
from actloc_ros.pipeline import FrameResult
from actloc_ros.sinks import EventSink, Report, make_report

SIZE = (64, 48)


def reports() -> list[Report]:
    """Return a second of one action at 2 Hz that ends without a frame."""
    made = []
    for half, state in enumerate(
        (InstanceState.STARTED, InstanceState.ONGOING, InstanceState.ENDED)
    ):
        stamp = 10 * NANOSECONDS + half * NANOSECONDS // 2
        scores = np.array([0.8], np.float32)
        action = InstanceUpdate(
            3, 1, state, 0, (5.0, 6.0, 20.0, 30.0), 0.7, 10 * NANOSECONDS, stamp, scores
        )
        step = FrameResult('', stamp, '', *SIZE, ClipInfo(1, stamp), (action,))
        image = np.full((*SIZE[::-1], 3), 60 * half, np.uint8)
        frame = Frame('', stamp, image) if state is not InstanceState.ENDED else None
        made.append(make_report(step, find_type, model='m', labels=('walk',), frame=frame))
    return made


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean difference of two images in grey levels."""
    return float(np.abs(one.astype(int) - other).mean())


def write(sink: EventSink) -> None:
    for report in reports():
        sink.write(report)
    sink.close()


def test_text_has_a_line_for_each_event_with_times_from_the_first_report() -> None:
    lines: list[str] = []
    write(TextSink(lines.append))
    assert lines == [
        '   0.0 s  track 3  walk  started',
        '   1.0 s  track 3  walk  ended after 1.0 s',
    ]


def test_a_bag_holds_all_detections_and_events(tmp_path: Path) -> None:
    write(BagSink(tmp_path / 'bag'))
    states = [[d.state for d in m.detections] for m in read_detections(tmp_path / 'bag')]
    assert states == [[1], [2], [3]]
    with open_bag(tmp_path / 'bag') as reader:
        stamps = [
            stamp for connection, stamp, _ in reader.messages() if connection.msgtype == EVENT
        ]
    assert stamps == [10 * NANOSECONDS, 11 * NANOSECONDS]
    with pytest.raises(BagError, match='exists already'):
        BagSink(tmp_path / 'bag')


def test_a_video_shows_key_frames_with_their_detections(tmp_path: Path) -> None:
    write(VideoSink(tmp_path / 'a.mp4', rate=2.0))
    images = [frame.image for frame in open_source(tmp_path / 'a.mp4')]
    assert len(images) == 2
    for report, shown in zip(reports(), images, strict=False):
        assert report.frame is not None
        plain = report.frame.image
        drawn = draw_message(plain, report.message)
        assert distance(shown, drawn) < distance(shown, plain) / 2
