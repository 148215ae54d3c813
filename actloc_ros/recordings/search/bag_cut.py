"""Cut bags to the times of hits: the original messages of all topics, byte by byte."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinitionFormat
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from actloc_ros.files import OutputError, make_folder, one_line
from actloc_ros.frames import nanoseconds
from actloc_ros.io.bags import BAG_VERSION, BagError
from actloc_ros.io.source import SourceError, bag_files, is_bag, storage_suffix
from actloc_ros.io.source_bag import IMAGE_TYPES, open_bag
from actloc_ros.recordings.search.engine import Hit
from actloc_ros.recordings.search.naming import file_name

HEADER = 12  # bytes of a message in CDR until its stamp ends: 4 of encapsulation, 8 of the stamp
LATCHED = 'transient_local'
NO_HASH = f'RIHS01_{"0" * 64}'  # of a type of which nothing is known

Spans = list[tuple[int, int]]


def write_bags(folder: Path, hits: Sequence[Hit], margin: float = 0.0) -> Iterator[Path]:
    """Write a bag for each bag with hits, of the messages recorded at their times.

    Hits count by header stamps of images; other messages are taken by when they were recorded: from
    the first image of a hit to its last one. Latched messages, such as maps, are kept whenever
    they were recorded.

    Args:
        folder: Where to; a bag in it has the name of its recording.
        hits: What to keep; those that are in no bag are left out.
        margin: Time in s that is kept before and after.

    Yields:
        The folder of each bag.

    Raises:
        BagError: There is a bag of that name already.
        SourceError: A bag cannot be read, or has no image at these times.
        OutputError: A bag cannot be written.
    """
    groups: dict[str, list[Hit]] = defaultdict(list)
    for hit in hits:
        groups[hit.recording].append(hit)
    make_folder(folder)
    written: set[Path] = set()
    for recording, found in groups.items():
        source = Path(recording)
        if not source.exists():
            raise SourceError(f'{source} is not there any more; a bag needs the recording')
        if not is_bag(source):
            continue
        name, number = file_name(source.name), 2
        path = folder / name
        while path in written:
            path, number = folder / f'{name}_{number}', number + 1
        _write(source, path, found, nanoseconds(margin))
        written.add(path)
        yield path


def _write(source: Path, path: Path, hits: Sequence[Hit], margin: int) -> None:
    if path.exists() or path.is_symlink():
        raise BagError(f'{path} exists already; remove it, or name another folder')
    with open_bag(source) as reader:
        spans = _recorded(reader, hits, margin)
        if not spans:
            raise SourceError(
                f'{source} has no image at these times; was it changed since it was indexed?'
            )
    try:
        with open_bag(source) as reader:
            _copy(reader, source, path, spans)
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(path)
        raise


def _copy(reader: Reader, source: Path, path: Path, spans: Spans) -> None:
    # The other storage would say the same, but what is cut is to be as what it was cut from.
    kind = _storage(source)
    try:
        with Writer(path, version=BAG_VERSION, storage_plugin=kind) as writer:
            connections = _connect_all(writer, reader.connections)
            latched = {c.id for c in reader.connections if _is_latched(c)}
            for connection, logged, data in reader.messages():
                if connection.id in latched or any(a <= logged <= b for a, b in spans):
                    writer.write(connections[connection.id], logged, bytes(data))
    except OSError as error:
        raise OutputError(f'{path} cannot be written: {error.strerror or error}') from error
    except SourceError:
        raise
    except Exception as error:  # the writer passes on whatever its storage meets
        raise OutputError(f'{path} cannot be written: {one_line(error)}') from error


def _storage(source: Path) -> StoragePlugin:
    file = bag_files(source)[0] if source.is_dir() else source
    return StoragePlugin.SQLITE3 if storage_suffix(file) == '.db3' else StoragePlugin.MCAP


def _connect_all(writer: Writer, connections: Sequence[Connection]) -> dict[int, Connection]:
    """Make the same topics, and return them by the number of their originals."""
    made: dict[tuple[str, str, str], Connection] = {}
    found = {}
    for connection in connections:
        key = connection.topic, connection.msgtype, str(connection.ext)
        if key not in made:  # a topic may have been recorded from several publishers
            made[key] = _connect(writer, connection)
        found[connection.id] = made[key]
    return found


def _connect(writer: Writer, connection: Connection) -> Connection:
    ext = connection.ext
    assert isinstance(ext, ConnectionExtRosbag2)  # open_bag reads no others
    return writer.add_connection(
        connection.topic,
        connection.msgtype,
        msgdef=connection.msgdef.data,
        rihs01=connection.digest or _type_hash(connection),
        serialization_format=ext.serialization_format,
        offered_qos_profiles=ext.offered_qos_profiles,
    )


def _type_hash(connection: Connection) -> str:
    """Return the hash of a type by its definition, which older bags do not state."""
    readers = {
        MessageDefinitionFormat.MSG: lambda text: get_types_from_msg(text, connection.msgtype),
        MessageDefinitionFormat.IDL: get_types_from_idl,
    }
    read = readers.get(connection.msgdef.format)
    if read is None:
        known = get_typestore(Stores.ROS2_HUMBLE)
        return (
            known.hash_rihs01(connection.msgtype) if connection.msgtype in known.types else NO_HASH
        )
    try:
        store = get_typestore(Stores.EMPTY)
        store.register(read(connection.msgdef.data))
        return store.hash_rihs01(connection.msgtype)
    except Exception:  # whatever the parser meets in a definition that it does not know
        return NO_HASH


def _is_latched(connection: Connection) -> bool:
    ext = connection.ext
    if not isinstance(ext, ConnectionExtRosbag2):
        return False
    return any(
        getattr(profile.durability, 'name', '').lower() == LATCHED
        for profile in ext.offered_qos_profiles
    )


def _recorded(reader: Reader, hits: Sequence[Hit], margin: int) -> Spans:
    """Return the times of recording that belong to hits: of their images, by header stamps."""
    images = [c for c in reader.connections if c.msgtype in IMAGE_TYPES]
    own = {c.topic for c in images}
    found: dict[int, list[int]] = defaultdict(list)
    for connection, logged, data in reader.messages(images) if images else ():
        stamp = _stamp(bytes(data[:HEADER]))
        for index, hit in enumerate(hits):
            wanted = hit.camera not in own or hit.camera == connection.topic
            if wanted and hit.start - margin <= stamp <= hit.end + margin:
                found[index].append(logged)
    return _merged((min(times), max(times)) for times in found.values())


def _stamp(head: bytes) -> int:
    """Return the stamp in ns with which a message in CDR begins."""
    order: Literal['little', 'big'] = 'little' if head[1] & 1 else 'big'
    second = int.from_bytes(head[4:8], order, signed=True)
    return second * 1_000_000_000 + int.from_bytes(head[8:12], order)


def _merged(spans: Iterable[tuple[int, int]]) -> Spans:
    found: Spans = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found
