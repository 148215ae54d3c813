"""Write the layout of the MOT challenge: where actors are in each frame, without what they do."""

from __future__ import annotations

import csv
from pathlib import Path

from actloc_ros.files import write_whole
from actloc_ros.recordings.annotate.annotation import RecordingAnnotation
from actloc_ros.recordings.annotate.formats.cvat import PERSON
from actloc_ros.recordings.annotate.formats.text import one_line
from actloc_ros.recordings.annotate.formats.written import WriteOptions, Written

NO_ACTIONS = (
    'MOT holds no actions and no key frames: its readers make every frame a key frame, so it is '
    'not for correcting; use cvat for that'
)


def write_mot(annotation: RecordingAnnotation, path: Path, options: WriteOptions) -> Written:
    """Write `gt/gt.txt`, `gt/labels.txt` and `seqinfo.ini` into the folder `path`.

    Rows are frame (from 1), id, left, top, width, height in px, 1 (it counts), 1 (the class:
    person), and 1 (visible). Corners count from 0, as everywhere in this project.

    Raises:
        OutputError: A file cannot be written.
    """
    rows = [
        (frame + 1, actor.track, x1, y1, round(x2 - x1, 2), round(y2 - y1, 2), 1, 1, 1)
        for actor in annotation.actors
        for frame, (x1, y1, x2, y2) in zip(
            actor.frames.tolist(), actor.boxes.round(2).tolist(), strict=True
        )
    ]
    truth, labels, sequence = path / 'gt/gt.txt', path / 'gt/labels.txt', path / 'seqinfo.ini'
    truth.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(truth) as file, file.open('w', newline='') as opened:
        csv.writer(opened, lineterminator='\n').writerows(sorted(rows))
    with write_whole(labels) as file:
        file.write_text(f'{PERSON}\n')
    with write_whole(sequence) as file:
        file.write_text(_sequence(annotation), 'utf-8')
    return Written((truth, labels, sequence), (NO_ACTIONS,))


def _sequence(annotation: RecordingAnnotation) -> str:
    values = {
        'name': one_line(annotation.media.stem),
        'imDir': 'img1',
        'frameRate': f'{annotation.rate:g}',
        'seqLength': annotation.frames,
        'imWidth': annotation.width,
        'imHeight': annotation.height,
        'imExt': '.jpg',
    }
    return '[Sequence]\n' + ''.join(f'{name}={value}\n' for name, value in values.items())
