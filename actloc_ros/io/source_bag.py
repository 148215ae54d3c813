"""Read one image topic of a rosbag2 as frames, by the stamps of the headers."""

from __future__ import annotations

import logging
import re
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinition
from rosbags.rosbag2 import Reader, storage_mcap
from rosbags.rosbag2.reader import DirectoryReader, zstd
from rosbags.typesys import Stores, get_typestore

from actloc_ros.files import one_line, read_yaml
from actloc_ros.frames import NANOSECONDS, Frame, seconds
from actloc_ros.io.conversions import image_to_frame
from actloc_ros.io.source import Source, SourceError, bag_files, storage_suffix
from actloc_ros.messages import stamp_of
from actloc_ros.rate_limit import RateLimit

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
INFORMATION = 'rosbag2_bagfile_information'
IMAGE_TYPES = (IMAGE, COMPRESSED_IMAGE)

ZSTD = b'\x28\xb5\x2f\xfd'  # as data in CDR never begins
LARGEST = 1 << 28  # bytes of a message
DISORDER = 10 * NANOSECONDS  # by which messages may come later than others of the same stamp
COMPRESSED = re.compile(rb'compression_mode:\s*[\'"]?(message|file)', re.IGNORECASE)
_log = logging.getLogger(__name__)


# rosbags reads the schemas of all channels of an MCAP file, wanted or not, and stops at one that is
# not of ROS, such as JSON or Protocol Buffers beside the cameras. Here such a one is unknown.
def _read_text(bio: BinaryIO) -> str:
    return storage_mcap.read_bytes(bio).decode(errors='replace')


def _definition(
    schema: storage_mcap.Schema | None, known: Any = storage_mcap.get_msgdef
) -> MessageDefinition:
    ours = schema is not None and schema.encoding in ('ros2msg', 'ros2idl', 'omgidl')
    return known(schema if ours else None)


storage_mcap.read_string = _read_text
storage_mcap.get_msgdef = _definition

# The image messages are the same in every ROS 2, and older bags do not hold their definitions.
_types = get_typestore(Stores.ROS2_HUMBLE)


@dataclass(frozen=True)
class RawMessage:
    """An image message as it was recorded.

    Attributes:
        stamp: Its header's stamp in ns.
        type: `sensor_msgs/msg/Image` or `sensor_msgs/msg/CompressedImage`.
        data: The message in CDR, byte by byte as recorded.
        log_time: When it was recorded, in ns.
    """

    stamp: int
    type: str
    data: bytes
    log_time: int = 0


class BagSource(Source):
    """One image topic of a bag.

    Attributes:
        topic: The topic's name.
        type: Its message type.
    """

    def __init__(self, path: Path, topic: str | None, camera: str) -> None:
        """Find the image topic; see `open_source`."""
        self.path, self.camera = path, camera
        with open_bag(path) as reader:
            _warn_of_metadata(path, reader)
            chosen = _choose(path, reader.connections, topic)
            self.topic, self.type = chosen.topic, chosen.msgtype
            images = [c for c in reader.connections if c.topic == self.topic and _is_image(c)]
            self.length = sum(c.msgcount for c in images)
            duration = seconds(reader.duration)
        self.rate = (self.length - 1) / duration if self.length > 1 and duration else 0.0
        if not self.length:
            raise SourceError(f'{path} holds no message on {self.topic}; choose another topic')

    def __iter__(self) -> Iterator[Frame]:
        """Yield the images that can be decoded, in the order they were recorded."""
        self.broken = self.left_out = good = 0
        self.fault = ''
        limit = RateLimit()
        for _, data in self._read():
            try:
                message = _parse(data, self.type)
                if not limit.due(stamp_of(message.header.stamp), self.max_rate):
                    self.left_out += 1
                    continue
                frame = image_to_frame(message, self.camera)
            except ValueError as error:
                self.broken += 1
                self.fault = self.fault or str(error)
            else:
                good += 1
                yield frame
        if not good and not self.broken:
            raise SourceError(
                f'{self.path} gives no message on {self.topic}, against what its metadata.yaml '
                'says; make that again by `ros2 bag reindex`'
            )
        if not good:
            raise SourceError(
                f'none of the {self.broken} images on {self.topic} of {self.path} can be decoded; '
                f'the first fault: {self.fault}'
            )

    def messages(self) -> Iterator[RawMessage]:
        """Yield the messages of the topic unchanged, in the order they were recorded."""
        for logged, data in self._read():
            stamp = stamp_of(_parse(data, self.type).header.stamp)
            yield RawMessage(stamp, self.type, data, logged)

    def frames_within(self, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, Frame]]:
        """Yield the images whose stamps lie in spans, each with the number of its span.

        Only these are decoded; those that cannot be are left out.

        Args:
            spans: Stamps in ns, from and before which; rising, without overlap.
        """
        begins = [begin for begin, _ in spans]
        for _, data in self._read():
            stamp = _header_stamp(data)
            number = bisect_right(begins, stamp) - 1
            if spans and stamp >= spans[-1][1] + DISORDER:
                return
            if number >= 0 and stamp < spans[number][1]:
                try:
                    frame = image_to_frame(_parse(data, self.type), self.camera)
                except ValueError:
                    continue
                yield number, frame

    def _read(self) -> Iterator[tuple[int, bytes]]:
        with open_bag(self.path) as reader:
            chosen = [c for c in reader.connections if c.topic == self.topic and _is_image(c)]
            for _, logged, data in reader.messages(chosen):
                yield logged, _unpacked(bytes(data))


def image_topics(path: Path) -> list[str]:
    """Return the image topics of a bag that hold messages, by name.

    Raises:
        SourceError: It cannot be read, or has none.
    """
    with open_bag(path) as reader:
        topics = {c.topic for c in reader.connections if _is_image(c) and c.msgcount}
        if not topics:
            _choose(path, [c for c in reader.connections if not _is_image(c)], None)
        return sorted(topics)


