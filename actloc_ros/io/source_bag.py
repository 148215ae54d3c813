"""Read one image topic of a rosbag2 as frames, by the stamps of the headers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from actloc_ros.frames import Frame, seconds
from actloc_ros.io.conversions import image_to_frame
from actloc_ros.io.source import Source, SourceError, bag_files
from actloc_ros.messages import stamp_of

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
IMAGE_TYPES = (IMAGE, COMPRESSED_IMAGE)

# The image messages are the same in every ROS 2, and older bags do not hold their definitions.
_types = get_typestore(Stores.ROS2_HUMBLE)


@dataclass(frozen=True)
class RawMessage:
    """An image message as it was recorded.

    Attributes:
        stamp: Its header's stamp in ns.
        type: `sensor_msgs/msg/Image` or `sensor_msgs/msg/CompressedImage`.
        data: The message in CDR, byte by byte as recorded.
    """

    stamp: int
    type: str
    data: bytes


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
            chosen = _choose(path, reader.connections, topic)
            self.topic, self.type = chosen.topic, chosen.msgtype
            self.length = reader.topics[self.topic].msgcount
            duration = seconds(reader.duration)
        self.rate = (self.length - 1) / duration if self.length > 1 and duration else 0.0
        if not self.length:
            raise SourceError(f'{path} holds no message on {self.topic}; choose another topic')

    def __iter__(self) -> Iterator[Frame]:
        """Yield the images that can be decoded, in the order they were recorded."""
        self.broken = good = 0
        self.fault = ''
        for data in self._read():
            try:
                frame = image_to_frame(_parse(data, self.type), self.camera)
            except ValueError as error:
                self.broken += 1
                self.fault = self.fault or str(error)
            else:
                good += 1
                yield frame
        if not good:
            raise SourceError(
                f'none of the {self.broken} images on {self.topic} of {self.path} can be decoded; '
                f'the first fault: {self.fault}'
            )

    def messages(self) -> Iterator[RawMessage]:
        """Yield the messages of the topic unchanged, in the order they were recorded."""
        for data in self._read():
            yield RawMessage(stamp_of(_parse(data, self.type).header.stamp), self.type, data)

    def _read(self) -> Iterator[bytes]:
        with open_bag(self.path) as reader:
            chosen = [c for c in reader.connections if c.topic == self.topic]
            for _, _, data in reader.messages(chosen):
                yield bytes(data)


def _parse(data: bytes, type_name: str) -> Any:
    try:
        return _types.deserialize_cdr(data, type_name)
    except Exception as error:  # whatever the parser meets in broken data
        raise SourceError(f'a message of {type_name} cannot be parsed: {error}') from error


@contextmanager
def open_bag(path: Path) -> Iterator[Reader]:
    """Open a bag for reading.

    Raises:
        SourceError: It cannot be read, then or later, or it is empty.
    """
    try:
        with Reader(_storage(path)) as reader:
            if not reader.message_count:
                raise SourceError(f'{path} is an empty bag: it holds no message')
            yield reader
    except (SourceError, GeneratorExit):
        raise
    except Exception as error:  # the reader passes on whatever its parsers meet in a broken file
        raise SourceError(
            f'{path} cannot be read as a bag ({error}); if its recording was cut off, try '
            '`ros2 bag reindex` or `mcap recover`'
        ) from error


def _storage(path: Path) -> Path:
    """Return what the reader opens: a folder with metadata, or a single file."""
    if not path.is_dir() or (path / 'metadata.yaml').exists():
        return path
    files = bag_files(path)
    if len(files) > 1:
        raise SourceError(
            f'{path} holds {len(files)} bag files without metadata.yaml; '
            'make it by `ros2 bag reindex`, or give one of the files'
        )
    return files[0]


def _choose(path: Path, connections: list[Connection], topic: str | None) -> Connection:
    images = {c.topic: c for c in connections if c.msgtype in IMAGE_TYPES}
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


def _listing(connections: list[Connection], images: dict[str, Connection]) -> str:
    if images:
        return f'its image topics are {", ".join(sorted(images))}'
    topics = sorted({f'{c.topic} ({c.msgtype})' for c in connections})
    return f'its topics are {", ".join(topics)}' if topics else 'it has no topics at all'
