"""Write an MCAP with detections, boxes over the image, and an event an action, for Foxglove.

A bag's own messages stay beside them, byte for byte. Ours are logged when their image was, since
viewers play by log times; an event's times are log times too, both inclusive.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from mcap.writer import Writer

from actloc_ros.alarms.alarm_bag import (
    COMPRESSED_IMAGE,
    EVENT,
    event_definition,
    message_definition,
    serialize_event,
)
from actloc_ros.alarms.clip import encode_jpeg
from actloc_ros.files import write_whole
from actloc_ros.frames import seconds
from actloc_ros.io.bags import DETECTIONS, LABEL_INFO, find_type, message_types
from actloc_ros.io.source import Source
from actloc_ros.io.source_bag import BagSource
from actloc_ros.messages import header_message
from actloc_ros.recordings.annotate.annotation import (
    AnnotatedActor,
    AnnotateError,
    RecordingAnnotation,
    Span,
)
from actloc_ros.recordings.annotate.formats.bag_copy import (
    LoggedMessage,
    McapCopy,
    Topic,
    copy_extras,
    log_times,
    read_messages,
    topics_of,
)
from actloc_ros.recordings.annotate.formats.image_annotations import (
    KIND,
    image_annotations_definition,
    serialize_image_annotations,
)
from actloc_ros.recordings.annotate.formats.text import one_line
from actloc_ros.recordings.annotate.formats.written import WriteOptions, Written
from actloc_ros.recordings.annotate.review import Stretch, doubtful
from actloc_ros.sinks import EventSink, Report

PREFIX = '/actloc/annotation'
IMAGE_TOPIC = f'{PREFIX}/image/compressed'


@dataclass(frozen=True)
class SpooledMessage:
    """Where a message lies in the spool.

    Attributes:
        stamp: Of its key frame, in ns.
        topic: Its topic.
        begin: Its first byte.
        size: Its length in bytes.
    """

    stamp: int
    topic: Topic
    begin: int
    size: int


class ReportSpool(EventSink, AbstractContextManager):
    """Keeps what is reported frame by frame in a file without a name, to be merged later.

    Attributes:
        rows: What was kept, in the order in which it came.
    """

    def __init__(self, label_info: Any) -> None:
        """Begin; `label_info` is the `LabelInfo` that belongs to the reports."""
        with ExitStack() as stack:
            self._file = stack.enter_context(tempfile.TemporaryFile())
            self._stack = stack.pop_all()
        self.rows: list[SpooledMessage] = []
        self._label_info: Any = label_info

    def write(self, report: Report) -> None:
        """Keep the detections of a key frame, and the boxes over its image."""
        stamp = report.step.stamp
        if self._label_info is not None:
            self._keep(stamp, _topic('label_info', LABEL_INFO), _cdr(self._label_info, LABEL_INFO))
            self._label_info = None
        if report.frame is not None:
            boxes = serialize_image_annotations(report.message, stamp)
            self._keep(stamp, _boxes_topic(), boxes)
        data = _cdr(report.message, DETECTIONS)
        self._keep(stamp, _topic('detections', DETECTIONS), data)

    def close(self) -> None:
        """Forget all."""
        self._stack.close()

    def __enter__(self) -> ReportSpool:
        """Return the spool, which is open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Forget all."""
        self.close()

    def read(self, row: SpooledMessage) -> bytes:
        """Return the data of a message that was kept."""
        self._file.seek(row.begin)
        return self._file.read(row.size)

    def _keep(self, stamp: int, topic: Topic, data: bytes) -> None:
        begin = self._file.seek(0, 2)
        self._file.write(data)
        self.rows.append(SpooledMessage(stamp, topic, begin, len(data)))


def refuse_foxglove(source: Source) -> None:
    """Refuse a bag that holds an annotation already, before any work is done.

    Raises:
        AnnotateError: It does.
    """
    if not isinstance(source, BagSource):
        return
    taken = sorted(name for name in topics_of(source.path) if name.startswith(f'{PREFIX}/'))
    if taken:
        raise AnnotateError(
            f'{source.path} holds an annotation already, on {taken[0]}; annotate the original'
        )


def write_foxglove(
    annotation: RecordingAnnotation,
    path: Path,
    options: WriteOptions,
    source: Source,
    stamps: Sequence[int],
    spool: ReportSpool,
) -> Written:
    """Write the MCAP; of a recording that is no bag, with its images as JPEG.

    Args:
        annotation: What the model says.
        path: The file.
        options: How it is to be written.
        source: The recording.
        stamps: Of the frames that were read, in ns.
        spool: What was reported of them.

    Raises:
        OutputError: It cannot be written.
        SourceError: The recording cannot be read again.
    """
    with write_whole(path) as partial, partial.open('wb') as file:
        writer = Writer(file)
        writer.start(profile='ros2', library='actloc_ros')
        copy, clock = McapCopy(writer), _Clock(source)
        # Numbers count broken images of a folder too, which have times but were not read.
        whole = len(stamps) == annotation.frames
        by_number = stamps if whole else annotation.times.tolist()
        parts = (
            _original(source, len(stamps)),
            _spooled(spool, clock),
            _events(annotation, options, by_number, clock),
        )
        for message in heapq.merge(*parts, key=_log_time):
            copy.write(message)
        if isinstance(source, BagSource):
            copy_extras(source.path, writer)
        writer.finish()
    return Written((path,))


def _original(source: Source, count: int) -> Iterator[LoggedMessage]:
    """Yield a bag's messages, or the images of another recording of which `count` were read."""
    if isinstance(source, BagSource):
        yield from read_messages(source.path)
        return
    topic = Topic(IMAGE_TOPIC, 'cdr', (), _schema(COMPRESSED_IMAGE))
    for frame, _ in zip(source, range(count), strict=False):
        jpeg = np.frombuffer(encode_jpeg(frame.image), np.uint8)
        header = header_message(find_type, frame.stamp, frame.frame_id)
        image = find_type(COMPRESSED_IMAGE)(header, 'jpeg', jpeg)
        logged = max(0, frame.stamp)
        yield LoggedMessage(topic, logged, logged, 0, _cdr(image, COMPRESSED_IMAGE))


