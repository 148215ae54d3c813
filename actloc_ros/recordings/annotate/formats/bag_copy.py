"""Read all messages of a bag as they were recorded, to be written again unchanged."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcap.reader import McapReader, make_reader
from mcap.records import Channel, Message, Schema
from mcap.writer import Writer
from rosbags.interfaces import Connection, MessageDefinitionFormat
from rosbags.rosbag2.metadata import dump_qos_v8

from actloc_ros.io.bags import message_types
from actloc_ros.io.source import SourceError, bag_files, storage_suffix
from actloc_ros.io.source_bag import COMPRESSED, BagSource, open_bag
from actloc_ros.recordings.annotate.annotation import AnnotateError

SCHEMAS = {MessageDefinitionFormat.MSG: 'ros2msg', MessageDefinitionFormat.IDL: 'ros2idl'}


@dataclass(frozen=True)
class Topic:
    """A topic of a bag, as an MCAP channel has it.

    Attributes:
        name: Its name.
        encoding: Of its messages, as `cdr`.
        metadata: What else is said of it, as its quality of service.
        schema: Name, encoding and data of its messages' definition; None where there is none.
    """

    name: str
    encoding: str
    metadata: tuple[tuple[str, str], ...]
    schema: tuple[str, str, bytes] | None


@dataclass(frozen=True)
class LoggedMessage:
    """A message as it was logged.

    Attributes:
        topic: Its topic.
        log_time: When it was logged, in ns.
        publish_time: When it was published, in ns.
        sequence: Its number, 0 where there is none.
        data: Byte for byte.
    """

    topic: Topic
    log_time: int
    publish_time: int
    sequence: int
    data: bytes


class McapCopy:
    """Writes messages into an MCAP file, each topic with its own definition."""

    def __init__(self, writer: Writer) -> None:
        """Begin with a started writer."""
        self._writer = writer
        self._schemas: dict[tuple[str, str, bytes], int] = {}
        self._channels: dict[Topic, int] = {}

    def write(self, message: LoggedMessage) -> None:
        """Add a message."""
        topic = message.topic
        if topic not in self._channels:
            self._channels[topic] = self._writer.register_channel(
                topic.name, topic.encoding, self._schema(topic), dict(topic.metadata)
            )
        self._writer.add_message(
            self._channels[topic],
            message.log_time,
            message.data,
            message.publish_time,
            message.sequence,
        )

    def _schema(self, topic: Topic) -> int:
        if topic.schema is None:
            return 0
        if topic.schema not in self._schemas:
            self._schemas[topic.schema] = self._writer.register_schema(*topic.schema)
        return self._schemas[topic.schema]


def read_messages(path: Path) -> Iterator[LoggedMessage]:
    """Yield all messages of a bag by their log times, of any topic and encoding.

    Raises:
        SourceError: It cannot be read.
    """
    files = _plain_mcaps(path)
    yield from _of_mcap(files) if files else _of_any(path)


def copy_extras(path: Path, writer: Writer) -> None:
    """Copy the attachments and the metadata records of a bag's MCAP files."""
    for file in _plain_mcaps(path):
        with file.open('rb') as opened:
            reader = make_reader(opened)
            for each in reader.iter_attachments():
                writer.add_attachment(
                    each.create_time, each.log_time, each.name, each.media_type, each.data
                )
            for record in reader.iter_metadata():
                writer.add_metadata(record.name, record.metadata)


def topics_of(path: Path) -> set[str]:
    """Return the names of a bag's topics of ROS messages.

    Raises:
        SourceError: It cannot be read.
    """
    with open_bag(path) as reader:
        return {connection.topic for connection in reader.connections}


def log_times(source: BagSource) -> dict[int, int]:
    """Return by stamp when each image of a source was logged, in ns: the first of equal ones.

    Raises:
        SourceError: It cannot be read.
    """
    found: dict[int, int] = {}
    for message in source.messages():
        found.setdefault(message.stamp, message.log_time)
    return found


def _plain_mcaps(path: Path) -> list[Path]:
    """Return the MCAP files of a bag whose messages lie in them as they are; else none."""
    files = bag_files(path) if path.is_dir() else [path]
    metadata = path / 'metadata.yaml'
    if path.is_dir() and metadata.exists() and COMPRESSED.search(metadata.read_bytes()):
        return []
    return files if all(storage_suffix(file) == '.mcap' for file in files) else []


def _of_mcap(files: Iterable[Path]) -> Iterator[LoggedMessage]:
    with ExitStack() as stack:
        readers = [make_reader(stack.enter_context(file.open('rb'))) for file in files]
        parts = [_messages(reader) for reader in readers]
        yield from heapq.merge(*parts, key=lambda message: message.log_time)


def _messages(reader: McapReader) -> Iterator[LoggedMessage]:
    summary = reader.get_summary()
    expected = summary.statistics.message_count if summary and summary.statistics else None
    count = 0
    for schema, channel, message in reader.iter_messages():
        yield _logged(schema, channel, message)
        count += 1
    if expected not in (None, count):
        raise SourceError(
            f'an MCAP file of the bag gives {count} messages of {expected}; repair it by '
            '`mcap recover`'
        )


def _logged(schema: Schema | None, channel: Channel, message: Message) -> LoggedMessage:
    definition = None if schema is None else (schema.name, schema.encoding, schema.data)
    return LoggedMessage(
        Topic(channel.topic, channel.message_encoding, tuple(channel.metadata.items()), definition),
        message.log_time,
        message.publish_time,
        message.sequence,
        message.data,
    )


def _of_any(path: Path) -> Iterator[LoggedMessage]:
    """Yield the messages of databases, and of bags that are compressed outside of their storage."""
    with open_bag(path) as reader:
        topics = {each.id: _topic(each) for each in reader.connections}
        for connection, logged, data in reader.messages():
            yield LoggedMessage(topics[connection.id], logged, logged, 0, bytes(data))


def _topic(connection: Connection) -> Topic:
    ext: Any = connection.ext
    qos = dump_qos_v8(ext.offered_qos_profiles)  # as Humble reads it too
    metadata = (('offered_qos_profiles', qos),) if qos else ()
    return Topic(connection.topic, ext.serialization_format, metadata, _definition(connection))


def _definition(connection: Connection) -> tuple[str, str, bytes]:
    """Return a definition: as recorded, or ROS's own, which databases of Humble do not hold."""
    definition, kind = connection.msgdef, connection.msgtype
    if definition.format in SCHEMAS:
        return kind, SCHEMAS[definition.format], definition.data.encode()
    if kind not in message_types().fielddefs:
        raise AnnotateError(
            f'the bag does not hold the definition of {kind} on {connection.topic}; convert it to '
            'MCAP where that is installed: ros2 bag convert'
        )
    return kind, 'ros2msg', message_types().generate_msgdef(kind, ros_version=2)[0].encode()
