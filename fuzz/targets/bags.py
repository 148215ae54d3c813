"""Fuzz bags of images and of detections, as MCAP and as SQLite."""

from __future__ import annotations

import tempfile
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from actloc_ros.io.bags import DetectionWriter, find_type, read_detections, read_joint_names
from actloc_ros.io.source import SourceError
from actloc_ros.io.sources import open_source
from actloc_ros.messages import header_message, label_info_message, time_message
from fuzz.mutate import mutate_bytes, mutate_text
from fuzz.target import Target

PLUGINS = {'.mcap': StoragePlugin.MCAP, '.db3': StoragePlugin.SQLITE3}
_types = get_typestore(Stores.ROS2_HUMBLE)


def _find(name: str) -> Any:
    return _types.types[name]


def _images() -> list[Any]:
    """Return three raw images, then three compressed ones."""
    picture = np.full((8, 8, 3), 100, np.uint8)
    encoded = cv2.imencode('.jpg', picture)[1].ravel()
    raw, compressed = (_find(f'sensor_msgs/msg/{n}') for n in ('Image', 'CompressedImage'))
    headers = [header_message(_find, 10**8 * i, 'optical') for i in range(6)]
    size = {'height': 8, 'width': 8, 'encoding': 'rgb8', 'is_bigendian': 0, 'step': 24}
    return [
        *(raw(header=each, **size, data=picture.ravel()) for each in headers[:3]),
        *(compressed(header=each, format='jpeg', data=encoded) for each in headers[3:]),
    ]


@cache
def whole_bags() -> list[dict[str, bytes]]:
    """Return bags of images: the files of each, by name."""
    found = []
    for suffix, plugin in PLUGINS.items():
        for messages in (_images()[:3], _images()[3:]):
            for mode in CompressionMode:
                if mode is CompressionMode.STORAGE and suffix == '.db3':
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    writer = Writer(Path(folder) / 'bag', version=8, storage_plugin=plugin)
                    if mode is not CompressionMode.NONE:
                        writer.set_compression(mode, CompressionFormat.ZSTD)
                    with writer:
                        kind = messages[0].__msgtype__
                        connection = writer.add_connection('/image', kind, typestore=_types)
                        for number, each in enumerate(messages):
                            data = _types.serialize_cdr(each, kind)
                            writer.write(connection, 10**8 * number, data)
                    found.append(_files(Path(folder) / 'bag'))
    return found


@cache
def detection_bags() -> list[dict[str, bytes]]:
    """Return bags of detections: the files of each, by name."""
    found = []
    for storage in ('mcap', 'sqlite3'):
        with tempfile.TemporaryDirectory() as folder:
            with DetectionWriter(Path(folder) / 'bag', storage) as writer:
                labels = ['walking', 'waving']
                writer.write_label_info(
                    label_info_message(
                        find_type, stamp=0, model='m', labels=labels, threshold=0.5,
                        joint_names=['nose'],
                    )
                )  # fmt: skip
                for number in range(3):
                    writer.write_detections(_detections(10**8 * number))
            found.append(_files(Path(folder) / 'bag'))
    return found


def _detections(stamp: int) -> Any:
    time, none = time_message(find_type, stamp), find_type('builtin_interfaces/msg/Duration')(0, 0)
    return find_type('actloc_ros/msg/ActionDetectionArray')(
        header=header_message(find_type, stamp, 'optical'),
        camera='front', clip_start=time, clip_end=time, clip_frames=1, clip_frames_missing=0,
        image_width=64, image_height=48, inference_time=none, latency=none, frames_dropped=0,
        model='m', detections=[],
    )  # fmt: skip


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _make(bags: Any, random: Random, folder: Path) -> Path:
    """Write a bag of which one file is broken, with its metadata or without."""
    files = dict(random.choice(bags()))
    name = random.choice(list(files))
    if name == 'metadata.yaml':
        files[name] = mutate_text(random, files[name].decode())
    else:
        files[name] = mutate_bytes(random, files[name])
    if random.random() < 0.3:
        del files['metadata.yaml']
    bag = folder / 'broken_bag'
    bag.mkdir()
    for name, data in files.items():
        (bag / name).write_bytes(data)
    if len(files) == 1 and random.random() < 0.5:
        [file] = bag.iterdir()
        return file.rename(bag / f'broken_bag{file.suffix}')
    return bag


def _run_images(bag: Path) -> None:
    source = open_source(bag)
    shown = 0
    for frame in source:
        assert frame.image.dtype == np.uint8
        assert frame.image.shape[2] == 3
        shown += 1
    assert shown


def _run_detections(bag: Path) -> None:
    try:
        names = read_joint_names(bag)
    except SourceError:
        names = ()
    for message in read_detections(bag):
        assert message.header is not None
    assert all(isinstance(name, str) for name in names)


TARGETS = (
    Target('image_bag', partial(_make, whole_bags), _run_images, 7, whole_bags),
    Target('detection_bag', partial(_make, detection_bags), _run_detections, 4, detection_bags),
)
