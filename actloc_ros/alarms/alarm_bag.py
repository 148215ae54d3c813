"""Write an alarm's MCAP: the original messages, and a Foxglove event that says what it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from mcap.writer import CompressionType, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from actloc_ros.alarms.alarm import Alarm, alarm_to_json
from actloc_ros.files import write_whole
from actloc_ros.io.bags import find_type, message_types
from actloc_ros.messages import header_message, time_message

COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
EVENT = 'foxglove_msgs/msg/Event'
EVENT_TOPIC = '/actloc/alarm'
# Since foxglove_msgs 3.4.3; the definitions lie in the file, so that no package is needed.
FOXGLOVE = {
    'foxglove_msgs/msg/KeyValuePair': 'string key\nstring value\n',
    EVENT: 'builtin_interfaces/Time start_time\nbuiltin_interfaces/Time end_time\n'
    'foxglove_msgs/KeyValuePair[] metadata\n',
}


@dataclass(frozen=True)
class SerializedMessage:
    """A message as it came from ROS or a bag.

    Attributes:
        camera: The camera that it belongs to.
        topic: Its topic.
        type: Its type, e.g. `actloc_ros/msg/ActionDetectionArray`.
        definition: Of the type, in the format `ros2msg`; see `message_definition`.
        stamp: Of its header, in ns.
        data: In CDR.
    """

    camera: str
    topic: str
    type: str
    definition: str
    stamp: int
    data: bytes


@lru_cache
def message_definition(kind: str) -> str:
    """Return the definition of a type of ROS or of this package, with those that it needs."""
    return message_types().generate_msgdef(kind, ros_version=2)[0]


class AlarmBag:
    """Writes an MCAP file of ROS 2 messages, whole or not at all."""

    def __init__(self, path: Path) -> None:
        """Begin a file.

        Raises:
            OutputError: It cannot be written.
        """
        with ExitStack() as stack:
            file = stack.enter_context(stack.enter_context(write_whole(path)).open('wb'))
            # Most of it is JPEG, which compresses no further.
            self._writer = Writer(file, compression=CompressionType.NONE)
            self._writer.start(profile='ros2', library='actloc_ros')
            self._stack = stack.pop_all()
        self._channels: dict[tuple[str, str], int] = {}

    def write(self, message: SerializedMessage) -> None:
        """Add a message, logged at its stamp; one before 1970 at 0."""
        key = message.topic, message.type
        if key not in self._channels:
            schema = self._writer.register_schema(
                message.type, 'ros2msg', message.definition.encode()
            )
            self._channels[key] = self._writer.register_channel(message.topic, 'cdr', schema)
        stamp = max(0, message.stamp)
        self._writer.add_message(self._channels[key], stamp, message.data, stamp)

    def write_image(self, topic: str, stamp: int, frame_id: str, jpeg: bytes) -> None:
        """Add an image as a `CompressedImage`."""
        header = header_message(find_type, stamp, frame_id)
        image = find_type(COMPRESSED_IMAGE)(header, 'jpeg', np.frombuffer(jpeg, np.uint8))
        data = bytes(message_types().serialize_cdr(image, COMPRESSED_IMAGE))
        definition = message_definition(COMPRESSED_IMAGE)
        self.write(SerializedMessage('', topic, COMPRESSED_IMAGE, definition, stamp, data))

    def close(self, alarm: Alarm) -> None:
        """Add the alarm as an event, and complete the file."""
        data = serialize_event(alarm.start, alarm.end, _texts(alarm))
        definition = event_definition()
        self.write(
            SerializedMessage(alarm.camera, EVENT_TOPIC, EVENT, definition, alarm.start, data)
        )
        with self._stack:
            self._writer.finish()

    def abort(self, error: Exception) -> None:
        """Leave no file."""
        self._stack.__exit__(type(error), error, None)


def serialize_event(start: int, end: int, texts: Iterable[tuple[str, str]]) -> bytes:
    """Return a `foxglove_msgs/Event` in CDR.

    Args:
        start: Its first time, in ns.
        end: Its last time, in ns.
        texts: Its metadata: names, each once, and values.
    """
    types = _foxglove_types()
    pair, event = (types.types[name] for name in FOXGLOVE)
    message = event(
        time_message(find_type, start),
        time_message(find_type, end),
        [pair(name, text) for name, text in texts],
    )
    return bytes(types.serialize_cdr(message, EVENT))


@lru_cache
def event_definition() -> str:
    """Return the definition of `foxglove_msgs/Event`, with those that it needs."""
    return _foxglove_types().generate_msgdef(EVENT, ros_version=2)[0]


@lru_cache
def _foxglove_types() -> Typestore:
    store = get_typestore(Stores.ROS2_HUMBLE)
    for name, definition in FOXGLOVE.items():
        store.register(get_types_from_msg(definition, name))
    return store


def _texts(alarm: Alarm) -> Iterator[tuple[str, str]]:
    """Yield what is known of an alarm, as texts."""
    for name, value in alarm_to_json(alarm).items():
        if isinstance(value, dict):
            yield from ((key, str(number)) for key, number in value.items())
        elif isinstance(value, list):
            if value:
                yield name, ', '.join(map(str, value))
        elif value != '':
            yield name, str(value)
