"""Check what sinks write of reports, offline."""

from pathlib import Path

import numpy as np
import pytest

from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.io.bags import EVENT, BagError, find_type, read_detections
from actloc_ros.io.drawing import draw_message
from actloc_ros.io.sinks import BagSink, TextSink, VideoSink
from actloc_ros.io.source import SourceError
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


def test_two_writers_of_one_video_leave_a_whole_one(tmp_path: Path) -> None:
    first, second = (VideoSink(tmp_path / 'a.mp4', rate=2.0) for _ in range(2))
    for report in reports():
        first.write(report)
    write(second)
    assert len(list(open_source(tmp_path / 'a.mp4'))) == 2
    first.write(reports()[0])
    first.close()
    assert len(list(open_source(tmp_path / 'a.mp4'))) == 3
    assert [path.name for path in tmp_path.iterdir()] == ['a.mp4']


def fail_after_the_first_report(folder: Path, error: type[BaseException]) -> None:
    with BagSink(folder / 'bag') as bag, VideoSink(folder / 'a.mp4', rate=2.0) as video:
        for sink in (bag, video):
            sink.write(reports()[0])
        raise error


@pytest.mark.parametrize(
    ('error', 'kept'),
    [(ValueError, set()), (SourceError, {'bag'}), (KeyboardInterrupt, {'bag', 'a.mp4'})],
)
def test_what_an_error_leaves(tmp_path: Path, error: type[BaseException], kept: set[str]) -> None:
    """A bag up to where the recording broke off is worth reading; so is what the user ended."""
    with pytest.raises(error):
        fail_after_the_first_report(tmp_path, error)
    assert {path.name for path in tmp_path.iterdir()} == kept
    for found in kept & {'bag'}:
        assert len(list(read_detections(tmp_path / found))) == 1


def test_an_error_before_the_first_report_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError), BagSink(tmp_path / 'bag'):
        raise SourceError
    assert not list(tmp_path.iterdir())
