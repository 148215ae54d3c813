"""Write and read bags of detections without ROS, as the node's own messages."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from rosbags.interfaces import Connection, MessageDefinitionFormat, Nodetype
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from actloc_ros.files import OutputError
from actloc_ros.io.source import SourceError
from actloc_ros.io.source_bag import open_bag
from actloc_ros.messages import stamp_of

DETECTIONS = 'actloc_ros/msg/ActionDetectionArray'
EVENT = 'actloc_ros/msg/ActionDetection'
LABEL_INFO = 'actloc_ros/msg/LabelInfo'
MESSAGES = (
    'ActionHypothesis',
    'ActionDetection',
    'ActionDetectionArray',
    'LabelInfo',
    'ActionAlarm',
)

DETECTIONS_TOPIC = '/action_localizer/detections'
EVENTS_TOPIC = '/action_localizer/events'
LABEL_INFO_TOPIC = '/action_localizer/label_info'

BAG_VERSION: Literal[8] = 8  # the newest that Humble reads too


class BagError(SourceError):
    """A bag of detections that cannot be written or read; the text says what to do."""


@lru_cache
def message_types() -> Typestore:
    """Return the store of message types: ROS's own and this package's, from their definitions."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    for name in MESSAGES:
        text = (_definitions() / f'{name}.msg').read_text()
        store.register(get_types_from_msg(text, f'actloc_ros/msg/{name}'))
    return store


def find_type(name: str) -> Any:
    """Return the class of the message type `name`, e.g. `std_msgs/msg/Header`."""
    return message_types().types[name]


class DetectionWriter:
    """Writes messages to a new bag, logged at the stamps that their headers say.

    Use it as a context: leaving it completes the bag. A stamp before 1970 is logged at time 0, as
    bags count time from there; the header keeps it.
    """

    def __init__(self, path: str | Path, storage: str = 'mcap') -> None:
        """Prepare a bag.

        Args:
            path: The folder to make.
            storage: `mcap` or `sqlite3`.

        Raises:
            BagError: There is something at `path` already.
        """
        self._path = Path(path)
        if self._path.exists() or self._path.is_symlink():
            raise BagError(f'{path} exists already; remove it, or name another bag')
        plugin = StoragePlugin[storage.upper()]
        self._writer = Writer(self._path, version=BAG_VERSION, storage_plugin=plugin)
        self._connections: dict[str, Connection] = {}
        self._written = 0
        self._logged: int | None = None
        self._label_info: Any = None

    def __enter__(self) -> DetectionWriter:
        """Make the bag.

        Raises:
            BagError: Another program has made it meanwhile.
            OutputError: It cannot be written.
        """
        try:
            self._writer.open()
        except OSError as error:
            raise OutputError(f'{self._path} cannot be made: {error.strerror}') from error
        except WriterError as error:
            raise BagError(f'{self._path} exists already; name another bag') from error
        with self._whole():
            self._connect(DETECTIONS_TOPIC, DETECTIONS)
            self._connect(EVENTS_TOPIC, EVENT)
            self._connect(LABEL_INFO_TOPIC, LABEL_INFO)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the bag, or remove it after an error.

        What was found until the user ended the program or the recording broke off is worth
        reading: such a bag is completed, unless it is empty.
        """
        if not self._path.exists():
            return  # removed when writing failed
        stopped = isinstance(error, SourceError) or not isinstance(error, Exception)
        if error is None or (stopped and self._written):
            with self._whole():
                self._writer.close()
        else:
            self._remove()

    def write_detections(self, message: Any) -> None:
        """Write an `ActionDetectionArray` made of the classes of `find_type`."""
        self._write(DETECTIONS_TOPIC, message)

    def write_event(self, message: Any) -> None:
        """Write an `ActionDetection` made of the classes of `find_type`."""
        self._write(EVENTS_TOPIC, message)

    def write_label_info(self, message: Any) -> None:
        """Write a `LabelInfo` made of the classes of `find_type`.

        It is logged with the message before it, or the first one: a node is activated at a time of
        its own, which may be years away from a recording's.
        """
        self._label_info = message
        self._write_latched()

    def write_serialized(self, topic: str, data: bytes) -> None:
        """Write a message in CDR, as it came from ROS, to one of the topics.

        It is serialized again, since middleware leaves chance in the padding, and equal messages
        are to give equal bags.
        """
        message = message_types().deserialize_cdr(data, self._connections[topic].msgtype)
        if topic == LABEL_INFO_TOPIC:
            self.write_label_info(message)
        else:
            self._write(topic, message)

    def _write(self, topic: str, message: Any) -> None:
        self._logged = stamp_of(message.header.stamp)
        self._write_latched()
        self._log(topic, message, self._logged)

    def _write_latched(self) -> None:
        if self._label_info is not None and self._logged is not None:
            self._log(LABEL_INFO_TOPIC, self._label_info, self._logged)
            self._label_info = None

    def _log(self, topic: str, message: Any, stamp: int) -> None:
        connection = self._connections[topic]
        data = message_types().serialize_cdr(message, connection.msgtype)
        with self._whole():
            self._writer.write(connection, max(0, stamp), data)
        self._written += 1

    def _connect(self, topic: str, kind: str) -> None:
        self._connections[topic] = self._writer.add_connection(
            topic, kind, typestore=message_types()
        )

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Remove the bag where it cannot be written whole."""
        try:
            yield
        except Exception as error:  # the writer passes on whatever its storage meets
            self._remove()
            reason = getattr(error, 'strerror', None) or error
            raise OutputError(f'{self._path} cannot be written: {reason}') from error

    def _remove(self) -> None:
        with suppress(Exception):  # it may be why the bag is to be removed
            self._writer.close()
        shutil.rmtree(self._path)


