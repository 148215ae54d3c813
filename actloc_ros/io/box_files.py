"""Read boxes of vehicles and other things: MOT's CSV, and vision_msgs in bags."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.interfaces import MessageDefinitionFormat
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from actloc_ros.files import text_encoding
from actloc_ros.io.bags import BagError
from actloc_ros.io.source_bag import open_bag
from actloc_ros.messages import stamp_of

DETECTIONS_2D = 'vision_msgs/msg/Detection2DArray'
FIELDS = 'frame, id, left, top, width, height, score, and where known the kind'

Row = tuple[list[float], float, str, int]
"""A box (x1, y1, x2, y2) in pixels, its score, its kind and its id, 0 without."""


def read_mot(path: str | Path, kind: str) -> dict[int, list[Row]]:
    """Return the rows of a CSV in the layout of the MOT challenge, by frame from 0.

    Args:
        path: Rows of frame (from 1), id (below 1: not followed), left, top, width, height in
            pixels, score (1 where it is left out), and a kind where that is a word.
        kind: Of the rows that name none.

    Raises:
        ValueError: A row that is no such row; the text names its line.
        OSError: It cannot be read.
    """
    path = Path(path)
    rows: dict[int, list[Row]] = defaultdict(list)
    with path.open(newline='', encoding=text_encoding(path)) as file:
        for number, fields in enumerate(csv.reader(file), 1):
            if not fields or (number == 1 and not _is_number(fields[0])):
                continue  # an empty line, or names of columns
            try:
                frame, row = _row([field.strip() for field in fields], kind)
            except ValueError as error:
                raise ValueError(f'{path}, line {number}: {error}; a row is {FIELDS}') from None
            rows[frame].append(row)
    return dict(rows)


def _row(fields: list[str], kind: str) -> tuple[int, Row]:
    if len(fields) < 6:
        raise ValueError(f'it has {len(fields)} fields')
    frame, number = int(float(fields[0])), int(float(fields[1]))
    left, top, width, height = (float(field) for field in fields[2:6])
    score = float(fields[6]) if len(fields) > 6 else 1.0
    if frame < 1 or not (width > 0 and height > 0 and np.isfinite([left, top, score]).all()):
        raise ValueError('frames count from 1, and widths and heights are above 0')
    named = len(fields) > 7 and fields[7] and not _is_number(fields[7])
    box = [left, top, left + width, top + height]
    return frame - 1, (box, min(max(score, 0.0), 1.0), fields[7] if named else kind, max(number, 0))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_detections_2d(path: str | Path, topic: str, kind: str) -> Iterator[tuple[int, list[Row]]]:
    """Yield stamps in ns and boxes of a topic of `vision_msgs/Detection2DArray` of a bag.

    Args:
        path: The bag.
        topic: The topic's name.
        kind: Of boxes without a class.

    Raises:
        BagError: It has no such topic, or does not hold the definition of its messages.
        SourceError: It cannot be read.
    """
    name = '/' + topic.lstrip('/')
    with open_bag(Path(path)) as reader:
        found = [c for c in reader.connections if c.topic == name and c.msgtype == DETECTIONS_2D]
        if not found:
            topics = sorted(c.topic for c in reader.connections if c.msgtype == DETECTIONS_2D)
            raise BagError(
                f'{path} has no topic {name} of {DETECTIONS_2D}; it has '
                f'{", ".join(topics) or "none"}'
            )
        stores = {c.id: _store(path, c) for c in found}
        for connection, _, data in reader.messages(found):
            message = stores[connection.id].deserialize_cdr(data, connection.msgtype)
            yield (
                stamp_of(message.header.stamp),
                [detection_row(d, kind) for d in message.detections],
            )


def _store(path: str | Path, connection: Any) -> Any:
    store, definition = get_typestore(Stores.ROS2_HUMBLE), connection.msgdef
    if definition.format is MessageDefinitionFormat.NONE:
        raise BagError(
            f'{path} does not hold the definition of {DETECTIONS_2D}; convert it to MCAP where '
            'vision_msgs is installed'
        )
    if definition.format is MessageDefinitionFormat.IDL:
        recorded = get_types_from_idl(definition.data)
    else:
        recorded = get_types_from_msg(definition.data, connection.msgtype)
    store.register({n: fields for n, fields in recorded.items() if n not in store.types})
    return store


def detection_row(detection: Any, kind: str) -> Row:
    """Return the box of a `Detection2D` of any message classes, with its best class."""
    box = detection.bbox
    centre = getattr(box.center, 'position', box.center)  # a Pose2D of its own since Galactic
    x, y, right, down = centre.x, centre.y, box.size_x / 2, box.size_y / 2
    best = max(detection.results, key=lambda r: r.hypothesis.score, default=None)
    score = 1.0 if best is None else float(best.hypothesis.score)
    named = best.hypothesis.class_id if best is not None else ''
    return [x - right, y - down, x + right, y + down], score, named or kind, 0
