"""Write reports to a bag, to an annotated video, and as lines of text."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from actloc_ros.io.bags import DetectionWriter
from actloc_ros.io.drawing import draw_message
from actloc_ros.io.event_text import event_line
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.sinks import EventSink, Report


class _FileSink(EventSink):
    """Writes with something that knows what to leave after an error."""

    def __init__(self, writer: AbstractContextManager[Any]) -> None:
        """Open the writer."""
        self._stack = ExitStack()
        self._stack.enter_context(writer)

    def close(self) -> None:
        """Complete the file."""
        self._stack.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the file, or leave what its writer leaves after an error."""
        self._stack.__exit__(kind, error, trace)


class BagSink(_FileSink):
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
        self._writer = DetectionWriter(path)
        super().__init__(self._writer)
        if label_info is not None:
            self._writer.write_label_info(label_info)

    def write(self, report: Report) -> None:
        """Write the detections, then each event."""
        self._writer.write_detections(report.message)
        for event in report.events:
            self._writer.write_event(event)


class VideoSink(_FileSink):
    """Writes a video of the key frames with what was detected drawn into them."""

    def __init__(self, path: str | Path, rate: float) -> None:
        """Open the file; `rate` is its nominal frames per second, above 0."""
        self._writer = VideoWriter(path, rate)
        super().__init__(self._writer)

    def write(self, report: Report) -> None:
        """Add the key frame, where the report has one."""
        if report.frame is not None:
            image = draw_message(report.frame.image, report.message, report.joint_names)
            self._writer.write(report.frame.stamp, image)


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
