"""Read the sound of a bag: `audio_common_msgs/AudioData`, with a stamp or by when it was logged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from actloc_ros.frames import NANOSECONDS
from actloc_ros.io.sound.coding import SoundDecoder, SoundError, SoundFormat
from actloc_ros.io.sound.stream import Piece, SoundStream
from actloc_ros.io.source_bag import open_bag
from actloc_ros.messages import stamp_of

DATA = 'audio_common_msgs/msg/AudioData'
STAMPED = 'audio_common_msgs/msg/AudioDataStamped'
INFO = 'audio_common_msgs/msg/AudioInfo'

# Bags of Humble hold no definitions. These are those of ros-drivers/audio_common.
DEFINITIONS = {
    DATA: 'uint8[] data\n',
    STAMPED: 'std_msgs/Header header\naudio_common_msgs/AudioData audio\n',
    INFO: 'uint8 channels\nuint32 sample_rate\nstring sample_format\nuint32 bitrate\n'
    'string coding_format\n',
}


@lru_cache
def sound_types() -> Typestore:
    """Return the store of message types with those of `audio_common_msgs`."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    for name, text in DEFINITIONS.items():
        store.register(get_types_from_msg(text, name))
    return store


class BagSound:
    """The sound topic of a bag.

    Attributes:
        topic: Its name.
    """

    def __init__(self, path: Path, topic: str | None = None, sound_format: str = '') -> None:
        """Find the topic and the format.

        Args:
            path: The bag.
            topic: The topic's name; needed where there are several.
            sound_format: As `SoundFormat.parse` reads it; empty for what an `AudioInfo` says.

        Raises:
            SoundError: There is no such topic, or nothing says the format.
            SourceError: The bag cannot be read.
        """
        self._path = path
        with open_bag(path) as reader:
            chosen = _choose(path, reader.connections, topic)
            self.topic, self._type = chosen.topic, chosen.msgtype
            if sound_format:
                self._format = SoundFormat.parse(sound_format)
            else:
                self._format = SoundFormat.of_info(_read_info(path, reader, self.topic))

    def pieces(self) -> Iterator[Piece]:
        """Yield the sound in the order it was recorded; broken messages are left out.

        Raises:
            SoundError: Not one message could be decoded.
        """
        decoder, joined, fault, good = SoundDecoder(self._format), SoundStream(), '', 0
        with open_bag(self._path) as reader:
            found = [c for c in reader.connections if _is(c, self.topic, self._type)]
            for _, logged, data in reader.messages(found):
                try:
                    message = sound_types().deserialize_cdr(data, self._type)
                    blocks = decoder.decode(sound_bytes(message))
                except Exception as error:  # whatever the parsers meet in broken data
                    fault = fault or str(error)
                    continue
                good += 1
                stamp = begin_stamp(message, logged, blocks)
                for samples, rate in blocks:
                    yield from joined.add(stamp, samples, rate)
                    stamp += len(samples) * NANOSECONDS // rate
        yield from joined.flush()
        if not good:
            raise SoundError(f'no sound on {self.topic} of {self._path} can be decoded: {fault}')


def has_sound(path: Path) -> bool:
    """Say whether a bag has a topic of sound."""
    with open_bag(path) as reader:
        return any(c.msgtype in DEFINITIONS and c.msgtype != INFO for c in reader.connections)


def sound_bytes(message: Any) -> bytes:
    """Return the bytes in an `AudioData` or `AudioDataStamped` of any message classes."""
    return bytes(getattr(message, 'audio', message).data)


def begin_stamp(message: Any, arrived: int, blocks: Sequence[Any]) -> int:
    """Return when the first sample of a message was recorded, in ns.

    A stamp says that itself, as audio_capture fills it. Without one, a message is sent when its
    last sample was recorded.
    """
    if hasattr(message, 'header') and stamp_of(message.header.stamp):
        return stamp_of(message.header.stamp)
    return arrived - sum(len(samples) * NANOSECONDS // rate for samples, rate in blocks)


def _choose(path: Path, connections: Sequence[Connection], topic: str | None) -> Connection:
    found = {c.topic: c for c in connections if c.msgtype in (DATA, STAMPED)}
    strange = sorted({c.msgtype for c in connections if 'audio' in c.msgtype} - set(DEFINITIONS))
    listed = ', '.join(sorted(found))
    if not found:
        hint = f'; {", ".join(strange)} cannot be read' if strange else ''
        raise SoundError(f'{path} has no topic of {STAMPED} or {DATA}{hint}')
    if topic is not None:
        name = '/' + topic.lstrip('/')
        if name not in found:
            raise SoundError(f'{path} has no sound topic {name}; it has {listed}')
        return found[name]
    # The same sound is often sent twice: with a stamp and without.
    stamped = [c for c in found.values() if c.msgtype == STAMPED] or list(found.values())
    if len(stamped) > 1:
        raise SoundError(f'{path} has several sound topics; choose one of {listed}')
    return stamped[0]


def _read_info(path: Path, reader: Any, topic: str) -> Any:
    """Return the `AudioInfo` of a topic: the one whose name is most like it."""
    infos = [c for c in reader.connections if c.msgtype == INFO and c.msgcount]
    infos.sort(key=lambda c: -_common(c.topic, topic))
    for connection, _, data in reader.messages(infos[:1]) if infos else ():
        return sound_types().deserialize_cdr(data, connection.msgtype)
    raise SoundError(
        f'{path} has no {INFO}, so nothing says what the bytes on {topic} are; say it by'
        ' --sound-format, such as S16LE,16000,1 or mp3'
    )


def _common(one: str, other: str) -> int:
    """Return how many parts two topics' names begin with in common."""
    pairs = zip(one.split('/'), other.split('/'), strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), len(one.split('/')))


def _is(connection: Connection, topic: str, kind: str) -> bool:
    return connection.topic == topic and connection.msgtype == kind
