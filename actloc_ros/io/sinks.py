"""Write reports to a bag, to an annotated video, and as lines of text."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from actloc_ros.io.bags import DetectionWriter
from actloc_ros.io.drawing import draw_message
from actloc_ros.io.event_text import event_line
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.sinks import EventSink, Report


class BagSink(EventSink):
    """Writes detections and events to a new bag.

    Messages must be made of the classes of `io.bags.find_type`.
    """

    def __init__(self, path: str | Path, label_info: Any = None) -> None:
        """Make the bag.

        Args:
            path: The folder to make.
            label_info: The `LabelInfo` that belongs to the reports; None writes none.

        Raises:
            BagError: There is something at `path` already.
        """
        self._stack = ExitStack()
        self._writer = self._stack.enter_context(DetectionWriter(path))
        if label_info is not None:
            self._writer.write_label_info(label_info)

    def write(self, report: Report) -> None:
        """Write the detections, then each event."""
        self._writer.write_detections(report.message)
        for event in report.events:
            self._writer.write_event(event)

    def close(self) -> None:
        """Complete the bag."""
        self._stack.close()


class VideoSink(EventSink):
    """Writes a video of the key frames with what was detected drawn into them."""

    def __init__(self, path: str | Path, rate: float) -> None:
        """Open the file; `rate` is its nominal frames per second, above 0."""
        self._stack = ExitStack()
        self._writer = self._stack.enter_context(VideoWriter(path, rate))

    def write(self, report: Report) -> None:
        """Add the key frame, where the report has one."""
        if report.frame is not None:
            image = draw_message(report.frame.image, report.message, report.joint_names)
            self._writer.write(report.frame.stamp, image)

    def close(self) -> None:
        """Complete the file."""
        self._stack.close()


class TextSink(EventSink):
    """Gives each event as a line of text, with times from the first report on."""

    def __init__(self, write_line: Callable[[str], None] = print) -> None:
        """Begin; `write_line` takes each line."""
        self._write_line = write_line
        self._zero: int | None = None

    def write(self, report: Report) -> None:
        """Give a line for each event."""
        if self._zero is None:
            self._zero = report.step.stamp
        for event in report.events:
            self._write_line(event_line(event, self._zero))