def read_detections(path: str | Path, topic: str | None = None) -> Iterator[Any]:
    """Yield the `ActionDetectionArray`s of a bag in the order of their log times.

    Args:
        path: The bag: its folder or a file of it.
        topic: The topic of detections; needed where the bag has several.

    Raises:
        BagError: The bag has no detections, or several topics of them and none is chosen.
        SourceError: The bag cannot be read, or is empty.
    """
    with open_bag(Path(path)) as reader:
        found = _choose(path, reader.connections, topic)
        current = _CurrentMessages()
        for connection, _, data in reader.messages(found):
            yield current.read(connection, data)


def read_joint_names(path: str | Path) -> tuple[str, ...]:
    """Return the joints' names that a bag's newest `LabelInfo` says; none where it has none.

    Raises:
        SourceError: It cannot be read.
    """
    newest = read_label_info(path)
    return () if newest is None else tuple(newest.joint_names)


def read_label_info(path: str | Path) -> Any | None:
    """Return the newest `LabelInfo` of a bag; None where it has none.

    Raises:
        SourceError: It cannot be read.
    """
    newest = None
    with open_bag(Path(path)) as reader:
        found, current = _of_type(reader.connections, LABEL_INFO), _CurrentMessages()
        # Without connections, the reader would give all messages.
        for connection, _, data in reader.messages(found) if found else ():
            newest = current.read(connection, data)
    return newest


def has_detections(path: str | Path) -> bool:
    """Say whether a bag has a topic of `ActionDetectionArray`.

    Raises:
        SourceError: It cannot be read.
    """
    with open_bag(Path(path)) as reader:
        return bool(_of_type(reader.connections, DETECTIONS))