def _unpacked(data: bytes) -> bytes:
    """Return a message, also where it is compressed and metadata.yaml, which says so, is lost."""
    if not data.startswith(ZSTD):
        return data
    try:
        return zstd.ZstdDecompressor().decompress(data, LARGEST)
    except zstd.ZstdError:
        return data


def _header_stamp(data: bytes) -> int:
    """Return the stamp in ns of the header that a message in CDR begins with; 0 of a broken one."""
    if len(data) < 12:
        return 0
    whole, part = struct.unpack_from('<iI' if data[1] & 1 else '>iI', data, 4)
    return whole * NANOSECONDS + part


def _parse(data: bytes, type_name: str) -> Any:
    try:
        return _types.deserialize_cdr(data, type_name)
    except Exception as error:  # whatever the parser meets in broken data
        raise SourceError(f'a message of {type_name} cannot be parsed: {error}') from error


@contextmanager
def open_bag(path: Path) -> Iterator[Reader]:
    """Open a bag for reading.

    Where a folder holds one bag file, that file is what counts and not metadata.yaml, which may
    have been edited, or lost when the power was cut.

    Raises:
        SourceError: It cannot be read, then or later, or it is empty.
    """
    try:
        with ExitStack() as stack:
            reader = stack.enter_context(Reader(_storage(path, stack)))
            if not reader.message_count:
                raise SourceError(f'{path} is an empty bag: it holds no message')
            yield reader
    except (SourceError, GeneratorExit):
        raise
    except Exception as error:  # the reader passes on whatever its parsers meet in a broken file
        raise SourceError(
            f'{path} cannot be read as a bag ({one_line(error)}); if its recording was cut off, '
            'try `ros2 bag reindex` or `mcap recover`'
        ) from error


def _storage(path: Path, stack: ExitStack) -> Path:
    """Return what the reader opens: a folder with metadata, or a single file.

    A file is given by a link of a plain name, made for the time of `stack`: the reader goes by the
    suffix, and takes a part of some names for options.
    """
    file = path
    if path.is_dir():
        files = bag_files(path)
        metadata = path / 'metadata.yaml'
        if metadata.exists() and (len(files) != 1 or COMPRESSED.search(metadata.read_bytes())):
            return path
        if len(files) > 1:
            raise SourceError(
                f'{path} holds {len(files)} bag files without metadata.yaml; '
                'make it by `ros2 bag reindex`, or give one of the files'
            )
        [file] = files
    suffix = storage_suffix(file)
    if suffix == '.mcap':
        _refuse_ros1(file)
    link = Path(stack.enter_context(TemporaryDirectory())) / f'bag{suffix}'
    link.symlink_to(file.absolute())
    return link


def _refuse_ros1(file: Path) -> None:
    """Refuse an MCAP file whose header says that its messages are those of ROS 1."""
    with file.open('rb') as opened:
        head = opened.read(64)
    length = int.from_bytes(head[17:21], 'little')  # after magic, opcode and the record's length
    if head[21 : 21 + length] == b'ros1':
        raise SourceError(
            f'{file} is of ROS 1; make a bag of ROS 2 of the .bag it is from: rosbags-convert'
        )


def _warn_of_metadata(folder: Path, reader: Reader) -> None:
    """Say where a folder's metadata is not as its file."""
    if isinstance(reader.storage, DirectoryReader) or not (folder / 'metadata.yaml').exists():
        return
    named = _named_files(folder)
    missing = [name for name in named if not (folder / name).exists()]
    if len(named) > 1 and missing:
        _log.warning(
            '%s is not whole: %s, which metadata.yaml names, is missing', folder, ', '.join(missing)
        )
        return
    try:
        with Reader(folder) as other:
            same = {(c.topic, c.msgtype, c.msgcount, str(c.ext)) for c in other.connections}
    except Exception:
        same = set()
    if same != {(c.topic, c.msgtype, c.msgcount, str(c.ext)) for c in reader.connections}:
        _log.warning('%s: metadata.yaml is not as its bag file; the file counts', folder)


def _named_files(folder: Path) -> list[str]:
    """Return the bag files that a folder's metadata names; none where it cannot be read."""
    try:
        paths = read_yaml(folder / 'metadata.yaml')[INFORMATION]['relative_file_paths']
        return [PurePath(path).name for path in paths]
    except (ValueError, LookupError, TypeError):
        return []


def _choose(path: Path, connections: list[Connection], topic: str | None) -> Connection:
    images = {c.topic: c for c in connections if _is_image(c)}
    if topic is not None:
        name = '/' + topic.lstrip('/')
        if name not in images:
            raise SourceError(f'{path} has no image topic {name}; {_listing(connections, images)}')
        return images[name]
    if len(images) > 1:
        raise SourceError(
            f'{path} has several image topics; choose one of {", ".join(sorted(images))}'
        )
    if not images:
        raise SourceError(f'{path} has no image topic; {_listing(connections, images)}')
    return next(iter(images.values()))


def _is_image(connection: Connection) -> bool:
    """Say whether a channel holds images of ROS 2; some bridges name JSON by the same types."""
    return (
        connection.msgtype in IMAGE_TYPES
        and isinstance(connection.ext, ConnectionExtRosbag2)
        and connection.ext.serialization_format == 'cdr'
    )


def _listing(connections: list[Connection], images: dict[str, Connection]) -> str:
    if images:
        return f'its image topics are {", ".join(sorted(images))}'
    topics = sorted({f'{c.topic} ({c.msgtype})' for c in connections})
    return f'its topics are {", ".join(topics)}' if topics else 'it has no topics at all'