class _Clock:
    """Says when our messages are logged: with the image of their stamp, in ns."""

    def __init__(self, source: Source) -> None:
        self._times = log_times(source) if isinstance(source, BagSource) else {}

    def logged(self, stamp: int) -> int:
        return max(0, self._times.get(stamp, stamp))


def _spooled(spool: ReportSpool, clock: _Clock) -> Iterator[LoggedMessage]:
    for row in sorted(spool.rows, key=lambda each: clock.logged(each.stamp)):
        yield _message(row.topic, clock.logged(row.stamp), spool.read(row))


def _events(
    annotation: RecordingAnnotation, options: WriteOptions, stamps: Sequence[int], clock: _Clock
) -> list[LoggedMessage]:
    """Return an event for each action of each actor, by log times.

    Args:
        annotation: What the model says.
        options: How it is to be written.
        stamps: Of all frames by their numbers, in ns.
        clock: When they were logged.
    """
    topic = Topic(f'{PREFIX}/events', 'cdr', (), (EVENT, 'ros2msg', event_definition().encode()))
    doubts = doubtful(annotation, options.below)
    found = []
    for actor, span in annotation.spans():
        start, end = (clock.logged(stamps[frame]) for frame in (span.first, span.last))
        texts = _texts(annotation, actor, span, doubts)
        data = serialize_event(start, max(start, end), texts.items())
        found.append(_message(topic, start, data))
    return sorted(found, key=_log_time)


def _texts(
    annotation: RecordingAnnotation, actor: AnnotatedActor, span: Span, doubts: Sequence[Stretch]
) -> dict[str, str]:
    """Return the metadata of an event; times count from the first frame."""
    doubted = any(
        each.actor is actor
        and span.label in each.actions
        and each.first <= span.last
        and each.last >= span.first
        for each in doubts
    )
    return {
        'label': one_line(span.label),
        'track': str(actor.track),
        'start': f'{seconds(annotation.start(span)):.3f}',
        'end': f'{seconds(annotation.end(span)):.3f}',
        'score': f'{span.score:.3f}',
        'review': str(doubted).lower(),
        'model': one_line(annotation.model),
    }


def _message(topic: Topic, logged: int, data: bytes) -> LoggedMessage:
    return LoggedMessage(topic, logged, logged, 0, data)


def _log_time(message: LoggedMessage) -> int:
    return message.log_time


def _topic(name: str, kind: str) -> Topic:
    return Topic(f'{PREFIX}/{name}', 'cdr', (), _schema(kind))


@lru_cache
def _boxes_topic() -> Topic:
    definition = image_annotations_definition().encode()
    return Topic(f'{PREFIX}/boxes', 'cdr', (), (KIND, 'ros2msg', definition))


@lru_cache
def _schema(kind: str) -> tuple[str, str, bytes]:
    return kind, 'ros2msg', message_definition(kind).encode()


def _cdr(message: Any, kind: str) -> bytes:
    return bytes(message_types().serialize_cdr(message, kind))