class _CurrentMessages:
    """Turns recorded messages into those of today's definitions.

    A bag holds the definitions that it was recorded with. A field that was not there then gets
    its default, as a field of ROS has it: 0, '', or an empty sequence. Databases of ROS 2 Humble
    hold no definitions: what was recorded there with others cannot be read.
    """

    def __init__(self) -> None:
        self._stores: dict[str, Typestore] = {}

    def read(self, connection: Connection, data: bytes | memoryview) -> Any:
        """Return a recorded message of one of our types, in the classes of `find_type`.

        Raises:
            BagError: The bag has no definitions, and the message is not of today's.
        """
        if connection.msgdef.format is MessageDefinitionFormat.NONE:
            try:
                return message_types().deserialize_cdr(data, connection.msgtype)
            except Exception as error:  # whatever the parser meets in data of another layout
                raise BagError(
                    f'a message on {connection.topic} does not have the layout of '
                    f'{connection.msgtype}, and the bag does not hold the layout that it was '
                    'recorded with; convert the bag to MCAP with the version of actloc_ros that '
                    'recorded it'
                ) from error
        store = self._store(connection)
        message = store.deserialize_cdr(data, connection.msgtype)
        return message if store is message_types() else _converted(message, connection.msgtype)

    def _store(self, connection: Connection) -> Typestore:
        definition = connection.msgdef.data
        if definition not in self._stores:
            self._stores[definition] = _recorded_types(connection)
        return self._stores[definition]


def _recorded_types(connection: Connection) -> Typestore:
    """Return the types that a connection was recorded with; ours where these are the same."""
    if connection.msgdef.format is MessageDefinitionFormat.IDL:
        recorded = get_types_from_idl(connection.msgdef.data)
    else:
        recorded = get_types_from_msg(connection.msgdef.data, connection.msgtype)
    own = {name: definition for name, definition in recorded.items() if 'actloc_ros/' in name}
    if all(message_types().fielddefs.get(name) == fields for name, fields in own.items()):
        return message_types()
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(own)
    return store


def _converted(old: Any, kind: str) -> Any:
    """Return a message as one of today's type `kind`; constants and old fields are left out."""
    _, fields = message_types().fielddefs[kind]
    values = {
        name: _field(getattr(old, name), description)
        if hasattr(old, name)
        else _default(description)
        for name, description in fields
    }
    return find_type(kind)(**values)


def _field(value: Any, description: Any) -> Any:
    node, detail = description
    if node is Nodetype.NAME:
        return _converted(value, detail)
    if node in (Nodetype.ARRAY, Nodetype.SEQUENCE) and detail[0][0] is Nodetype.NAME:
        return [_converted(each, detail[0][1]) for each in value]
    return value


def _default(description: Any) -> Any:
    """Return the default of a field that is a number, a flag, a text or a sequence of these."""
    node, detail = description
    if node is Nodetype.BASE:
        return '' if detail[0] == 'string' else np.zeros((), detail[0]).item()
    element, kind = detail[0]
    if element is Nodetype.NAME or kind[0] == 'string':
        return []
    return np.zeros(detail[1] if node is Nodetype.ARRAY else 0, kind[0])


def _choose(path: str | Path, connections: list[Connection], topic: str | None) -> list[Connection]:
    found = _of_type(connections, DETECTIONS)
    names = ', '.join(sorted({c.topic for c in found}))
    if not found:
        topics = ', '.join(sorted({c.topic for c in connections}))
        raise BagError(f'{path} has no topic of {DETECTIONS}; its topics are {topics}')
    if topic is not None:
        found = [c for c in found if c.topic == '/' + topic.lstrip('/')]
        if not found:
            raise BagError(f'{path} has no topic {topic} of detections; it has {names}')
    if len({c.topic for c in found}) > 1:
        raise BagError(f'{path} has several topics of detections; choose one of {names}')
    return found


def _of_type(connections: Iterable[Connection], kind: str) -> list[Connection]:
    return [connection for connection in connections if connection.msgtype == kind]


def _definitions() -> Path:
    """Return the folder of our message definitions: by pip, as installed by colcon, or here."""
    here = Path(__file__).parents[1]
    folders = [here / 'definitions', here.parent / 'msg']
    folders += [parent / 'share' / 'actloc_ros' / 'msg' for parent in here.parents]
    for folder in folders:
        if (folder / f'{MESSAGES[0]}.msg').exists():
            return folder
    raise FileNotFoundError(f'the message definitions of actloc_ros are missing beside {here}')
