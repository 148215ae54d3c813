"""Write AVA's layout: what each actor does at each whole second (v2.2, with persons' numbers)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from actloc_ros.files import short_name, write_whole
from actloc_ros.frames import NANOSECONDS
from actloc_ros.recordings.annotate.annotation import RecordingAnnotation
from actloc_ros.recordings.annotate.formats.text import distinct, one_line
from actloc_ros.recordings.annotate.formats.written import WriteOptions, Written

TABLE = 'annotations/ava_train_v2.2.csv'
LABEL_MAP = 'annotations/ava_action_list_v2.2.pbtxt'
PLAIN = str.maketrans({'"': "'", '\\': '/', '{': '(', '}': ')'})
IMAGES = 'frames'
EDGE = 1e-4  # of the image: what a box of no other size is made wide
NO_ACTION = 'AVA has no boxes without an action: {count} at key frames were left out'


def write_ava(annotation: RecordingAnnotation, path: Path, options: WriteOptions) -> Written:
    """Write the table and the label map into `annotations/` of the folder `path`.

    A key frame is the frame shown nearest to a whole second from the first frame on.

    Raises:
        AnnotateError: Two labels would have one name.
        OutputError: A file cannot be written.
    """
    names = distinct(annotation.labels, 'AVA', _plain)
    rows, left_out = _rows(annotation)
    table, label_map = path / TABLE, path / LABEL_MAP
    table.parent.mkdir(parents=True, exist_ok=True)
    (path / IMAGES).mkdir(exist_ok=True)  # where readers look for images, which are not written
    with write_whole(table) as file, file.open('w', newline='', encoding='utf-8') as opened:
        csv.writer(opened, lineterminator='\n').writerows(rows)
    with write_whole(label_map) as file:
        file.write_text(''.join(_items(names)), 'utf-8')
    notes = (NO_ACTION.format(count=left_out),) if left_out else ()
    return Written((table, label_map), notes)


def key_frame_seconds(annotation: RecordingAnnotation) -> list[tuple[int, int]]:
    """Return each whole second of a recording with the frame that is shown nearest to it."""
    last = int(annotation.times[-1]) // NANOSECONDS
    seconds = np.arange(last + 1)
    after = np.searchsorted(annotation.times, seconds * NANOSECONDS).clip(0, annotation.frames - 1)
    before = (after - 1).clip(0)
    nearer = seconds * NANOSECONDS - annotation.times[before] < (
        annotation.times[after] - seconds * NANOSECONDS
    )
    frames = np.where(nearer, before, after)
    return list(zip(seconds.tolist(), frames.tolist(), strict=True))


def _rows(annotation: RecordingAnnotation) -> tuple[list[tuple], int]:
    """Return the rows by time, and how many boxes have no action."""
    video = one_line(short_name(annotation.media.name))
    classes = {label: number for number, label in enumerate(annotation.labels, 1)}
    size = np.array([annotation.width, annotation.height] * 2)
    rows, left_out = [], 0
    for second, frame in key_frame_seconds(annotation):
        for actor in sorted(annotation.actors, key=lambda each: each.track):
            row = int(np.searchsorted(actor.frames, frame))
            if row == len(actor.frames) or actor.frames[row] != frame:
                continue
            actions = actor.doing(frame)
            left_out += not actions
            corners = _corners(actor.boxes[row] / size)
            rows += [(video, second, *corners, classes[name], actor.track) for name in actions]
    return rows, left_out


def _corners(box: np.ndarray) -> list[str]:
    """Return a box in parts of the image, with an area also when it is rounded."""
    x1, y1, x2, y2 = box.clip(0, 1).round(4).tolist()
    x1, y1 = min(x1, 1 - EDGE), min(y1, 1 - EDGE)
    return [f'{value:.4f}' for value in (x1, y1, max(x2, x1 + EDGE), max(y2, y1 + EDGE))]


def _items(names: dict[str, str]) -> Iterator[str]:
    """Yield the labels of a map as AVA has it: protocol buffers, as text."""
    for number, name in enumerate(names.values(), 1):
        yield f'label {{\n  name: "{name}"\n  label_id: {number}\n}}\n'


def _plain(label: str) -> str:
    """Return a label without what readers that know no escapes take for its end."""
    return one_line(label).translate(PLAIN)
