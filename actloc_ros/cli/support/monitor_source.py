"""Open what `actloc monitor` is applied to: a recording, or a bag of detections, and boxes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.frames import Frame
from actloc_ros.io.bags import has_detections, read_detections, read_label_info
from actloc_ros.io.box_files import read_detections_2d, read_mot
from actloc_ros.io.source import is_bag
from actloc_ros.io.sources import open_source
from actloc_ros.offline import localize, open_pipeline
from actloc_ros.params_file import read_params
from actloc_ros.rules.boxes import BoxSource, FrameBoxes, StampedBoxes, kind_boxes
from actloc_ros.rules.file.names import World
from actloc_ros.rules.scene import Scene, scene_of
from actloc_ros.settings import settings_of
from actloc_ros.settings.specs import DEFAULTS

OVERRIDES = ('model', 'weights', 'device')
EMPTY = 40  # of 255: the image where a bag of detections has none


@dataclass(frozen=True)
class Material:
    """What the rules are applied to.

    Attributes:
        world: What is known of it.
        scenes: Begins to yield its scenes.
        picture: Returns an image of a camera.
        length: How many scenes there are; None where it is not known.
        frames: Whether there are images.
    """

    world: World
    scenes: Callable[[], Iterator[Moment]]
    picture: Callable[[str], np.ndarray]
    length: int | None
    frames: bool


@dataclass(frozen=True)
class Moment:
    """A key frame: its scene and message, and the image where there is one."""

    scene: Scene
    message: Any
    frame: Frame | None = None


def open_material(arguments: argparse.Namespace, stack: ExitStack) -> Material:
    """Open a recording or a bag of detections, until `stack` is closed.

    Raises:
        ValueError: It cannot be used, or options do not fit it.
    """
    path = Path(arguments.source)
    if path.exists() and is_bag(path) and has_detections(path):
        return _detections(arguments)
    return _recording(arguments, stack)


def _detections(arguments: argparse.Namespace) -> Material:
    for name in (*OVERRIDES, 'params', 'camera'):
        if getattr(arguments, name):
            raise ValueError(
                f'{arguments.source} holds detections, so --{name} has no meaning; leave it out'
            )
    cameras: dict[str, tuple[int, int]] = {}
    count, poses = 0, False
    for message in read_detections(arguments.source, arguments.topic):
        count += 1
        cameras.setdefault(message.camera, (message.image_height, message.image_width))
        poses = poses or any(detection.has_pose for detection in message.detections)
    info = read_label_info(arguments.source)
    labels = None if info is None else tuple(info.labels)
    return Material(
        World(labels, tuple(cameras), poses),
        lambda: (
            Moment(scene_of(message), message)
            for message in read_detections(arguments.source, arguments.topic)
        ),
        lambda camera: np.full((*cameras[camera], 3), EMPTY, np.uint8),
        count,
        False,
    )


def _recording(arguments: argparse.Namespace, stack: ExitStack) -> Material:
    source = open_source(arguments.source, arguments.topic, arguments.camera, arguments.rate)
    values = read_params(arguments.params, DEFAULTS) if arguments.params else dict(DEFAULTS)
    given = {name: getattr(arguments, name) for name in OVERRIDES}
    values.update({name: value for name, value in given.items() if value is not None})
    pipeline = stack.enter_context(closing(open_pipeline(settings_of(values))))
    return Material(
        World(pipeline.labels, (arguments.camera,), False),
        lambda: (
            Moment(scene_of(report.message), report.message, report.frame)
            for report in localize(source, pipeline)
        ),
        lambda camera: next(iter(source)).image,
        source.length,
        True,
    )


def open_boxes(arguments: argparse.Namespace) -> BoxSource | None:
    """Open what is given beside the people, if anything is.

    Raises:
        ValueError: It is neither a file nor a topic of a bag.
    """
    if not arguments.boxes:
        return None
    if Path(arguments.boxes).is_file():
        rows = read_mot(arguments.boxes, arguments.boxes_kind)
        return FrameBoxes({frame: kind_boxes(found) for frame, found in rows.items()})
    source = Path(arguments.source)
    if not source.exists() or not is_bag(source):
        raise ValueError(f'--boxes {arguments.boxes} is no file, and {source} is no bag')
    found = read_detections_2d(source, arguments.boxes, arguments.boxes_kind)
    return StampedBoxes((stamp, kind_boxes(rows)) for stamp, rows in found)
